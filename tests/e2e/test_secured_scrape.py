"""The endpoint behind passwords, tokens and certificates, asked by real servers and clients."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from agentmon.export.access import Access, Gate
from agentmon.export.respond import Endpoint
from agentmon.export.server import Server
from agentmon.export.tls import TLS
from tests.docs.pages import ROOT, blocks
from tests.export.certificates import Authority
from tests.export.recording import filled
from tests.servers.processes import SCRAPERS, missing, scraper, wait_until

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

PASSWORD, TOKEN = "correct horse: bättery", "c2VjcmV0+/=="  # of a test

#: The scrape configurations of the page, by the names of their jobs.
JOBS: dict[str, dict[str, Any]] = {
    job["job_name"]: job
    for block in blocks(ROOT / "docs" / "serving.md", "yaml")
    for job in yaml.safe_load(block.text)["scrape_configs"]
}


class Secured:
    """
    An endpoint for each way of the page, and the files that clients need, in one folder.

    Args:
        folder: For the files, under the names that the page has for them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        authority = Authority(folder)
        (folder / "scrape-password").write_text(PASSWORD + "\n")
        (folder / "scrape-token").write_text(TOKEN + "\n")
        authority.issue("prometheus", "prometheus@example.org")
        certificate, key = authority.issue("tls")
        tls = {"certificate": certificate, "key": key}
        by_password = {"user": "prometheus", "password_file": folder / "scrape-password"}
        by_token = {"token_file": folder / "scrape-token"}
        self._servers: dict[str, tuple[Server, Gate]] = {}
        for name, parts in (
            ("agentmon-password", by_password),
            ("agentmon-token", by_token),
            ("agentmon-tls", {**tls, **by_token}),
            ("agentmon-client-certificate", {**tls, "client_ca": authority.path}),
            ("all", {**tls, **by_password, **by_token}),
        ):
            access = Access(**parts)  # type: ignore[arg-type]
            gate = Gate(access)
            server = Server(
                Endpoint(filled(), gate=gate),
                gate=gate,
                tls=TLS(access) if access.certificate else None,
            )
            self._servers[name] = (server, gate)

    def url(self, name: str) -> str:
        """Where one of them is."""
        return self._servers[name][0].url

    def refused(self, name: str) -> Mapping[str, int]:
        """What one of them refused."""
        return {reason: n for reason, n in self._servers[name][1].refused().items() if n}

    def close(self) -> None:
        """Stop them all."""
        for server, _ in self._servers.values():
            server.close()


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    """Endpoints for each way of the page."""
    found = Secured(tmp_path)
    yield found
    found.close()


def test_the_page_shows_each_way() -> None:
    """There is one scrape configuration for each way to secure the endpoint."""
    assert set(JOBS) == {
        "agentmon-password",
        "agentmon-token",
        "agentmon-tls",
        "agentmon-client-certificate",
    }


@pytest.mark.servers
@pytest.mark.parametrize("key", SCRAPERS)
def test_real_servers_scrape_as_the_page_says(secured: Secured, key: str) -> None:
    """Every configuration of the page scrapes; without its secrets it does not, and is counted."""
    secrets = ("basic_auth", "authorization")
    jobs = []
    for name, job in JOBS.items():
        targets = [{"targets": [secured.url(name).rpartition("/")[2]]}]
        jobs.append(job | {"static_configs": targets})
        bare = {part: value for part, value in job.items() if part not in secrets}
        if "cert_file" in bare.get("tls_config", {}):
            bare["tls_config"] = {"ca_file": bare["tls_config"]["ca_file"]}
        jobs.append(bare | {"job_name": f"{name}-bare", "static_configs": targets})
    with ExitStack() as stack:
        server = stack.enter_context(scraper(key, [], secured.folder, jobs=jobs))

        def seen() -> dict[str, float]:
            return {sample.labels["job"]: sample.value for sample in server.instant("up")}

        expected = dict.fromkeys(JOBS, 1.0) | {f"{name}-bare": 0.0 for name in JOBS}
        wait_until(lambda: seen() == expected, timeout_s=60, what=f"{key} to scrape {expected}")
        calls = server.instant('agentmon_agent_calls_total{outcome="ok"}')
        assert {sample.labels["job"]: sample.value for sample in calls} == dict.fromkeys(JOBS, 6)
        left = server.instant("agentmon_endpoint_certificate_expiry_timestamp_seconds - time()")
        assert {sample.labels["job"] for sample in left} == {
            "agentmon-tls",
            "agentmon-client-certificate",
        }
        assert all(sample.value > 0 for sample in left)
        for name in JOBS:
            reason = "client_certificate" if name.endswith("-certificate") else "no_credentials"
            assert set(secured.refused(name)) == {reason}
            query = f'agentmon_endpoint_refused_total{{job="{name}",reason="{reason}"}} > 0'
            wait_until(lambda q=query: bool(server.instant(q)), timeout_s=30, what=query)  # type: ignore[misc]


_CURL = [
    "curl",
    "--silent",
    "--show-error",
    "--noproxy",
    "*",
    "--max-time",
    "30",
    "-w",
    "%{http_code}",
    "-o",
    "/dev/null",
]


def _curl(secured: Secured, name: str, *options: str) -> tuple[str, str]:
    """Status and what is said, of a request by the command that people have."""
    if shutil.which("curl") is None:
        missing("curl is missing")
    done = subprocess.run(
        [*_CURL, *options, f"{secured.url(name)}/metrics"],
        capture_output=True,
        text=True,
        check=False,
        cwd=secured.folder,
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize(
    ("name", "options", "status", "words"),
    [
        ("agentmon-password", ("--user", f"prometheus:{PASSWORD}"), "200", ""),
        ("agentmon-password", ("--anyauth", "--user", f"prometheus:{PASSWORD}"), "200", ""),
        ("agentmon-password", ("--user", "prometheus:wrong"), "401", ""),
        ("agentmon-token", ("--oauth2-bearer", TOKEN), "200", ""),
        ("agentmon-token", ("--user", f"prometheus:{PASSWORD}"), "401", ""),
        ("all", ("--cacert", "authority.pem", "--user", f"prometheus:{PASSWORD}"), "200", ""),
        ("all", ("--cacert", "authority.pem", "--oauth2-bearer", TOKEN), "200", ""),
        ("all", ("--cacert", "authority.pem"), "401", ""),
        ("all", ("--cacert", "authority.pem", "--tls-max", "1.2"), "401", ""),
        ("all", (), "000", "certificate"),
        (
            "agentmon-client-certificate",
            ("--cacert", "authority.pem", "--cert", "prometheus.pem", "--key", "prometheus.key"),
            "200",
            "",
        ),
        ("agentmon-client-certificate", ("--cacert", "authority.pem"), "000", "certificate"),
    ],
)
def test_curl_is_answered(
    secured: Secured, name: str, options: tuple[str, ...], status: str, words: str
) -> None:
    """Curl gets in with what is asked for, and is told in its own words why not without."""
    got, said = _curl(secured, name, *options)
    assert got == status
    assert words in said


@pytest.mark.browser
def test_a_browser_shows_the_page_behind_a_password(secured: Secured, browser: Chrome) -> None:
    """With user and password, by plain HTTP and by TLS, the page loads and its numbers follow."""
    from selenium.webdriver.support.wait import WebDriverWait

    for name in ("agentmon-password", "all"):
        if name == "all":  # the authority of a test is not in the store of the browser
            browser.execute_cdp_cmd("Security.setIgnoreCertificateErrors", {"ignore": True})  # type: ignore[no-untyped-call]
        url = secured.url(name)
        known = url.replace("://", "://prometheus:correct%20horse%3A%20b%C3%A4ttery@")
        for address in (known, url):  # the second time the browser remembers
            browser.get(f"{address}/")
            WebDriverWait(browser, 30, 0.05).until(
                lambda chrome: "triage" in chrome.find_element("tag name", "main").text
            )


@pytest.mark.browser
def test_a_browser_without_the_password_sees_nothing(secured: Secured, browser: Chrome) -> None:
    """Who does not know the password gets a short text."""
    browser.get(secured.url("agentmon-password").replace("://", "://prometheus:wrong@") + "/")
    assert "triage" not in browser.page_source
