"""What the tests of the tracing layer share: a provider, and what it handed over."""

from __future__ import annotations

from typing import Any

from agentmon.tracing.sampling import Sampler, Tail
from agentmon.tracing.span import LightSpan
from agentmon.tracing.tracer import Pipeline, Provider, Tracer

__all__ = ["Recording"]


class Recording:
    """A provider of its own, and the spans that it handed over."""

    def __init__(
        self,
        sampler: Sampler | None = None,
        *,
        errors: bool = False,
        slower_ns: int | None = None,
        **options: Any,
    ) -> None:
        self.spans: list[LightSpan] = []
        self.dropped = 0
        tail = None
        if errors or slower_ns is not None:
            tail = Tail(self.spans.append, self._drop, errors=errors, slower_ns=slower_ns)
        self.provider = Provider()
        self.provider.pipeline = Pipeline(self.spans.append, sampler, tail, **options)
        self.tracer: Tracer = self.provider.get_tracer("tests", "1.0")

    def _drop(self, n: int) -> None:
        self.dropped += n

    def names(self) -> list[str]:
        """The names of the spans handed over, in order."""
        return [span.name for span in self.spans]
