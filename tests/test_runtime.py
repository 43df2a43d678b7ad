"""From configure() to shutdown(), and the edges of a process: import, fork and exit."""

from __future__ import annotations

import ast
import json
import logging
import math
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import agentmon
from agentmon.errors import ConfigError
from agentmon.instrumentation.active import ACTIVE, OFF
from agentmon.model.outcome import OUTCOMES
from agentmon.testing import ManualClock, capture

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def unconfigured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test begins and ends without configuration, and without variables that matter."""
    for name in ("SERVICE", "REGION", "SERVE", "TRACES", "DISABLED"):
        monkeypatch.delenv(f"AGENTMON_{name}", raising=False)
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    agentmon.shutdown()
    yield
    agentmon.shutdown()


def run(program: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program in an interpreter of its own, where warnings are errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environ},
        check=False,
    )


def run_well(program: str, **environ: str) -> str:
    """What a program prints that exits with 0 and says nothing on the error stream."""
    ran = run(program, **environ)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


# ------------------------------------------------------------------ configure and shutdown


def test_nothing_is_recorded_before_configure() -> None:
    """Recording starts with configure(); calls before it are not counted."""
    marked = agentmon.tool("t")(lambda: 1)
    assert marked() == 1
    assert agentmon.statistics() == []
    agentmon.configure(traces="none")
    assert marked() == 1
    (operation,) = agentmon.statistics()
    assert operation.summary.count == 1


def test_configuring_the_same_again_changes_nothing() -> None:
    """The same arguments again leave everything recorded in place."""
    agentmon.configure(service="s", buckets=[1, 2], traces="none")
    with agentmon.tool("t"):
        pass
    agentmon.configure(service="s", buckets=(1, 2), traces="none")
    assert len(agentmon.statistics()) == 1


def test_configuring_otherwise_is_refused() -> None:
    """Other arguments raise, and what is in force stays in force."""
    agentmon.configure(service="s", traces="none")
    with agentmon.tool("t"):
        pass
    with pytest.raises(ConfigError, match=r"configured already.*agentmon\.shutdown\(\)"):
        agentmon.configure(service="other", traces="none")
    assert len(agentmon.statistics()) == 1


def test_shutdown_may_come_at_any_time() -> None:
    """Shutting down before configuring, and again, changes nothing; configuring anew works."""
    agentmon.shutdown()
    agentmon.configure(service="s", traces="none")
    agentmon.shutdown()
    agentmon.shutdown()
    assert agentmon.statistics() == []
    assert ACTIVE.mode is OFF
    agentmon.configure(service="other", traces="none")
    with agentmon.tool("t"):
        pass
    assert len(agentmon.statistics()) == 1


def test_a_bad_argument_leaves_nothing_behind() -> None:
    """After a refusal, nothing is in force and configuring properly works."""
    with pytest.raises(ConfigError):
        agentmon.configure(digits=9)
    with pytest.raises(ConfigError, match="the host has set no tracer provider"):
        agentmon.configure(traces="host")
    assert ACTIVE.mode is OFF
    agentmon.configure(traces="none")
    assert ACTIVE.mode is not OFF


def test_disabled_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """AGENTMON_DISABLED lets everything pass through; configuring is checked all the same."""
    monkeypatch.setenv("AGENTMON_DISABLED", "1")
    agentmon.configure(service="s", serve="127.0.0.1:0")
    with agentmon.tool("t"):
        pass
    assert ACTIVE.mode is OFF
    assert agentmon.statistics() == []
    assert agentmon.endpoint() is None
    with pytest.raises(ConfigError, match="digits"):
        agentmon.configure(digits=9)


def test_a_variable_is_read_by_configure(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says counts as configured."""
    monkeypatch.setenv("AGENTMON_SERVICE", "from the environment")
    agentmon.configure(traces="none")
    agentmon.configure(service="from the environment", traces="none")
    with pytest.raises(ConfigError):
        agentmon.configure(service="another", traces="none")


def test_configure_says_what_it_does(caplog: pytest.LogCaptureFixture) -> None:
    """One line tells that recording is on, and whether spans are made."""
    with caplog.at_level(logging.INFO, "agentmon"):
        agentmon.configure(traces="none")
    assert [entry.getMessage() for entry in caplog.records] == ["agentmon: recording; spans: none"]


def test_a_misspelt_variable_is_warned_of_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that nobody reads is warned of once in a process, without its value."""
    monkeypatch.setenv("AGENTMON_SERVIVE", "hunter2")
    for _ in range(2):
        agentmon.configure(traces="none")
        agentmon.shutdown()
    said = [entry.getMessage() for entry in caplog.records if "SERVIVE" in entry.getMessage()]
    meant = "is not known to agentmon: did you mean AGENTMON_SERVICE?"
    assert said == [f"agentmon: the variable AGENTMON_SERVIVE {meant}"]


def test_configuring_the_same_exporter_again_changes_nothing() -> None:
    """The same exporter and equal options are the same settings; another exporter is not."""
    run_well(
        """
        import agentmon
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        exporter = InMemorySpanExporter()
        for _ in range(2):
            agentmon.configure(traces=agentmon.Traces(exporter, ratio=1.0, sampler="traceidratio"))
        with agentmon.tool("t"):
            pass
        assert agentmon.flush()
        assert [span.name for span in exporter.get_finished_spans()] == ["execute_tool t"]
        try:
            agentmon.configure(traces=InMemorySpanExporter())
        except agentmon.ConfigError as error:
            assert "configured already" in str(error)
        else:
            raise AssertionError
        """
    )


def test_a_disabled_sdk_makes_no_spans_and_records() -> None:
    """With OTEL_SDK_DISABLED calls are counted, no span is made, and the log says why."""
    said = run_well(
        """
        import logging, sys
        logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
        import agentmon
        from opentelemetry import trace

        agentmon.configure(traces="http://localhost:1")
        with agentmon.tool("t"):
            assert not trace.get_current_span().get_span_context().is_valid
        assert agentmon.statistics()[0].summary.count == 1
        """,
        OTEL_SDK_DISABLED="true",
    )
    assert said == "agentmon: recording; spans: none, as OTEL_SDK_DISABLED says\n"


def test_declared_exceptions_are_known() -> None:
    """Exceptions declared to configure() decide outcomes."""

    class PauseError(Exception):
        pass

    class LateError(Exception):
        pass

    agentmon.configure(interrupts=PauseError, timeouts=[LateError], traces="none")
    for error in (PauseError, LateError):
        with pytest.raises(error), agentmon.tool("t"):
            raise error
    (operation,) = agentmon.statistics()
    expected = {**dict.fromkeys(OUTCOMES, 0), "interrupted": 1, "timeout": 1}
    assert operation.summary.outcomes == expected


def test_a_call_that_runs_at_shutdown() -> None:
    """It ends unrecorded and without harm, also when recording is on anew by then."""
    entered, leave = threading.Event(), threading.Event()

    @agentmon.tool("t")
    def work() -> int:
        entered.set()
        leave.wait(30)
        return 5

    results: list[int] = []
    agentmon.configure(traces="none")
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    assert entered.wait(30)
    handle = agentmon.agent("a").begin()
    agentmon.shutdown()
    agentmon.configure(service="anew", traces="none")
    leave.set()
    thread.join(30)
    handle.end()
    assert results == [5]
    assert agentmon.statistics() == []
    with agentmon.tool("t"):
        pass
    (operation,) = agentmon.statistics()
    assert operation.summary.count == 1


# ------------------------------------------------------------------ statistics


def test_statistics_by_window_and_kind() -> None:
    """Each window has the calls of its time; kinds are told apart; life has all."""
    clock = ManualClock()
    with capture(clock):
        for pause in (3200, 200, 50, 0):
            for operation in (agentmon.tool("t"), agentmon.workflow("w")):
                with operation:
                    clock.advance(1)
            clock.advance(pause)
        counts = {
            window: [one.summary.count for one in agentmon.statistics(window)]  # type: ignore[arg-type]
            for window in ("1m", "5m", "1h", None)
        }
        assert counts == {"1m": [2, 2], "5m": [3, 3], "1h": [4, 4], None: [4, 4]}
        clock.advance(7200)
        assert [one.summary.count for one in agentmon.statistics("1h")] == [0, 0]
        (only,) = agentmon.statistics(kind="workflow")
        assert (only.kind, only.name, only.labels) == ("workflow", "w", {"workflow": "w"})
        assert agentmon.statistics(kind="agent") == []


def test_variance_shares_are_of_one_kind() -> None:
    """The shares of each kind add up to 1, whatever the other kinds do."""
    clock = ManualClock()
    with capture(clock):
        for seconds in (1, 3):
            for operation in (agentmon.tool("t"), agentmon.tool("u"), agentmon.workflow("w")):
                with operation:
                    clock.advance(seconds)
        shares = {one.name: one.variance_share for one in agentmon.statistics()}
    assert shares == pytest.approx({"t": 0.5, "u": 0.5, "w": 1.0})


def test_statistics_tell_what_is_in_flight_and_what_failed() -> None:
    """A summary holds the calls that have not ended and the failures by type."""
    agentmon.configure(traces="none")
    running = agentmon.agent("a").begin()
    agentmon.agent("a").begin().end(error=ValueError())
    (summary,) = agentmon.statistics()
    assert summary.in_flight == 1
    assert summary.errors == {"ValueError": 1}
    running.end()
    (summary,) = agentmon.statistics()
    assert summary.in_flight == 0


def test_statistics_of_an_operation_without_calls() -> None:
    """A call that has begun shows, with a count of 0 and no numbers."""
    with capture():
        call = agentmon.tool("t").begin()
        (operation,) = agentmon.statistics()
        call.end()
    assert operation.summary.count == 0
    assert math.isnan(operation.summary.p50)


@pytest.mark.parametrize("configured", [False, True])
def test_windows_and_kinds_that_are_none(configured: bool) -> None:
    """An unknown window or kind is refused, also before configure()."""
    if configured:
        agentmon.configure(traces="none")
    with pytest.raises(ValueError, match="window: got '2m', allowed None, 1m, 5m, 1h"):
        agentmon.statistics("2m")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="kind: got 'agents', allowed None, workflow, step, agent"):
        agentmon.statistics(kind="agents")


# ------------------------------------------------------------------ processes


def test_importing_does_nothing_and_loads_nothing_heavy() -> None:
    """A fresh import starts no thread, opens nothing, and loads no heavy package."""
    found = run_well(
        """
        import json, os, sys, threading

        def audit(event, args):
            if event.startswith(("socket.", "subprocess.", "os.fork", "os.mkdir")):
                opened.append(event)
            elif event == "open" and isinstance(args[1], str) and set("wax+") & set(args[1]):
                opened.append(args[0])

        opened = []
        sys.addaudithook(audit)
        descriptors = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
        before = set(os.listdir(descriptors))
        import agentmon
        after = set(os.listdir(descriptors))
        heavy = ("opentelemetry.sdk", "grpc", "numpy", "asyncio", "prometheus_client", "hdrh",
                 "http.server", "psutil", "wrapt", "opentelemetry.exporter", "ssl", "socket")
        print(json.dumps([
            threading.active_count(), opened, len(after) - len(before),
            [name for name in heavy if name in sys.modules],
        ]))
        """,
        PYTHONDONTWRITEBYTECODE="1",
    )
    threads, opened, descriptors, heavy = json.loads(found)
    assert threads == 1
    assert opened == []
    assert descriptors == 0
    assert heavy == []


def test_a_call_that_runs_when_the_interpreter_exits() -> None:
    """A daemon thread in the middle of recording does not disturb the exit."""
    printed = run_well(
        """
        import threading
        import agentmon
        agentmon.configure(service="s", traces="none")
        busy = threading.Event()

        @agentmon.tool("forever")
        def forever():
            busy.set()
            threading.Event().wait()

        @agentmon.tool("quick")
        def quick():
            raise ValueError

        def hammer():
            while True:
                try:
                    quick()
                except ValueError:
                    pass

        for target in (forever, hammer, hammer):
            threading.Thread(target=target, daemon=True).start()
        busy.wait()
        handle = agentmon.agent("never ended").begin()
        with agentmon.workflow("w"):
            print("bye")
            raise SystemExit(0)
        """
    )
    assert printed == "bye\n"


def test_statistics_can_be_had_at_exit() -> None:
    """An exit handler registered before configure() runs after shutdown and finds nothing."""
    printed = run_well(
        """
        import atexit, agentmon
        atexit.register(lambda: print("last", len(agentmon.statistics())))
        agentmon.configure(traces="none")
        atexit.register(lambda: print("first", agentmon.statistics()[0].summary.count))
        with agentmon.tool("t"):
            pass
        """
    )
    assert printed == "first 1\nlast 0\n"


def test_the_environment_of_a_process() -> None:
    """A bad variable stops configure() with a message that names it."""
    ran = run("import agentmon; agentmon.configure()", AGENTMON_DISABLED="perhaps")
    assert ran.returncode == 1
    assert "ConfigError: AGENTMON_DISABLED: got 'perhaps', allowed" in ran.stderr


# ------------------------------------------------------------------ what the hot path may not do

HOT = sorted(
    path
    for layer in ("model", "record", "instrumentation")
    for path in (ROOT / "agentmon" / layer).glob("*.py")
)
#: What wraps parts of an event loop, and is loaded only when somebody asks for it.
OF_LOOPS = ("capacity.py", "queues.py", "synchronise.py")
FORBIDDEN = ("opentelemetry.sdk", "prometheus_client", "asyncio", "grpc", "numpy", "hdrh", "psutil")


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", HOT, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_hot_path_imports_nothing_heavy(path: Path) -> None:
    """No module of the hot path imports an SDK, a client library or an event loop, even lazily."""
    forbidden = [name for name in FORBIDDEN if name != "asyncio" or path.name not in OF_LOOPS]
    for module in imported(ast.parse(path.read_text())):
        assert not any(f"{module}.".startswith(f"{name}.") for name in forbidden), module


@pytest.mark.parametrize("path", HOT, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_hot_path_does_no_input_or_output(path: Path) -> None:
    """No module of the hot path prints, opens or sleeps; model and record log in one place only."""
    logs = 0
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("print", "open", "time.sleep", "sleep"), called
            logs += called.startswith(("logger.", "logging.")) and called != "logging.getLogger"
    if path.parent.name != "instrumentation":
        assert logs == (path.name == "registry.py")


def test_configuring_leaves_no_variable_in_the_context_of_the_host() -> None:
    """Each one there would make every measured call slower, by a tenth."""
    program = (
        "import contextvars, agentmon\n"
        "agentmon.configure(traces='none', prices={'models': {'m': {'input': 2.5}}})\n"
        "print(len(contextvars.copy_context()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "0\n"
