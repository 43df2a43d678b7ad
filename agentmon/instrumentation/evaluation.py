"""
What somebody thinks of a call: scores of evaluators, thumbs of users.
"""

from __future__ import annotations

import math
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.active import ACTIVE, OFF
from agentmon.instrumentation.call import Call, current
from agentmon.instrumentation.correlate import present_ids

if TYPE_CHECKING:
    from agentmon.instrumentation.span import OpenSpan

__all__ = [
    "EXPLANATION",
    "NAME",
    "VALUE",
    "check_scale",
    "judged_by",
    "normalised",
    "score",
    "send",
]

EVENT: Final = "gen_ai.evaluation.result"
NAME: Final = "gen_ai.evaluation.name"
VALUE: Final = "gen_ai.evaluation.score.value"
LABEL: Final = "gen_ai.evaluation.score.label"
EXPLANATION: Final = "gen_ai.evaluation.explanation"
RESPONSE_ID: Final = "gen_ai.response.id"


def score(
    name: str,
    value: float | None = None,
    *,
    scale: tuple[float, float] = (0.0, 1.0),
    evaluator: str = "",
    label: str | None = None,
    explanation: str | None = None,
    response_id: str | None = None,
    call: Call | None = None,
    task: object = None,
    trace: str | None = None,
    agent: str | None = None,
) -> None:
    """
    Say how good a call or a task was, now or later.

    A value counts in ``agentmon_evaluation_score_ratio``, brought to 0 to 1, under the agent that
    is judged. It also goes out as the event ``gen_ai.evaluation.result`` of the conventions, as it
    was given: a log record that belongs to the span of the call, to the collectors that agentmon
    exports spans to, or to the logger provider of OpenTelemetry that the host has set.

    Args:
        name: What was judged, such as ``relevance`` or ``helpful``.
        value: The score; a finite number. One outside the scale goes out as an event only.
        scale: The worst and the best score that there may be.
        evaluator: Who judged: the name of a function, the role of a person, or a model.
        label: The score in words, such as ``pass``.
        explanation: Why; content, and so kept only where ``configure(content=True)`` says so.
        response_id: Id of the model's response that was judged, where no span says which.
        call: The call that was judged, which may have ended; by default the current one.
        task: The `Task` that was judged, or its id, in whatever process and however late.
        trace: Id of the trace that was judged, in hexadecimal, likewise.
        agent: The agent that was judged, if it is known; it wins over all that is found out.

    Raises:
        ValueError: If there is neither value nor label, or one of the arguments cannot be used.
    """
    described = _described(name, value, label, response_id)
    _check_text("explanation", explanation)
    if call is not None and not isinstance(call, Call):
        raise ValueError(f"call: got {call!r}, allowed a call or None")
    low, high = check_scale(scale)
    for what, text in (("evaluator", evaluator), ("trace", trace), ("agent", agent)):
        _check_text(what, text)
    registry = ACTIVE.registry
    if registry is None:
        return
    if call is None:
        call = current()
    if value is not None:
        share = normalised(described[VALUE], low, high)
        if share is None:
            registry.drop("invalid_value", 1)
        else:
            judged, _ = judged_by(task, trace, agent, call)
            labels = (judged, registry.version_of(judged), name, evaluator)
            registry.signals.observe(_metrics().EVALUATION, labels, share)
    send(described, explanation, call if task is None and trace is None else None, trace)


def judged_by(
    task: object, trace: str | None, agent: str | None, call: Call | None
) -> tuple[str, str]:
    """The agent and the kind of task that something is said of; empty where that is not known."""
    from agentmon.instrumentation.task import found  # noqa: PLC0415  # loads what tasks need

    known = found(task, trace)
    if known is None and (task is not None or trace is not None):
        if agent is None and ACTIVE.registry is not None:
            ACTIVE.registry.drop("unknown_subject", 1)
        return agent or "", ""
    around = "" if call is None else call.scope.agent
    name = "" if known is None else known[1]
    if task is None and trace is None:  # the agent that is at work counts, rather than the task's
        return agent or around or ("" if known is None else known[0]), name
    return agent or ("" if known is None else known[0]), name


def check_scale(scale: object) -> tuple[float, float]:
    """The worst and the best of a scale, which differ."""
    try:
        low, high = map(_finite, scale)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        low = high = 0.0
    if low == high:
        raise ValueError(
            f"scale: got {scale!r}, allowed two finite numbers, the worst and the best"
        )
    return low, high


def normalised(value: float, low: float, high: float) -> float | None:
    """Where a value lies between the worst and the best, from 0 to 1; None outside."""
    share = (value - low) / (high - low)
    return share if 0 <= share <= 1 else None


def _metrics() -> Any:
    from agentmon.model.catalogue import work  # noqa: PLC0415  # only to record

    return work


def send(
    described: dict[str, Any], explanation: str | None, call: Call | None, trace: str | None
) -> None:
    """Let a judgement out as an event, if there is a way out."""
    events = ACTIVE.events
    if ACTIVE.mode is OFF or events is None:
        return
    try:
        if explanation is not None and ACTIVE.content is not None:
            described[EXPLANATION] = ACTIVE.content.text(explanation)
        _emit(events, described, call, trace)
    except Exception:  # noqa: BLE001  # a logger provider of the host's, or its hook for redaction
        if ACTIVE.registry is not None:
            ACTIVE.registry.drop("log_error", 1)


def _described(
    name: str, value: float | None, label: str | None, response_id: str | None
) -> dict[str, Any]:
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"name: got {name!r}, allowed text that is not blank")
    if value is None and label is None:
        raise ValueError("value, label: got neither, allowed one of them or both")
    described: dict[str, Any] = {NAME: name}
    if value is not None:
        described[VALUE] = _finite(value)
    for key, what, text in ((LABEL, "label", label), (RESPONSE_ID, "response_id", response_id)):
        _check_text(what, text)
        if text is not None:
            described[key] = text
    return described


def _finite(value: object) -> float:
    number = math.nan
    if not isinstance(value, bool | str | bytes):
        with suppress(TypeError, ValueError, OverflowError):
            number = float(value)  # type: ignore[arg-type]  # numbers of numpy as well
    if not math.isfinite(number):
        raise ValueError(f"value: got {value!r}, allowed a finite number or None")
    return number


def _check_text(what: str, text: object) -> None:
    if text is not None and not isinstance(text, str):
        raise ValueError(f"{what}: got {text!r}, allowed text or None")


def _emit(events: Any, described: dict[str, Any], call: Call | None, trace: str | None) -> None:
    from agentmon.instrumentation.failure_log import LIBRARY  # noqa: PLC0415  # loads OpenTelemetry's API
    from agentmon.tracing.log import LogRecord  # noqa: PLC0415  # likewise

    span: OpenSpan | None = None if call is None else call.span
    if trace is not None:
        trace_id, span_id, flags = int(trace, 16), 0, 0
    elif span is None:
        trace_id, span_id, flags = present_ids()
    else:
        context = span.get_span_context()
        trace_id, span_id, flags = context.trace_id, context.span_id, int(context.trace_flags)
    # Events of the conventions have a name, and neither severity nor a text for people.
    events(
        LogRecord(EVENT, time.time_ns(), 0, "", "", described, trace_id, span_id, flags, LIBRARY)
    )
