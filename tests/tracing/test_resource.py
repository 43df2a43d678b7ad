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


def test_a_process_is_one_instance() -> None:
    """All that a process exports is of one instance, and a forked child is another one."""
    mine = resource("", "", {})["service.instance.id"]
    assert resource("a", "b", {})["service.instance.id"] == mine
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writer, str(resource("", "", {})["service.instance.id"]).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    other = os.read(reader, 100).decode()
    os.close(reader)
    os.close(writer)
    assert other
    assert other != mine
