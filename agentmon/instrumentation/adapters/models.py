"""
What the adapters of clients of models have in common: one call, to the end of its answer.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from agentmon.instrumentation.active import ACTIVE, OFF
from agentmon.instrumentation.adapters.blocks import Block
from agentmon.instrumentation.adapters.client import guarded
from agentmon.instrumentation.adapters.runs import being_asked
from agentmon.instrumentation.operation import Operation, model_call
from agentmon.model.outcome import CANCELLED, OK, TIMEOUT

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator

__all__ = [
    "Answer",
    "Asked",
    "Usage",
    "ask",
    "chat_usage",
    "field",
    "meaning",
    "read",
    "read_async",
]

_MOST_MODELS: Final = 1000
#: Exceptions that mean a timeout, by name: no client is loaded for this.
_TIMEOUTS: Final = frozenset({"APITimeoutError", "Timeout", "TimeoutException"})


class Asked(NamedTuple):
    """
    What is known of a call of a model before it begins.

    Args:
        operation: As the conventions call it, such as ``chat``.
        model: The one that is asked for.
        provider: Who serves it.
        facts: What its span says, as `Call.annotate` takes it.
    """

    operation: str
    model: str
    provider: str
    facts: dict[str, object]


class Usage(NamedTuple):
    """Tokens of one answer, as `Call.usage` takes them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


class Answer(Block):
    """
    One call of a model, until its answer is there to the last part.

    Guarantees:
        It ends, also where nobody reads the answer on: when what holds it is gone.
    """

    __slots__ = ("complete", "outcome", "usage")

    def __init__(self, library: str, asked: Asked) -> None:
        operation = _operation(asked.operation, asked.model, asked.provider)
        super().__init__(library, operation.begin())
        #: Whether the model has said that this is all.
        self.complete = False
        #: How the model said that it ended; None for well.
        self.outcome: str | None = None
        #: As it was said last: parts of an answer say all so far.
        self.usage: Usage | None = None
        if self.call.span is not None:
            guarded(library, lambda: self.call.annotate(**asked.facts))

    def said(self, **facts: object) -> None:
        """Say more of it on its span, as `Call.annotate` takes it."""
        if self.call.span is not None:
            self.call.annotate(**facts)

    def end(self, error: BaseException | None = None, outcome: str | None = None) -> None:
        """End it, once, with the tokens that were said."""
        usage, self.usage = self.usage, None
        if usage is not None:
            guarded(self.library, lambda: self.call.usage(**usage._asdict()))
        super().end(error, self.outcome if error is None and outcome is None else outcome)

    def fail(self, error: BaseException) -> None:
        """End it with what was raised instead of an answer, or while one was read."""
        self.end(error, meaning(error))

    def leave_off(self) -> None:
        """End it where nobody reads on."""
        self.end(None, (self.outcome or OK) if self.complete else CANCELLED)

    def __del__(self) -> None:
        if getattr(self, "_open", False):  # not where it could not even begin
            self.leave_off()


@lru_cache(maxsize=_MOST_MODELS)
def _operation(name: str, model: str, provider: str) -> Operation:
    operation: Operation = model_call(name, model=model, provider=provider)
    return operation


def ask(library: str, describe: Callable[..., Asked | None], *args: Any) -> Answer | None:
    """
    Begin a call of a model, and make it current until `Answer.leave` or its end.

    Args:
        library: For what is said of errors.
        describe: Says what is known of the call, from the arguments that follow.
        args: Those.

    Returns:
        None while recording is off, where the call is counted already, and where something of ours
        failed.
    """
    if ACTIVE.mode is OFF or being_asked():
        return None
    asked = guarded(library, describe, *args)
    return None if asked is None else guarded(library, Answer, library, asked)


def read(
    answer: Answer, parts: Iterator[Any], take: Callable[[Answer, Any], None]
) -> Generator[Any, None, None]:
    """
    The parts of an answer as they are read.

    Args:
        answer: Ends with the last of them.
        parts: From the client.
        take: Looks at each.
    """
    try:
        for part in parts:
            guarded(answer.library, take, answer, part)
            yield part
    except GeneratorExit:
        answer.leave_off()
        raise
    except BaseException as error:
        answer.fail(error)
        raise
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()
    answer.end()


async def read_async(
    answer: Answer, parts: AsyncIterator[Any], take: Callable[[Answer, Any], None]
) -> AsyncGenerator[Any, None]:
    """The same, of an asynchronous client; see `read`."""
    try:
        async for part in parts:
            guarded(answer.library, take, answer, part)
            yield part
    except GeneratorExit:
        answer.leave_off()
        raise
    except BaseException as error:
        answer.fail(error)
        raise
    finally:
        close = getattr(parts, "aclose", None)
        if close is not None:
            await close()
    answer.end()


def meaning(error: BaseException) -> str | None:
    """The outcome that an exception of a client means; None where its class decides."""
    return TIMEOUT if any(each.__name__ in _TIMEOUTS for each in type(error).__mro__) else None


def field(holder: Any, *names: str) -> Any:
    """A field of what may be a mapping or an object, and so on inwards; None where it ends."""
    for name in names:
        holder = holder.get(name) if isinstance(holder, dict) else getattr(holder, name, None)
    return holder


def chat_usage(usage: Any) -> Usage:
    """
    Tokens as OpenAI says them, and who speaks as it does.

    Args:
        usage: Of chat completions or embeddings, or of responses.
    """
    old = field(usage, "prompt_tokens") is not None
    whole, out = (
        ("prompt_tokens", "completion_tokens") if old else ("input_tokens", "output_tokens")
    )
    return Usage(
        input_tokens=field(usage, whole) or 0,
        output_tokens=field(usage, out) or 0,
        cached_tokens=field(usage, f"{whole}_details", "cached_tokens") or 0,
        reasoning_tokens=field(usage, f"{out}_details", "reasoning_tokens") or 0,
    )
