"""``agentmon collect``: reports in, metrics out, and what it says of it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from agentmon.cli import main
from tests.collect.reports import REPORTS, SHOP
from tests.servers.processes import pushgateway, scraper, wait_until

DEPLOYMENTS = (REPORTS / "deployments.jsonl").read_text().splitlines(keepends=True)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AGENTMON_SERVICE", "AGENTMON_REGION", "AGENTMON_PUSH", "OTEL_SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)


def collect(*arguments: str) -> int:
    """Run the command; returns its status."""
    return main(["collect", "--root", str(SHOP), *arguments])


def test_a_table_shows_what_was_collected(capsys: pytest.CaptureFixture[str]) -> None:
    """By kind, with the number of files, and values as people read them."""
    given = (f"{REPORTS}/junit-*.xml", f"deployments={REPORTS}/deployments.jsonl")
    assert collect(*given, f"{REPORTS}/shop.pem") == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "junit: 2 files" in lines
    assert "deployments: 1 file" in lines
    assert "agentmon_tests shop skipped 1" in lines
    assert any(line.endswith("production 3 of 2 h 06 m on average") for line in lines)
    assert any(line.endswith("shop.pem 2027-01-01 00:00 UTC") for line in lines)


def test_metrics_are_printed_instead(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the labels of the service, and nothing of agentmon's own."""
    monkeypatch.setenv("AGENTMON_SERVICE", "shop")
    assert collect(f"capacity={REPORTS}/capacity.json", "--print") == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line[0] != "#"]
    assert lines == [
        'agentmon_capacity_limit{service="shop",resource="database connections"} 100.0',
        'agentmon_capacity_limit{service="shop",resource="tokens per minute"} 90000.0',
        'agentmon_capacity_used{service="shop",resource="database connections"} 37.0',
    ]


def test_nothing_is_pushed_if_one_report_is_bad(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The status is 2, each bad file has a line, and the textfile stays as it was."""
    text, bad = tmp_path / "x.prom", tmp_path / "bad.xml"
    text.write_text("before")
    bad.write_text("<coverage>\n</cover>")
    given = (f"coverage={bad}", "ruff=gone.json", f"capacity={REPORTS}/capacity.json")
    assert collect(*given, "--textfile", str(text)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert sorted(said.err.splitlines()) == [
        f"agentmon collect: {bad}:2: got no XML: mismatched tag",
        "agentmon collect: gone.json: there is no such file",
    ]
    assert text.read_text() == "before"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name a report, or give --kinds"),
        (("--push", "pigeon=x", "x.json"), "push: got ['pigeon=x']"),
        (("--textfile", "x.txt", "x.json"), "allowed the path of a file whose name ends in .prom"),
        (("--timeout", "nan", "x.json"), "--timeout: got nan"),
        (("--push", "pushgateway=http://h", "--group", "x", "x.json"), "--group: got 'x'"),
        (("--push", "pushgateway=http://h", "--group", "suite=x", "x.json"), "got suite, allowed"),
    ],
)
def test_wrong_arguments_are_refused(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The status is 2, and what is allowed is said."""
    assert collect(*arguments) == 2
    assert said in capsys.readouterr().err


def test_a_push_that_fails_is_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A CI job can tell a bad report from a server that is away."""
    where = str(tmp_path / "no folder" / "x.prom")
    assert collect(f"capacity={REPORTS}/capacity.json", "--textfile", where) == 1
    assert "No such file" in capsys.readouterr().err


def test_every_kind_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """With what it reads."""
    assert main(["collect", "--kinds"]) == 0
    assert "radon-cc       radon cc -j\n" in capsys.readouterr().out


def test_what_has_no_room_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Labels are bounded here too: 201 resources are one too many."""
    rows = "".join(f'{{"resource": "r{n}", "limit": 1}}\n' for n in range(201))
    (tmp_path / "x.jsonl").write_text(rows)
    assert collect(f"capacity={tmp_path}/x.jsonl") == 0
    said = capsys.readouterr()
    assert "1 values are under 'other'" in said.err
    assert "and 181 more" in said.out


def test_the_command_needs_nothing_that_is_running(tmp_path: Path) -> None:
    """In a process of its own it reads, writes the file, and ends with status 0."""
    path = tmp_path / "x.prom"
    program = "from agentmon.cli import main; raise SystemExit(main())"
    arguments = (f"capacity={REPORTS}/capacity.json", "--textfile", str(path))
    command = [sys.executable, "-W", "error", "-c", program, "collect", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.endswith(f"pushed: textfile={path}\n")
    assert "agentmon_capacity_limit" in path.read_text()


# ------------------------------------------------------------------ a real Pushgateway


def shown(url: str) -> str:
    """What a Pushgateway shows."""
    with urlopen(Request(f"{url}/metrics")) as answer:
        text: str = answer.read().decode()
    return text


@pytest.mark.servers
def test_jobs_that_collect_different_kinds_leave_each_other_alone(tmp_path: Path) -> None:
    """A later run replaces what it collects anew, whole, and nothing else."""
    with pushgateway(tmp_path / "gateway") as url:
        push = ("--push", f"pushgateway={url}", "--group", "job=shop")
        assert collect(f"ruff={REPORTS}/ruff.json", *push) == 0
        assert collect(f"{REPORTS}/mypy.json", f"{REPORTS}/coverage.xml", *push) == 0
        both = shown(url)
        assert 'rule="F401"' in both
        assert 'rule="return-value"' in both
        assert 'collected="coverage",coverage="line"' in both
        (tmp_path / "clean.json").write_text("[]")
        assert collect(f"ruff={tmp_path}/clean.json", *push) == 0
        after = shown(url)
        assert 'rule="F401"' not in after
        assert 'rule="return-value"' in after
        assert collect(f"ruff={REPORTS}/ruff.json", *push, "--group", "part=web") == 0
        assert 'rule="F401"' in shown(url)


@pytest.mark.servers
@pytest.mark.parametrize("key", ["prometheus2", "prometheus3"])
def test_counters_of_a_history_rise_over_runs_as_it_grows(key: str, tmp_path: Path) -> None:
    """Each run pushes all of the history, so `increase` of Prometheus sees only what is new."""
    path = tmp_path / "deployments.jsonl"
    with pushgateway(tmp_path / "gateway") as url:
        push = ("--push", f"pushgateway={url}", "--group", "job=shop")
        target = url.removeprefix("http://")
        job = {
            "job_name": "gateway",
            "honor_labels": True,
            "scrape_interval": "200ms",
            "static_configs": [{"targets": [target]}],
        }
        path.write_text("".join(DEPLOYMENTS[:2]))
        assert collect(f"deployments={path}", *push) == 0
        with scraper(key, (), tmp_path / "server", jobs=[job]) as server:
            total = 'sum(agentmon_deployments_total{job="shop"})'
            for n in (2, 2, 5):  # a run without anything new in between
                path.write_text("".join(DEPLOYMENTS[:n]))
                assert collect(f"deployments={path}", *push) == 0
                wait_until(
                    lambda n=n: [each.value for each in server.instant(total)] == [n],  # type: ignore[misc]
                    timeout_s=30,
                    what=f"{n} deployments",
                )
            succeeded = 'agentmon_deployments_total{job="shop", result="succeeded"}'
            assert server.value(f"resets({succeeded}[5m])") == 0
            assert (
                server.value(f"max_over_time({succeeded}[5m]) - min_over_time({succeeded}[5m])")
                == 2
            )
            lead = 'agentmon_deployment_lead_time_seconds_sum{job="shop"}'
            assert server.value(lead) == 22_800


@pytest.mark.servers
def test_remote_write_and_otlp_take_what_a_textfile_takes(tmp_path: Path) -> None:
    """Each of three real receivers has the facts of two kinds."""
    more = ("--web.enable-remote-write-receiver",)
    with ExitStack() as stack:
        prometheus = stack.enter_context(scraper("prometheus3", (), tmp_path / "p", more=more))
        victoria = stack.enter_context(scraper("victoriametrics", (), tmp_path / "v"))
        push = (
            f"--push=remote-write={prometheus.url}/api/v1/write",
            f"--push=otlp={victoria.url}/opentelemetry",
        )
        reports = (f"{REPORTS}/coverage.xml", f"deployments={REPORTS}/deployments.jsonl")
        assert collect(*reports, *push) == 0
        for server in (prometheus, victoria):
            for query, value in (
                ('agentmon_coverage_ratio{package="shop", coverage="line"}', 0.75),
                ("sum(agentmon_deployments_total)", 5),
                ("agentmon_deployment_restore_seconds_sum", 4500),
            ):
                wait_until(
                    lambda server=server, query=query: bool(server.instant(query)),  # type: ignore[misc]
                    timeout_s=30,
                    what=query,
                )
                assert server.value(query) == value
