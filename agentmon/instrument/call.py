"""
One call in flight, and the one that is current.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, TypeAlias

from agentmon.instrument.active import ACTIVE, METRICS
from agentmon.model.outcome import ERROR, INTERRUPTED, OK, OUTCOMES, TIMEOUT
from agentmon.record.recorder import FULL

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from agentmon.instrument.site import Site
    from agentmon.instrument.span import OpenSpan
    from agentmon.record.recorder import Recorder

__all__ = ["CURRENT", "IDLE", "Call", "Measured", "Tokens", "activate", "begin", "current", "deactivate"]

#: What `deactivate` needs to undo `activate`.
Tokens: TypeAlias = "tuple[Token[Call | None], Token[Context] | None]"

#: The innermost call of the present context.
CURRENT: ContextVar[Call | None] = ContextVar("agentmon_current_call", default=None)


class Call:
    """
    One call in flight.

    What ``with agentmon.agent(...) as call`` gives, what ``begin()`` returns, and what
    `agentmon.current` finds. It may be ended by another thread or task than began it.

    Guarantees:
        A call ends once. Whoever ends it first decides the outcome; later ends change nothing and
        are counted in ``agentmon_dropped_total{reason="ended_twice"}``.
    """

    __slots__ = ("begun_ns", "parent", "recorder", "resume")

    begun_ns: int
    #: The call around it, until it ends: so that a chain of tasks does not keep all its ancestors.
    parent: Call | None
    recorder: Recorder
    #: Its span, of a traced call.
    span: OpenSpan | None = None
    #: Set once its block was left while a later one was open: what is current when that one ends.
    resume: Call | None

    @property
    def kind(self) -> str:
        """``agent``, ``tool``, ``model_call``, ``workflow`` or ``step``."""
        return self.recorder.series.metrics.kind

    @property
    def labels(self) -> dict[str, str]:
        """The labels that it is recorded under."""
        series = self.recorder.series
        names = (label.name for label in series.metrics.labels)
        return dict(zip(names, series.labels, strict=True))

    @property
    def trace_id(self) -> str | None:
        """Id of its trace in hexadecimal, or None where no span of it is recorded."""
        trace_id = self.span.trace_id if self.span is not None else 0
        return f"{trace_id:032x}" if trace_id else None

    def usage(
        self, *, input_tokens: int = 0, output_tokens: int = 0, cached_tokens: int = 0
    ) -> None:
        """
        Note the tokens that a model call used. What is noted several times adds up.

        Args:
            input_tokens: Tokens sent, cached ones included.
            output_tokens: Tokens received.
            cached_tokens: The part of the input that was read from a cache.
        """
        recorder = self.recorder
        registry = ACTIVE.registry
        if recorder.series.metrics.kind != "model_call":
            if registry is not None:
                registry.drop("usage_outside_model_call", 1)
            return
        noted = (("input", input_tokens), ("output", output_tokens), ("cached", cached_tokens))
        for token_type, n in noted:
            if not isinstance(n, int) or n < 0:
                if registry is not None:
                    registry.drop("invalid_usage", 1)
            elif n:
                recorder.usage.append((token_type, n))
        if len(recorder.usage) >= FULL:
            recorder.fold()
        if self.span is not None:
            self.span.usage(input_tokens, output_tokens, cached_tokens)

    def end(self, *, error: BaseException | None = None, outcome: str | None = None) -> None:
        """
        End the call.

        Args:
            error: What it failed with; decides the outcome unless that is given.
            outcome: ``ok``, ``error``, ``timeout``, ``cancelled`` or ``interrupted``; by default
                what *error* means, or ``ok`` without one.

        Raises:
            ValueError: If *outcome* is none of the five; the call goes on.
        """
        if outcome is not None and outcome not in OUTCOMES:
            raise ValueError(f"outcome: got {outcome!r}, allowed {', '.join(OUTCOMES)}")
        finish(self, ACTIVE.clock(), error, outcome)

    @contextmanager
    def active(self) -> Iterator[Call]:
        """Make it the current call within a ``with`` block, without ending it."""
        tokens = activate(self)
        try:
            yield self
        finally:
            deactivate(self, tokens)


class _TracedCall(Call):
    """A call that has a span."""

    __slots__ = ("span",)

    span: OpenSpan | None


class _Idle(Call):
    """Stands for a call while recording is off: takes everything, does nothing."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        return ""

    @property
    def labels(self) -> dict[str, str]:
        return {}

    def usage(
        self, *, input_tokens: int = 0, output_tokens: int = 0, cached_tokens: int = 0
    ) -> None:
        pass

    def end(self, *, error: BaseException | None = None, outcome: str | None = None) -> None:
        pass

    @contextmanager
    def active(self) -> Iterator[Call]:
        yield self


IDLE = _Idle()
IDLE.parent = None


def current() -> Call | None:
    """
    The innermost call in flight around the caller.

    Returns:
        None outside any, or while recording is off.
    """
    call = CURRENT.get()
    return call if call is not None and call in call.recorder.live else None


def begin(site: Site, parent: Call | None, *, explicit_parent: bool = False) -> Call:
    """
    Begin a call; it becomes current only by `activate`.

    Args:
        site: The operation.
        parent: The call around it, if any.
        explicit_parent: Whether the caller named the parent: then its span is the parent too,
            and not the span that is current.
    """
    scope = None if parent is None or parent is IDLE else parent.recorder.scope
    recorder = site.recorders.get(scope) or site.bind(scope)
    if recorder is None:
        return IDLE
    spans = ACTIVE.spans
    begun_ns = ACTIVE.clock()
    if spans is None:
        call = Call()
    else:
        above = parent.span if explicit_parent and parent is not None else None
        call = traced = _TracedCall()
        traced.span = spans.start(recorder.declaration, recorder.scope, begun_ns, above)
    call.parent = parent
    call.recorder = recorder
    call.begun_ns = begun_ns
    recorder.live.add(call)
    return call


def enter_cell(recorder: Recorder, now_ns: int) -> None:
    """Begin a cell of time: fold what belongs to the last one, and look around."""
    recorder.enter_cell(now_ns)
    ACTIVE.look()


def finish(
    call: Call, ended_ns: int, error: BaseException | None, outcome: str | None = None
) -> None:
    """
    End a call.

    Args:
        call: It; nothing happens if it has ended.
        ended_ns: When it ended, on the clock of the calls.
        error: What it raised, if it did.
        outcome: How it ended; by default what the error means.
    """
    if call is IDLE:
        return
    recorder = call.recorder
    try:
        recorder.live.remove(call)
    except KeyError:
        if ACTIVE.registry is not None:
            ACTIVE.registry.drop("ended_twice", 1)
        return
    call.parent = None
    span = call.span
    begun_ns = call.begun_ns
    if error is None and span is None and outcome is None and ACTIVE.mode is METRICS:
        if ended_ns >= recorder.until_ns:
            enter_cell(recorder, ended_ns)
        plain = recorder.plain
        plain.append(ended_ns - begun_ns)
        if len(plain) >= FULL:
            recorder.fold()
        return
    error_type = None
    meant = OK
    if error is not None:
        if isinstance(error, recorder.declaration.interrupts):
            meant, error_type = INTERRUPTED, None
        else:
            meant, error_type = ACTIVE.classifier.classify(type(error))
    if outcome is None:
        outcome = meant
        timeout_ns = recorder.declaration.timeout_ns
        if timeout_ns is not None and ended_ns - begun_ns > timeout_ns and meant != INTERRUPTED:
            outcome = TIMEOUT
    if outcome not in (ERROR, TIMEOUT):
        error_type = None
    details = recorder.details
    trace_id = 0 if span is None else span.trace_id
    details.append((begun_ns, ended_ns, outcome, error_type, trace_id))
    if len(details) >= FULL:
        recorder.fold()
    if span is not None:
        span.end(ended_ns - begun_ns, outcome, error, error_type)


def activate(call: Call) -> Tokens | None:
    """Make a call current; returns what `deactivate` needs."""
    if call is IDLE:
        return None
    token = CURRENT.set(call)
    return token, None if call.span is None else call.span.attach()


def deactivate(
    call: Call, tokens: Tokens | None
) -> None:
    """Make current again what was so before `activate`, wherever this is called from."""
    if tokens is None:
        return
    token, span_token = tokens
    outer: Call | None = None if token.old_value is Token.MISSING else token.old_value
    now = CURRENT.get()
    if now is not call and _within(now, call):
        call.resume = outer  # a later block is still open here, as in interleaved generators
        return
    while outer is not None and hasattr(outer, "resume"):
        outer = outer.resume
    try:
        CURRENT.reset(token)
    except ValueError:  # left in another context than entered: that one is not ours to mend
        if now is call:
            CURRENT.set(outer)
        return
    CURRENT.set(outer)
    if span_token is not None and call.span is not None:
        call.span.detach(span_token)


def _within(inner: Call | None, outer: Call) -> bool:
    while inner is not None:
        if inner is outer:
            return True
        inner = inner.parent
    return False


class Measured:
    """
    A block that is one call: it begins, is current within the block, and ends.

    Args:
        site: What it is recorded as.
    """

    __slots__ = ("_call", "_site", "_tokens")

    def __init__(self, site: Site) -> None:
        self._site = site

    def __enter__(self) -> Call:
        self._call = call = begin(self._site, CURRENT.get())
        self._tokens = activate(call)
        return call

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        ended_ns = ACTIVE.clock()
        deactivate(self._call, self._tokens)
        finish(self._call, ended_ns, error)
