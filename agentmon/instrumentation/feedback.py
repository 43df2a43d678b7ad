"""
What users and evaluators say of answers, and how much answers agree.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from agentmon.errors import DeclarationError
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.agreement import closeness
from agentmon.instrumentation.call import current
from agentmon.instrumentation.desk import desk
from agentmon.instrumentation.evaluation import (
    NAME,
    VALUE,
    check_scale,
    judged_by,
    normalised,
    score,
    send,
)
from agentmon.model.catalogue import work
from agentmon.model.declared import check_text

__all__ = ["consistency", "evaluator", "feedback"]

F = TypeVar("F", bound="Callable[..., Any]")

#: The worst and the best rating on each scale.
_SCALES: Final = {
    "thumbs": (0, 1),
    "stars": (1, 5),
    "nps": (0, 10),
    "score": (0, 1),
}
_USER_FEEDBACK: Final = "user_feedback"
_SCALE: Final = "agentmon.feedback.scale"


def feedback(
    *,
    thumbs: bool | None = None,
    stars: float | None = None,
    nps: float | None = None,
    score: float | None = None,
    comment: str | None = None,
    task: object = None,
    trace: str | None = None,
    agent: str | None = None,
) -> None:
    """
    Take down what a user thinks of an answer, in whatever process and however late.

    It counts in ``agentmon_feedback_score_ratio``, brought to 0 to 1, under the agent and the kind
    of task that the process remembers for the task or trace, and goes out as an event as `score`
    does, with the rating as it was given.

    Args:
        thumbs: Up or down.
        stars: 1 to 5.
        nps: 0 to 10: how likely the user is to recommend it.
        score: 0 to 1.
        comment: Why; content, and so kept only where ``configure(content=True)`` says so.
        task: The `Task` or its id; by default the present one.
        trace: Id of a trace, in hexadecimal, where the task is not known.
        agent: The agent, if it is known; it wins over the one that is remembered.

    Raises:
        ValueError: If not just one rating is given.
    """
    given: dict[str, object] = {"thumbs": thumbs, "stars": stars, "nps": nps, "score": score}
    said = {name: value for name, value in given.items() if value is not None}
    if len(said) != 1:
        raise ValueError(
            f"feedback: got {', '.join(said) or 'no rating'}, allowed one of {', '.join(given)}"
        )
    registry = ACTIVE.registry
    if registry is None:
        return
    ((scale, value),) = said.items()
    low, high = _SCALES[scale]
    number = _number(value)
    share = None if number is None else normalised(number, low, high)
    if number is None or share is None or not _is_trace(trace):
        registry.drop("invalid_value", 1)
        return
    call = current()
    judged, kind = judged_by(task, trace, agent, call)
    registry.signals.observe(work.FEEDBACK, (judged, kind, scale), share)
    described = {NAME: _USER_FEEDBACK, VALUE: number, _SCALE: scale}
    send(described, comment, call if task is None and trace is None else None, trace)


def evaluator(
    dimension: str,
    /,
    *,
    name: str | None = None,
    scale: tuple[float, float] = (0.0, 1.0),
    task_by: Callable[..., object] | None = None,
) -> Callable[[F], F]:
    """
    Take down every result of a function that judges, as `score` does.

    The function may compare, ask a person, or call a model. It returns a number, true or false, a
    mapping of such values by dimension, or a pair of a value and why. What it returns passes
    through, and so does what it raises, which is no score.

    Args:
        dimension: What it judges, such as ``accuracy``; for a mapping, what comes before each.
        name: Who judges; by default the name of the function.
        scale: The worst and the best that it can say.
        task_by: Called with its arguments; returns the task that is judged, or its id. By default
            it is the present call, and the task around it.

    Raises:
        DeclarationError: If an argument cannot be used.
    """
    check_text("evaluator", "dimension", dimension, empty=False)
    check_text("evaluator", "name", name or "")
    try:
        ends = check_scale(scale)
    except ValueError as error:
        raise DeclarationError(f"evaluator: {error}") from None
    if task_by is not None and not callable(task_by):
        raise DeclarationError(f"evaluator: task_by: got {task_by!r}, allowed a function")

    def note(result: Any, args: tuple[Any, ...], kwargs: dict[str, Any], who: str) -> None:
        registry = ACTIVE.registry
        if registry is None:
            return
        try:
            task = None if task_by is None else task_by(*args, **kwargs)
            for what, value, why in _judgements(dimension, result):
                number = _number(value)
                if number is None:
                    registry.drop("invalid_value", 1)
                else:
                    score(what, number, scale=ends, evaluator=who, explanation=why, task=task)
        except Exception:  # noqa: BLE001  # of task_by, or a mapping of the host's
            registry.drop("invalid_value", 1)

    def decorate(target: F) -> F:
        if not callable(target):
            raise DeclarationError(f"evaluator: got {target!r}, allowed a function")
        who: str = name or str(getattr(target, "__name__", type(target).__name__))
        wrapper: Any
        if inspect.iscoroutinefunction(target):

            @functools.wraps(target)
            async def judge_later(*args: Any, **kwargs: Any) -> Any:
                result = await target(*args, **kwargs)
                note(result, args, kwargs, who)
                return result

            wrapper = judge_later
        else:

            @functools.wraps(target)
            def judge(*args: Any, **kwargs: Any) -> Any:
                result = target(*args, **kwargs)
                note(result, args, kwargs, who)
                return result

            wrapper = judge
        return wrapper  # type: ignore[no-any-return]  # of the kind that came

    return decorate


def consistency(
    key: object,
    output: Any = None,
    *,
    score: float | None = None,
    similarity: Callable[[Any, Any], float] | None = None,
    dimension: str = "output",
    agent: str | None = None,
) -> float | None:
    """
    Compare an output with those of similar tasks before it.

    The mean likeness counts in ``agentmon_consistency_ratio``. The last 16 outputs of each of the
    last 1,000 keys are kept in memory, as they are given.

    Args:
        key: What makes tasks similar, such as the question that they answer.
        output: What came out; compared by *similarity*.
        score: A score from 0 to 1 instead: two are as alike as 1 less their difference.
        similarity: How alike two outputs are, from 0 to 1; by default 1 where they are equal, else
            0.
        dimension: What is compared.
        agent: Whose output it is; by default that of the innermost agent.

    Returns:
        The likeness; None for the first of its key, and for what cannot be compared.

    Raises:
        ValueError: If neither output nor score is given, or both are.
    """
    check_text("consistency", "dimension", dimension, empty=False)
    if (output is None) is (score is None):
        raise ValueError("consistency: got both or neither, allowed an output or a score")
    at, registry = desk(), ACTIVE.registry
    if at is None or registry is None:
        return None
    call = current()
    whose = agent if agent is not None else "" if call is None else call.scope.agent
    compare: Callable[[Any, Any], float] = similarity or _same
    if score is not None:
        output, compare = _number(score), closeness
        if output is None or not 0 <= output <= 1:
            registry.drop("invalid_value", 1)
            return None
    try:
        likeness = at.agreement.join((whose, dimension, key), output, compare)
        if likeness is None:
            return None
        number = _number(likeness)
    except Exception:  # noqa: BLE001  # of the host's similarity, or a key that cannot be one
        number = None
    if number is None or not 0 <= number <= 1:
        registry.drop("invalid_value", 1)
        return None
    registry.signals.observe(work.CONSISTENCY, (whose, dimension), number)
    return number


def _same(one: object, other: object) -> float:
    return float(one == other)


def _judgements(dimension: str, result: Any) -> list[tuple[str, object, str | None]]:
    """What an evaluator returned: dimension, value and why of each judgement."""
    why = None
    if isinstance(result, tuple) and len(result) == 2:  # noqa: PLR2004  # a pair
        result, why = result
    if result is None:
        return []
    if isinstance(result, Mapping):
        return [(f"{dimension}.{what}", value, why) for what, value in result.items()]
    return [(dimension, result, why if isinstance(why, str) else None)]


def _number(value: object) -> float | None:
    """A finite number, true or false as 1 and 0; None for anything else."""
    if isinstance(value, str | bytes):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]  # numbers of numpy as well
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _is_trace(trace: str | None) -> bool:
    if trace is None:
        return True
    try:
        return 0 < int(trace, 16) < 1 << 128
    except (TypeError, ValueError):
        return False
