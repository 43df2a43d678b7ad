"""
One call in flight, and the one that is current.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, TypeAlias

from agentmon.errors import DeclarationError
from agentmon.instrumentation.active import ACTIVE, DETAILS, OFF
from agentmon.instrumentation.failure import fingerprint
from agentmon.instrumentation.path import DEPENDENCY, HANDOFF, WORKING, Budget, Node
from agentmon.model.attributes import FACTS, LINK
from agentmon.model.outcome import CANCELLED, ERROR, INTERRUPTED, OK, OUTCOMES, TIMEOUT
from agentmon.record.exemplar import Examples

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from agentmon.instrumentation.aftermath import Aftermath
    from agentmon.instrumentation.handoff import Passing
    from agentmon.instrumentation.path import Share
    from agentmon.instrumentation.site import Site
    from agentmon.instrumentation.span import OpenSpan
    from agentmon.record.declaration import Scope
    from agentmon.record.recorder import Recorder

__all__ = [
    "CURRENT",
    "IDLE",
    "Before",
    "Call",
    "Frame",
    "Idle",
    "Measured",
    "Standing",
    "Watched",
    "accept",
    "activate",
    "annotate",
    "begin",
    "conclude",
    "content",
    "current",
    "deactivate",
    "end_again",
    "end_call",
    "enter_cell",
    "finish",
    "restore",
    "usage",
]

#: What was current before `activate`: the frame, and what puts OpenTelemetry's context back.
Before: TypeAlias = "tuple[Frame | None, Callable[[], object] | None]"

#: What is around a call: another call, or only the recorder of one that took the fast path.
Frame: TypeAlias = "Call | Recorder"

#: The innermost frame of the present context.
CURRENT: ContextVar[Frame | None] = ContextVar("agentmon_current", default=None)


class Call:
    """
    One call in flight.

    What ``with agentmon.agent(...) as call`` gives, what ``begin()`` returns, and what
    `agentmon.current` finds. It may be ended by another thread or task than began it.

    Guarantees:
        A call ends once. Whoever ends it first decides the outcome; later ends change nothing and
        are counted in ``agentmon_dropped_total{reason="ended_twice"}``.
    """

    __slots__ = ("answered", "parent", "recorder", "resume")

    #: Set once the first part of the answer of a model is there.
    answered: bool

    #: The call around it, until it ends: so that a chain of tasks does not keep all its ancestors.
    parent: Call | None
    recorder: Recorder
    #: Its span, of a traced call.
    span: OpenSpan | None = None
    #: Its place in the run of a workflow that it is part of.
    node: Node | None = None
    #: The handoff that it is, or stands for.
    passing: Passing | None = None
    #: Set once its block was left while a later one was open: what is current when that one ends.
    resume: Before

    @property
    def scope(self) -> Scope:
        """The names around calls made within it."""
        return self.recorder.scope

    @property
    def kind(self) -> str:
        """``agent``, ``tool``, ``workflow`` and so on: the function that declares it."""
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
        self,
        *,
        input_tokens: int = 0,
        output_tokens: int = 0,
        cached_tokens: int = 0,
        cache_write_tokens: int = 0,
        reasoning_tokens: int = 0,
    ) -> None:
        """
        Note the tokens that a model call used. What is noted several times adds up.

        Args:
            input_tokens: Tokens sent, cached ones included.
            output_tokens: Tokens received, those of reasoning included.
            cached_tokens: The part of the input that was read from a cache. More than the input
                that it is given with is not noted: that input was without the cached part.
            cache_write_tokens: The part of the input that was written to a cache; likewise.
            reasoning_tokens: The part of the output that was reasoning; likewise.
        """
        recorder = self.recorder
        registry = ACTIVE.registry
        if recorder.series.metrics.kind != "model_call":
            if registry is not None:
                registry.drop("outside_model_call", 1)
            return
        # Each with what it is a part of. A part by itself cannot be judged: the whole may have been
        # noted before.
        noted = (
            ("input", input_tokens, 0),
            ("output", output_tokens, 0),
            ("cached", cached_tokens, input_tokens),
            ("cache_write", cache_write_tokens, input_tokens),
            ("reasoning", reasoning_tokens, output_tokens),
        )
        kept: list[tuple[str, int]] = []
        for token_type, n, whole in noted:
            if not _is_count(n) or (_is_count(whole) and 0 < whole < n):
                if registry is not None:
                    registry.drop("invalid_usage", 1)
            elif n:
                recorder.usage.append((token_type, n))
                kept.append((token_type, n))
                if self.span is not None:
                    self.span.usage(token_type, n)
        recorder.press()
        if kept and ACTIVE.spending is not None:
            ACTIVE.spending.note(recorder, kept)

    def first_output(self) -> None:
        """
        Note that the first part of what a model answers is there, of an answer that is streamed.

        What is noted again changes nothing. Of decorated generators it is known by itself.
        """
        registry, recorder = ACTIVE.registry, self.recorder
        begun_ns = recorder.live.get(self)
        if registry is None or begun_ns is None or hasattr(self, "answered"):
            return
        if recorder.series.metrics.kind != "model_call":
            registry.drop("outside_model_call", 1)
            return
        from agentmon.model.catalogue.operations import MODEL_FIRST_OUTPUT  # noqa: PLC0415  # heavy

        self.answered = True
        waited_ns = ACTIVE.clock() - begun_ns
        registry.signals.observe(MODEL_FIRST_OUTPUT, recorder.series.labels, waited_ns)

    def rate_limited(self) -> None:
        """
        Note that the dependency refused this call because there were too many.

        That is no sign that it is down. How the call ends is said besides.
        """
        aftermath = self._dependency()
        if aftermath is not None:
            aftermath.rate_limited(self.recorder)

    def pool_waited(self, seconds: float) -> None:
        """
        Note how long this call to a dependency waited for a connection of a pool.

        Args:
            seconds: How long; what is no number of 0 or more is dropped.
        """
        aftermath = self._dependency()
        if aftermath is not None:
            aftermath.pool_waited(self.recorder, seconds)

    def _dependency(self) -> Aftermath | None:
        """What takes notes on calls to dependencies; None where this is none."""
        aftermath = ACTIVE.aftermath
        if aftermath is not None and self.recorder.declaration.kind != "dependency":
            if ACTIVE.registry is not None:
                ACTIVE.registry.drop("outside_dependency", 1)
            return None
        return aftermath

    def annotate(self, **facts: object) -> None:
        """
        Say more of the call on its span, in the words of the conventions.

        What has no word there can be set through OpenTelemetry's current span.

        Args:
            facts: ``conversation_id``, ``agent_description``, ``tool_type``, ``tool_description``,
                ``tool_call_id``, ``output_type``; of a request ``temperature``, ``top_p``,
                ``top_k``, ``max_tokens``, ``stop_sequences``, ``frequency_penalty``,
                ``presence_penalty``, ``seed``, ``choice_count``; of a response ``response_model``,
                ``response_id``, ``finish_reasons``; ``server_address`` and ``server_port``. One
                that is None is not said.

        Raises:
            DeclarationError: If there is no such fact.
        """
        _check_facts(facts)
        if self.span is not None:
            for name, value in facts.items():
                if value is not None:
                    self.span.set(FACTS[name], value)

    def content(
        self,
        *,
        input: object = None,  # noqa: A002  # as the conventions call it
        output: object = None,
        system: object = None,
    ) -> None:
        """
        Put what was said on its span, after redaction, where ``configure(content=True)`` asks so.

        What is given again takes the place of what was. Nothing is raised, and nothing looked at
        where it is not asked for or the span is not recorded.

        Args:
            input: What went in: a text, a message or several, as dictionaries with ``role`` and
                ``content`` as APIs of models take them; of a tool, its arguments.
            output: What came out: likewise; of a tool, its result.
            system: Instructions to the model besides the messages.
        """
        keeper = ACTIVE.content
        if keeper is not None:
            keeper.messages(self, input, output, system)

    def end(self, *, error: BaseException | None = None, outcome: str | None = None) -> None:
        """
        End the call.

        Args:
            error: What it failed with; decides the outcome unless that is given.
            outcome: ``ok``, ``error``, ``timeout``, ``cancelled`` or ``interrupted``; by default
                what *error* means, or ``ok`` without one.

        Raises:
            ValueError: If *outcome* is none of the five, or *error* no exception; the call goes on.
        """
        _check_end(error, outcome)
        end_call(self, ACTIVE.clock(), error, outcome)

    @contextmanager
    def active(self) -> Iterator[Call]:
        """Make it the current call within a ``with`` block, without ending it."""
        if hasattr(self, "resume"):  # left out of order when it was active before
            del self.resume
        before = activate(self)
        try:
            yield self
        finally:
            deactivate(self, before)


def _is_count(n: object) -> bool:
    return isinstance(n, int) and not isinstance(n, bool) and n >= 0


def _check_end(error: object, outcome: object) -> None:
    if outcome is not None and outcome not in OUTCOMES:
        raise ValueError(f"outcome: got {outcome!r}, allowed {', '.join(OUTCOMES)}")
    if error is not None and not isinstance(error, BaseException):
        raise ValueError(f"error: got {error!r}, allowed an exception or None")


class _TracedCall(Call):
    """A call that has a span."""

    __slots__ = ("span",)

    span: OpenSpan | None


class Watched(_TracedCall):
    """A call that is part of something that is followed: the run of a workflow, or a handoff."""

    __slots__ = ("accepted", "node", "passing", "scope")

    scope: Scope
    node: Node | None
    passing: Passing | None
    #: The handoff that it was called by, if it was the first to be.
    accepted: Passing | None


class Idle(Call):
    """Stands for a call while recording is off: takes everything, does nothing."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        """Empty."""
        return ""

    @property
    def labels(self) -> dict[str, str]:
        """Empty."""
        return {}

    def usage(
        self,
        *,
        input_tokens: int = 0,
        output_tokens: int = 0,
        cached_tokens: int = 0,
        cache_write_tokens: int = 0,
        reasoning_tokens: int = 0,
    ) -> None:
        """Nothing is noted."""

    def first_output(self) -> None:
        """Nothing is noted."""

    def rate_limited(self) -> None:
        """Nothing is noted."""

    def pool_waited(self, seconds: float) -> None:
        """Nothing is noted."""

    def annotate(self, **facts: object) -> None:
        """Nothing is said."""
        _check_facts(facts)

    def end(self, *, error: BaseException | None = None, outcome: str | None = None) -> None:
        """Nothing ends."""
        _check_end(error, outcome)

    @contextmanager
    def active(self) -> Iterator[Call]:
        """Nothing changes."""
        yield self


IDLE = Idle()
IDLE.parent = None


def current() -> Call | None:
    """
    The innermost call around the caller.

    Returns:
        None outside any, or while recording is off. In a task that outlives the call it was
        started in, that call. Ending the call of a decorated function has no effect: it ends when
        the function does.
    """
    frame = CURRENT.get()
    if frame is None or ACTIVE.mode is OFF:
        return None
    if isinstance(frame, Call):
        return frame
    call = Call()
    call.parent = None
    call.recorder = frame
    return call


def usage(
    *,
    input_tokens: int = 0,
    output_tokens: int = 0,
    cached_tokens: int = 0,
    cache_write_tokens: int = 0,
    reasoning_tokens: int = 0,
) -> None:
    """
    Note the tokens that the current model call used; see `Call.usage`.

    For use within a decorated function. Nothing happens outside any call or while recording is off.

    Args:
        input_tokens: Tokens sent, cached ones included.
        output_tokens: Tokens received, those of reasoning included.
        cached_tokens: The part of the input that was read from a cache.
        cache_write_tokens: The part of the input that was written to a cache.
        reasoning_tokens: The part of the output that was reasoning.
    """
    call = current()
    if call is not None:
        call.usage(
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cached_tokens=cached_tokens,
            cache_write_tokens=cache_write_tokens,
            reasoning_tokens=reasoning_tokens,
        )


def annotate(**facts: object) -> None:
    """
    Say more of the current call on its span; see `Call.annotate`.

    For use within a decorated function. Nothing happens outside any call or while recording is off.

    Args:
        facts: As `Call.annotate` takes them.

    Raises:
        DeclarationError: If there is no such fact.
    """
    _check_facts(facts)
    call = current()
    if call is not None:
        call.annotate(**facts)


def content(
    *,
    input: object = None,  # noqa: A002  # as the conventions call it
    output: object = None,
    system: object = None,
) -> None:
    """
    Put what was said on the span of the current call; see `Call.content`.

    For use within a decorated function; of tools that are functions, arguments and result are put
    there by themselves. Nothing happens outside any call or where content is not asked for.

    Args:
        input: What went in.
        output: What came out.
        system: Instructions to the model besides the messages.
    """
    call = current() if ACTIVE.content is not None else None
    if call is not None:
        call.content(input=input, output=output, system=system)


def _check_facts(facts: Iterable[str]) -> None:
    for name in facts:
        if name not in FACTS:
            raise DeclarationError(f"annotate: got {name!r}, allowed {', '.join(FACTS)}")


def begin(site: Site, around: Frame | None, *, explicit_parent: bool = False) -> Call:
    """
    Begin a call; it becomes current only by `activate`.

    Args:
        site: The operation.
        around: The frame around it, if any.
        explicit_parent: Whether the caller named the parent: then its span is the parent too,
            and not the span that is current.
    """
    if around is IDLE:
        around = None
    scope = None if around is None else around.scope
    recorder = site.recorders.get(scope) or site.bind(scope)
    if recorder is None:
        return IDLE
    parent = around if isinstance(around, Call) else None
    spans = ACTIVE.spans
    begun_ns = ACTIVE.clock()
    kind = recorder.declaration.kind
    call: Call
    if (scope is not None and scope.watching) or site.seen:
        call = watched = Watched()
        watched.scope = recorder.scope.watched
        watched.span = watched.node = watched.passing = watched.accepted = None
    elif spans is None:
        call = Call()
    else:
        call = _TracedCall()
    if spans is not None:
        above = parent.span if explicit_parent and parent is not None else None
        call.span = span = spans.start(recorder, begun_ns, above)  # type: ignore[misc]  # it has room
        if span is not None and around is not None and kind == "agent":
            accept(span, around)
    call.parent = parent
    call.recorder = recorder
    if isinstance(call, Watched):
        _follow_begin(call, parent, kind, begun_ns)
    recorder.live[call] = begun_ns
    return call


def _follow_begin(call: Watched, parent: Call | None, kind: str, begun_ns: int) -> None:
    """Take a call that begins into the run and the handoff that it is part of."""
    above = None if parent is None else parent.node
    recorder = call.recorder
    if kind == "workflow" or above is not None:
        share = _share(recorder, kind)
        if above is None:
            call.node = Node(share, begun_ns, Budget())
        else:
            call.node = above.open(share, begun_ns) or above
    if kind == "handoff":
        if ACTIVE.coordination is not None:
            call.passing = ACTIVE.coordination.handoffs.begin(call, begun_ns)
    elif (
        kind == "agent"
        and parent is not None
        and parent.passing is not None
        and parent.passing.accept(begun_ns)
    ):
        call.accepted = parent.passing


def _share(recorder: Recorder, kind: str) -> Share:
    """Whose the own time of a call is, and of which kind."""
    if kind == "handoff":
        return recorder.series.labels[0], HANDOFF
    return recorder.scope.agent, DEPENDENCY if kind == "dependency" else WORKING


def _follow_end(call: Watched, ended_ns: int, outcome: str, error: BaseException | None) -> None:
    """Take a call that ended out of the run and the handoff that it is part of."""
    node, above = call.node, None if call.parent is None else call.parent.node
    if node is not None and node is not above:
        node.ended_ns = ended_ns
        if call.recorder.declaration.kind == "workflow" and ACTIVE.coordination is not None:
            ACTIVE.coordination.run_ended(call.recorder.series.labels[0], node)
    failed = outcome in {ERROR, CANCELLED} or (outcome == TIMEOUT and error is not None)
    if call.passing is not None:
        call.passing.left(failed=failed)
    if call.accepted is not None:
        call.accepted.answered(failed=failed)


def accept(span: OpenSpan, around: Frame) -> None:
    """Link the span of an agent's call to the handoff that it was called by, if it was by one."""
    if isinstance(around, Call) and around.kind == "handoff":
        handoff = around.span
        context = None if handoff is None else handoff.get_span_context()
        if context is not None and context.is_valid:
            span.link(context, {LINK: "handoff"})


def enter_cell(recorder: Recorder, now_ns: int) -> None:
    """Begin a cell of time: fold what belongs to the last one, and look around."""
    recorder.enter_cell(now_ns)
    ACTIVE.look()


def end_call(
    call: Call, ended_ns: int, error: BaseException | None, outcome: str | None = None
) -> None:
    """End a call; see `finish`. Nothing happens while recording was off when it began."""
    if call is not IDLE:
        ended = finish(call.recorder, call, ended_ns, error, outcome=outcome, span=call.span)
        if ended is not None and isinstance(call, Watched):
            _follow_end(call, ended_ns, ended, error)
        call.parent = None


def finish(
    recorder: Recorder,
    key: object,
    ended_ns: int,
    error: BaseException | None,
    *,
    outcome: str | None = None,
    span: OpenSpan | None = None,
) -> str | None:
    """
    Record the end of a call.

    Args:
        recorder: Takes it.
        key: The call's own object in ``recorder.live``; nothing happens if it is there no more.
        ended_ns: When it ended, on the clock of the calls.
        error: What it raised, if it did.
        outcome: How it ended; by default what the error means.
        span: Its span, of a traced call.

    Returns:
        How it ended; None where it had ended already.
    """
    begun_ns = recorder.live.pop(key, None)
    if begun_ns is None:
        end_again()
        return None
    return conclude(recorder, begun_ns, ended_ns, error, outcome=outcome, span=span)


def end_again() -> None:
    """Count the end of a call that had ended already."""
    if ACTIVE.registry is not None:
        ACTIVE.registry.drop("ended_twice", 1)


def conclude(
    recorder: Recorder,
    begun_ns: int,
    ended_ns: int,
    error: BaseException | None,
    *,
    outcome: str | None = None,
    span: OpenSpan | None = None,
) -> str:
    """
    Record a call that is in flight no more.

    Args:
        recorder: Takes it.
        begun_ns: When it began, on the clock of the calls.
        ended_ns: When it ended, on the same clock.
        error: What it raised, if it did.
        outcome: How it ended; by default what the error means.
        span: Its span, of a traced call.

    Returns:
        How it ended.
    """
    timeout_ns = recorder.declaration.timeout_ns
    duration_ns = ended_ns - begun_ns
    late = timeout_ns is not None and duration_ns > timeout_ns
    if error is None and outcome is None and not late and ACTIVE.mode is not DETAILS:
        if ended_ns >= recorder.until_ns:
            enter_cell(recorder, ended_ns)
        recorder.keep(duration_ns)
        if span is not None:
            span.close(duration_ns, OK, None, None)
            _exemplify(recorder, OK, span)
        if ACTIVE.heeded or recorder.declaration.kind == "dependency":
            _follow(recorder, begun_ns, ended_ns, OK, None)
        return OK
    error_type = None
    meant = OK
    if error is not None:
        try:
            meant, error_type = ACTIVE.classifier.meaning(error, recorder.declaration.interrupts)
        except RecursionError:  # the stack is full, which is what ended the call
            meant, error_type = ERROR, "RecursionError"
    if outcome is None:
        outcome = meant
        # Not so where somebody else took the time: a person, or the consumer of a generator.
        if late and meant != INTERRUPTED and not isinstance(error, GeneratorExit):
            outcome = TIMEOUT
    if outcome not in (ERROR, TIMEOUT) or (outcome == TIMEOUT and meant == CANCELLED):
        error_type = None
    trace_id = 0 if span is None else span.trace_id
    failure = None
    if error is not None and error_type is not None:
        failure = fingerprint(error, error_type)
    recorder.details.append((begun_ns, ended_ns, outcome, error_type, trace_id, failure))
    recorder.press()
    if span is not None:
        span.close(duration_ns, outcome, error, error_type)
        _exemplify(recorder, outcome, span)
    failures = ACTIVE.failures
    if failures is not None and outcome in (ERROR, TIMEOUT):
        failures.report(
            recorder,
            outcome,
            duration_ns,
            ended_ns,
            failure=failure,
            error_type=error_type,
            error=error,
            span=span,
        )
    _follow(recorder, begun_ns, ended_ns, outcome, error)
    return outcome


def _follow(
    recorder: Recorder, begun_ns: int, ended_ns: int, outcome: str, error: BaseException | None
) -> None:
    """Let what follows from the ends of calls know of this one."""
    aftermath = ACTIVE.aftermath
    if aftermath is None:
        return
    if outcome == OK:
        aftermath.succeeded(recorder, begun_ns)
    elif outcome in (ERROR, TIMEOUT):
        aftermath.failed(recorder, begun_ns, ended_ns, error)


def _exemplify(recorder: Recorder, outcome: str, span: OpenSpan) -> None:
    """Let the trace of a call that has ended stand for others."""
    if not span.trace_id:
        return
    if recorder.examples is None:
        recorder.examples = Examples()
    if outcome == OK:
        recorder.examples.note(span)
    else:
        recorder.examples.note_failed(outcome, span)


def activate(call: Call) -> Before | None:
    """Make a call current; returns what `deactivate` needs."""
    if call is IDLE:
        return None
    before = CURRENT.get()
    CURRENT.set(call)
    return before, None if call.span is None else call.span.attach()


def deactivate(call: Call, before: Before | None) -> None:
    """
    Make current again what was so before `activate`, wherever this is called from.

    Where the call is not what is current, nothing changes: a later block is still open here, as in
    interleaved generators, or this is another context than that of `activate`.
    """
    if before is None:
        return
    if CURRENT.get() is not call:
        call.resume = before
        return
    outer, put_back = before
    while isinstance(outer, Call) and hasattr(outer, "resume"):  # left already
        outer, further = outer.resume
        put_back = further or put_back
    CURRENT.set(outer)
    if put_back is not None:
        put_back()


class Standing:
    """
    What is current inside a generator, kept while the generator stands still.

    A generator runs in the context of whoever steps it. What it makes current is so again at its
    next step, and never in between.

    Args:
        call: The call of the generator.
    """

    __slots__ = ("_attached", "_call", "_context", "_frame", "_put_back", "_token")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._frame: Frame | None = call
        #: OpenTelemetry's context inside, if a block that is open in there changed it.
        self._context: Context | None = None

    def __enter__(self) -> None:
        if self._call is IDLE:
            return
        self._token = CURRENT.set(self._frame)
        span = self._call.span
        if span is not None:
            self._put_back = span.attach(self._context)
            self._attached = span.present()

    def __exit__(self, *_error: object) -> None:
        if self._call is IDLE:
            return
        now = CURRENT.get()
        if not restore(self._frame, self._token):  # driven by hand, across contexts
            return
        self._frame = now
        span = self._call.span
        if span is not None:
            context = span.present()
            if context is not self._attached:
                self._context = context
            self._put_back()


def restore(frame: Frame | None, token: Token[Frame | None]) -> bool:
    """
    Make current again what was so before *frame*, with all that was left open since.

    Returns:
        False where nothing was changed, because this is another context than the one that *frame*
        was made current in: that one is not ours to mend.
    """
    try:
        CURRENT.reset(token)
    except ValueError:
        if CURRENT.get() is not frame:
            return False
        CURRENT.set(None if token.old_value is Token.MISSING else token.old_value)
    except RuntimeError:  # it was done already, and something was raised right after
        pass
    return True


class Measured:
    """
    A block that is one call: it begins, is current within the block, and ends.

    Args:
        site: What it is recorded as.
    """

    __slots__ = ("_call", "_put_back", "_site", "_token")

    def __init__(self, site: Site) -> None:
        self._site = site

    def __enter__(self) -> None:
        self._call = call = begin(self._site, CURRENT.get())
        if call is not IDLE:
            self._token = CURRENT.set(call)
            self._put_back = None if call.span is None else call.span.attach()

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        call = self._call
        if call is IDLE:
            return
        ended_ns = ACTIVE.clock()
        try:
            try:
                if restore(call, self._token) and self._put_back is not None:
                    self._put_back()
            finally:
                end_call(call, ended_ns, error)
        except RecursionError:  # as in the wrappers of the fast path
            recorder = call.recorder
            begun_ns = recorder.live.pop(call, None)
            if begun_ns is not None:
                recorder.details.append((begun_ns, ended_ns, ERROR, "RecursionError", 0, None))


ACTIVE.plain_block = ACTIVE.block = Measured
