"""
One record in the log for each failure, as long as there are not too many that are alike.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

# Not in the midst of a failure, where the process may fork: a child cannot go on importing.
import agentmon.redaction  # noqa: F401
from agentmon._version import __version__
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.content import exception_attributes
from agentmon.instrumentation.correlate import present_ids
from agentmon.model import attributes
from agentmon.model.failure import unlocated
from agentmon.model.outcome import TIMEOUT
from agentmon.record.clock import epoch_offset_ns
from agentmon.record.failures import MOST_GROUPS
from agentmon.tracing.log import WARN, LogRecord
from agentmon.tracing.span import Library

if TYPE_CHECKING:
    from agentmon.instrumentation.span import OpenSpan
    from agentmon.model.failure import Failure
    from agentmon.record.recorder import Recorder

__all__ = ["LIBRARY", "FailureLog"]

LIBRARY: Final = Library("agentmon", __version__)

_MINUTE_NS: Final = 60 * 10**9
#: Records of a minute that are not a flood.
_FIRST: Final = 5
_MOST_KEYS: Final = 2 * MOST_GROUPS

#: What the conventions call an exception, by the kind of the operation that it ended.
_EVENTS: Final = {
    "model_call": "gen_ai.client.operation.exception",
    "tool": "gen_ai.execute_tool.exception",
}

_logger = logging.getLogger("agentmon.failures")
# Without any handler, what is logged as a warning would be printed.
_logger.addHandler(logging.NullHandler())

#: Whether the present context is reporting a failure: what fails in a handler is not reported.
_reporting: ContextVar[bool] = ContextVar("agentmon_reporting", default=False)


class FailureLog:
    """
    Reports failures: through standard logging, and as records for a collector.

    Guarantees:
        - `report` does not raise, whatever a handler of the host does, and holds no lock while one
          runs. Failures within a handler are counted, and not reported.
        - Nothing is kept of an exception.
        - Of failures that are alike, the first five of a minute are reported; then, for as long as
          each minute has more, one of a minute, with the number of those held back. Memory is
          bounded.

    Args:
        sink: Takes the records for a collector, with message and stack trace of the exception,
            redacted; None if there is no way to one.
    """

    def __init__(self, sink: Callable[[LogRecord], object] | None) -> None:
        self._sink = sink
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._lock = RLock()
        self._turns: dict[Any, _Turn] = {}

    def abandon(self) -> None:
        """Begin anew in a forked child."""
        self._begin_anew()

    def late(self, recorder: Recorder, ended_ns: int, duration_ns: int) -> None:
        """Report a call that returned, and took longer than it may."""
        self.report(recorder, TIMEOUT, duration_ns, ended_ns)

    def report(
        self,
        recorder: Recorder,
        outcome: str,
        duration_ns: int,
        ended_ns: int,
        *,
        failure: Failure | None = None,
        error_type: str | None = None,
        error: BaseException | None = None,
        span: OpenSpan | None = None,
    ) -> None:
        """
        Report a failure.

        Args:
            recorder: Took the call.
            outcome: How it ended: error or timeout.
            duration_ns: How long it took.
            ended_ns: When it ended, on the clock of the calls.
            failure: What it is like, if that is known.
            error_type: Qualified name of the exception, if there was one.
            error: The exception.
            span: The span of the call, if it has one.
        """
        if _reporting.get():
            return
        token = _reporting.set(True)
        try:
            kind, name = recorder.series.metrics.kind, recorder.series.labels[0]
            if failure is None:
                failure = unlocated(error_type or outcome, kind, name)
            held_back = self._turn((failure.group, kind, name), ended_ns)
            if held_back is not None:
                said = _Said(recorder, failure, outcome, duration_ns, held_back, span)
                said.log()
                if self._sink is not None:
                    at_ns = getattr(span, "ended_ns", 0)  # one that is not recorded has none
                    at_ns = at_ns or ended_ns + epoch_offset_ns(ACTIVE.clock)
                    self._sink(self._record(said, at_ns, error_type, error))
        except Exception:  # noqa: BLE001  # a handler of the host's; or the stack is full
            _count_error()
        finally:
            _reporting.reset(token)

    def _turn(self, key: Any, now_ns: int) -> int | None:
        """How many alike were held back since the last that was reported; None if this one is."""
        with self._lock:
            turn = self._turns.get(key)
            if turn is None:
                if len(self._turns) >= _MOST_KEYS:
                    self._turns = {k: t for k, t in self._turns.items() if not t.over(now_ns)}
                if len(self._turns) >= _MOST_KEYS:
                    key = None  # all further ones together
                turn = self._turns.setdefault(key, _Turn(now_ns))
            return turn.take(now_ns)

    def _record(
        self, said: _Said, at_ns: int, error_type: str | None, error: BaseException | None
    ) -> LogRecord:
        described: dict[str, Any] = said.attributes()
        event = "agentmon.failure"
        if error is not None and error_type is not None:
            event = _EVENTS.get(said.kind, "exception")
            described["exception.type"] = error_type
            described.update(exception_attributes(error))
        return LogRecord(
            event,
            at_ns,
            WARN,
            "WARN",
            said.text(),
            described,
            said.trace_id,
            said.span_id,
            said.flags,
            LIBRARY,
        )


def _count_error() -> None:
    if ACTIVE.registry is not None:
        ACTIVE.registry.drop("log_error", 1)


class _Said:
    """What is said of one failure, here and there."""

    __slots__ = (
        "_failure",
        "_held_back",
        "_outcome",
        "_recorder",
        "_seconds",
        "flags",
        "kind",
        "span_id",
        "trace_id",
    )

    def __init__(  # noqa: PLR0917  # made in one place
        self,
        recorder: Recorder,
        failure: Failure,
        outcome: str,
        duration_ns: int,
        held_back: int,
        span: OpenSpan | None,
    ) -> None:
        self._recorder = recorder
        self._failure = failure
        self._outcome = outcome
        self._seconds = duration_ns / 1e9
        self._held_back = held_back
        self.kind = recorder.series.metrics.kind
        if span is None:  # its trace may have one all the same, that is not recorded
            self.trace_id, self.span_id, self.flags = present_ids()
        else:
            context = span.get_span_context()
            self.trace_id, self.span_id = context.trace_id, context.span_id
            self.flags = int(context.trace_flags)

    def text(self) -> str:
        """The message."""
        message, arguments = self._message()
        return message % arguments

    def _message(self) -> tuple[str, tuple[Any, ...]]:
        failure = self._failure
        message = "%s %r " + ("timed out" if self._outcome == TIMEOUT else "failed")
        arguments: list[Any] = [self.kind.replace("_", " "), self._recorder.series.labels[0]]
        if failure.error_type != self._outcome:
            message += ": %s"
            arguments.append(failure.error_type)
        if failure.location:
            message += " in %s"
            arguments.append(failure.location)
        message += " after %.3f s (group %s)"
        arguments += self._seconds, failure.group
        if self._held_back:
            message += "; %d more like it were not logged"
            arguments.append(self._held_back)
        return message, tuple(arguments)

    def log(self) -> None:
        """Say it through standard logging."""
        if not _logger.isEnabledFor(logging.WARNING):
            return
        message, arguments = self._message()
        # Without `extra`, which raises where a record factory of the host's uses one of the names.
        record = _logger.makeRecord(
            _logger.name, logging.WARNING, __file__, 0, message, arguments, None
        )
        scope, failure = self._recorder.scope, self._failure
        record.__dict__.update(
            agentmon_kind=self.kind,
            agentmon_name=self._recorder.series.labels[0],
            agent=scope.agent,
            workflow=scope.workflow,
            operation=f"{self.kind} {self._recorder.series.labels[0]}",
            outcome=self._outcome,
            error_type=failure.error_type,
            error_group=failure.group,
            error_location=failure.location,
            duration_seconds=self._seconds,
            held_back=self._held_back,
            trace_id=f"{self.trace_id:032x}" if self.trace_id else "",
            span_id=f"{self.span_id:016x}" if self.span_id else "",
        )
        _logger.handle(record)

    def attributes(self) -> dict[str, Any]:
        """What a collector is told, besides the exception."""
        declaration, scope = self._recorder.declaration, self._recorder.scope
        failure = self._failure
        described: dict[str, Any] = {
            **ACTIVE.conventions.span_attributes(
                declaration.kind,
                declaration.name,
                operation=declaration.operation,
                model=declaration.model,
                provider=declaration.provider,
                workflow=scope.workflow,
                agent=scope.agent,
            ),
            attributes.OUTCOME: self._outcome,
            attributes.ERROR_TYPE: failure.error_type,
            attributes.ERROR_GROUP: failure.group,
            attributes.DURATION: self._seconds,
        }
        if failure.location:
            described[attributes.ERROR_LOCATION] = failure.location
        if self._held_back:
            described[attributes.HELD_BACK] = self._held_back
        return described


class _Turn:
    """How many failures that are alike may still be reported."""

    __slots__ = ("_held_back", "_left", "_until_ns")

    def __init__(self, now_ns: int) -> None:
        self._until_ns = now_ns + _MINUTE_NS
        self._left = _FIRST
        self._held_back = 0

    def over(self, now_ns: int) -> bool:
        """Whether it has been quiet for so long that this may be forgotten."""
        return now_ns >= self._until_ns + _MINUTE_NS

    def take(self, now_ns: int) -> int | None:
        """How many were held back since the last that was reported; None to hold this back too."""
        if now_ns >= self._until_ns:
            self._left = 1 if self._held_back and not self.over(now_ns) else _FIRST
            self._until_ns = now_ns + _MINUTE_NS
        if not self._left:
            self._held_back += 1
            return None
        self._left -= 1
        held_back, self._held_back = self._held_back, 0
        return held_back
