"""
Clients of models that one generator has made, Stainless: those of OpenAI and of Anthropic.

All that they send goes through `request`, its retries within it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from agentmon.instrumentation.adapters.client import guarded
from agentmon.instrumentation.adapters.models import Answer, Asked, ask, read, read_async

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from agentmon.instrumentation.adapters.patch import Patches

__all__ = ["Dialect", "wrap_client"]

#: Where the HTTP response of a stream keeps the answer that it is a part of.
_KEPT: Final = "agentmon"


class Dialect(NamedTuple):
    """
    What differs between the clients.

    Args:
        library: What it is called.
        describe: Says what a request asks, from the client, the path and the body.
        take_whole: Looks at an answer, as an object or as the JSON it came as; says how it ended.
        take_part: Looks at a part of a stream.
    """

    library: str
    describe: Callable[[Any, str, Any], Asked | None]
    take_whole: Callable[[Answer, Any], str | None]
    take_part: Callable[[Answer, Any], None]


def wrap_client(dialect: Dialect, patches: Patches) -> None:
    """
    Wrap what requests are sent and streams are read by.

    Args:
        dialect: Of the client; its library is also the name of its package.
        patches: Takes what is wrapped.
    """
    base: Any = import_module(f"{dialect.library}._base_client")
    streaming: Any = import_module(f"{dialect.library}._streaming")

    def request(wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        answer = ask(dialect.library, _described, dialect, client, args, kwargs)
        if answer is None:
            return wrapped(*args, **kwargs)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            answer.fail(error)
            raise
        _settle(dialect, answer, result, kwargs)
        return result

    async def request_async(
        wrapped: Any, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        answer = ask(dialect.library, _described, dialect, client, args, kwargs)
        if answer is None:
            return await wrapped(*args, **kwargs)
        try:
            result = await wrapped(*args, **kwargs)
        except BaseException as error:
            answer.fail(error)
            raise
        _settle(dialect, answer, result, kwargs)
        return result

    def stream(wrapped: Any, theirs: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return _parts(theirs.response, wrapped(*args, **kwargs), dialect)

    def stream_async(
        wrapped: Any, theirs: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return _parts_async(theirs.response, wrapped(*args, **kwargs), dialect)

    def close(wrapped: Any, theirs: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        _leave_off(theirs.response)
        return wrapped(*args, **kwargs)

    patches.wrap(base.SyncAPIClient, "request", request)
    patches.wrap(base.AsyncAPIClient, "request", request_async)
    patches.wrap(streaming.Stream, "__stream__", stream)
    patches.wrap(streaming.AsyncStream, "__stream__", stream_async)
    patches.wrap(streaming.Stream, "close", close)
    patches.wrap(streaming.AsyncStream, "close", close)


def _described(
    dialect: Dialect, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Asked | None:
    options = kwargs["options"] if "options" in kwargs else args[1]
    if options.method.lower() != "post":
        return None
    path = str(options.url).partition("?")[0]
    asked = dialect.describe(client, path, options.json_data or {})
    if asked is None:
        return None
    url = client.base_url
    return asked._replace(
        facts={**asked.facts, "server_address": url.host, "server_port": url.port}
    )


def _settle(dialect: Dialect, answer: Answer, result: Any, kwargs: dict[str, Any]) -> None:
    """End a call whose answer is there; one that is streamed is kept for who reads it."""
    answer.leave()
    streamed = bool(kwargs.get("stream"))
    if not guarded(dialect.library, _kept, answer, result, streamed):
        answer.end(None, guarded(dialect.library, _taken, dialect, answer, result))


def _kept(answer: Answer, result: Any, streamed: bool) -> bool:  # noqa: FBT001
    if streamed:
        response = getattr(result, "http_response", None) or result.response
        response.extensions[_KEPT] = answer
    return streamed


def _taken(dialect: Dialect, answer: Answer, result: Any) -> str | None:
    response = getattr(result, "http_response", None)
    if response is None:
        return dialect.take_whole(answer, result)
    # The program asked for the raw response, which may not have been read yet.
    return dialect.take_whole(answer, response.json()) if response.is_closed else None


def _parts(response: Any, theirs: Any, dialect: Dialect) -> Generator[Any, None, None]:
    answer = _answer_of(
        response
    )  # not before the first part is read: it is kept after this is made
    yield from theirs if answer is None else read(answer, theirs, dialect.take_part)


async def _parts_async(response: Any, theirs: Any, dialect: Dialect) -> AsyncGenerator[Any, None]:
    answer = _answer_of(response)  # likewise
    parts = theirs if answer is None else read_async(answer, theirs, dialect.take_part)
    try:
        async for part in parts:
            yield part
    finally:
        await parts.aclose()


def _answer_of(response: Any) -> Answer | None:
    found = getattr(response, "extensions", {}).get(_KEPT)
    return found if isinstance(found, Answer) else None


def _leave_off(response: Any) -> None:
    answer = _answer_of(response)
    if answer is not None:
        answer.leave_off()
