"""Certificates that are watched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

import agentmon
from agentmon import _runtime
from agentmon.instrumentation.active import ACTIVE
from tests.driven import Endpoint
from tests.export.certificates import Authority


@pytest.fixture(autouse=True)
def _no_certificates(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(_runtime._runtime, "certificates", None)
    followers = list(ACTIVE.followers)
    yield
    ACTIVE.followers[:] = followers


@pytest.mark.drives("agentmon_certificate_expiry_timestamp_seconds")
def test_a_certificate_that_is_renewed_shows_its_new_end(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    """The file is read anew at a scrape after it has changed; one that is gone stays as it was."""
    first, second = (
        datetime(2031, 1, 1, tzinfo=timezone.utc),
        datetime(2032, 1, 1, tzinfo=timezone.utc),
    )
    authority = Authority(tmp_path)
    path, _ = authority.issue("leaf", until=first)
    agentmon.certificate("web", path)
    endpoint.start()
    name = "agentmon_certificate_expiry_timestamp_seconds"
    assert endpoint.value(name, certificate="web") == first.timestamp()
    renewed, _ = authority.issue("renewed", until=second)
    shutil.move(renewed, path)
    assert endpoint.value(name, certificate="web") == second.timestamp()
    path.unlink()
    assert endpoint.value(name, certificate="web") == second.timestamp()
    assert endpoint.value("agentmon_dropped_total", reason="look_failed") == 2


def test_a_file_without_certificate_is_refused(tmp_path: Path) -> None:
    """Watching what is no certificate, or is not there, is a mistake that is said at once."""
    path = tmp_path / "x.pem"
    with pytest.raises(agentmon.DeclarationError, match="cannot read"):
        agentmon.certificate("web", path)
    path.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(agentmon.DeclarationError, match="allowed a file with whole certificates"):
        agentmon.certificate("web", path)


@pytest.mark.drives("agentmon_certificate_expiry_timestamp_seconds")
def test_certificates_may_be_named_while_recording_is_on(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    """Of a chain the earliest end counts, and each name has its own."""
    soon, late = (
        datetime(2030, 1, 1, tzinfo=timezone.utc),
        datetime(2031, 1, 1, tzinfo=timezone.utc),
    )
    authority = Authority(tmp_path)
    one, _ = authority.issue("one", until=soon)
    other, _ = authority.issue("other", until=late)
    chain = tmp_path / "chain.pem"
    chain.write_bytes(other.read_bytes() + one.read_bytes())
    endpoint.start()
    agentmon.certificate("chain", chain)
    agentmon.certificate("leaf", other)
    assert endpoint.samples("agentmon_certificate_expiry_timestamp_seconds") == {
        ("chain",): soon.timestamp(),
        ("leaf",): late.timestamp(),
    }
