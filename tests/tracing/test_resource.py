"""Where signals come from."""

from __future__ import annotations

import os

from agentmon.tracing.resource import resource


def test_service_and_region_are_named() -> None:
    """Name and region are those given, and the process is this one."""
    found = resource("svc", "eu", {})
    assert (found["service.name"], found["cloud.region"]) == ("svc", "eu")
    assert found["process.pid"] == os.getpid()
    assert found["telemetry.sdk.name"] == "agentmon"


def test_given_attributes_win_but_for_the_service_name() -> None:
    """What the variable says wins over what is found; an explicit name of the service over both."""
    given = {"service.name": "other", "host.name": "h", "team": "t"}
    assert resource("svc", "", given)["service.name"] == "svc"
    found = resource("", "", given)
    assert (found["service.name"], found["host.name"], found["team"]) == ("other", "h", "t")


def test_unnamed_service_is_called_after_its_program() -> None:
    """Without a name the service has the default one of the specification."""
    assert str(resource("", "", {})["service.name"]).startswith("unknown_service:")


def test_each_resource_is_an_instance_of_its_own() -> None:
    """Two resources, as of parent and forked child, have different instance ids."""
    assert (
        resource("", "", {})["service.instance.id"] != resource("", "", {})["service.instance.id"]
    )
