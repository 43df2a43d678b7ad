"""Pushing to a Pushgateway: options, addresses, and what a real one shows afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.request import urlopen

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentmon.export.push.pushgateway import Gateway, Pushgateway
from agentmon.export.push.target import Moment
from tests.export.push.exposed import LABELS, ORIGIN, moment, samples, shown
from tests.servers.processes import pushgateway


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Pushgateway."""
    with pushgateway(tmp_path_factory.mktemp("gateway")) as url:
        yield url


def pushed(options: Pushgateway, now: Moment) -> None:
    """Push once, which must go well."""
    target = Gateway(options, ORIGIN)
    answers = [attempt(10.0) for attempt in target.prepare(now)]
    target.close()
    assert [answer.verdict for answer in answers] == ["accepted"], answers


def groups(url: str) -> list[dict[str, str]]:
    """The labels of every group."""
    with urlopen(f"{url}/api/v1/metrics", timeout=10) as reply:
        return [group["labels"] for group in json.load(reply)["data"]]


def metrics(url: str, job: str, *without: str) -> Any:
    """Agentmon's samples of a job, without labels of the group."""
    with urlopen(f"{url}/metrics", timeout=10) as reply:
        text = reply.read().decode()
    found = samples(text)
    return {
        (
            name,
            frozenset(pair for pair in labels if pair[0] not in ("job", "instance", *without)),
        ): n
        for (name, labels), n in found.items()
        if ("job", job) in labels
    }


@pytest.mark.servers
def test_a_group_shows_what_a_scrape_would_have_shown(gateway: str) -> None:
    """Every sample is there with its labels and its exact value, and those of the group."""
    now = moment()
    pushed(Pushgateway(gateway, job="whole", grouping={"shard": "7"}), now)
    assert {"job": "whole", "shard": "7"} in groups(gateway)
    assert metrics(gateway, "whole", "shard") == shown(now.families)


@pytest.mark.servers
def test_the_job_is_the_service_by_default(gateway: str) -> None:
    """Without a job the group is called as the service is, whatever characters that has."""
    pushed(Pushgateway(gateway), moment())
    assert {"job": LABELS["service"]} in groups(gateway)


@pytest.mark.servers
def test_replacing_takes_away_what_is_not_pushed(gateway: str) -> None:
    """By default a push replaces the whole group; otherwise metrics of other names stay."""
    now = moment()
    some = replace(now, families=now.families[:1])
    for job, whole in (("replaced", True), ("kept", False)):
        options = Pushgateway(gateway, job=job, replace=whole)
        pushed(options, now)
        pushed(options, some)
        left = shown(some.families if whole else now.families)
        assert metrics(gateway, job) == left


@pytest.mark.servers
def test_a_group_can_be_taken_away_at_the_end(gateway: str) -> None:
    """With remove, the last push deletes the group, and no other."""
    options = Pushgateway(gateway, job="gone", remove=True)
    pushed(options, moment())
    pushed(Pushgateway(gateway, job="stays"), moment())
    assert {"job": "gone"} in groups(gateway)
    pushed(options, moment(last=True))
    assert {"job": "gone"} not in groups(gateway)
    assert {"job": "stays"} in groups(gateway)


@pytest.mark.servers
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=30),
    st.text(st.characters(codec="utf-8"), max_size=30),
)
def test_any_value_can_be_a_label_of_the_group(gateway: str, job: str, value: str) -> None:
    """Slashes, dots, nothing, spaces, percent signs: the gateway reads what was meant."""
    now = moment()
    pushed(
        Pushgateway(gateway, job=job, grouping={"shard": value}),
        replace(now, families=now.families[-1:]),
    )
    meant = {"job": job, "shard": value} if value else {"job": job}
    found = [{k: v for k, v in labels.items() if v} for labels in groups(gateway)]
    assert meant in found
    pushed(Pushgateway(gateway, job=job, grouping={"shard": value}, remove=True), moment(last=True))
