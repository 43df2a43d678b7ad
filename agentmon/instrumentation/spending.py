"""
What model calls and computing cost, and the task that it is spent for.
"""

from __future__ import annotations

import logging
import time
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from agentmon.instrumentation.active import ACTIVE
from agentmon.model.catalogue import work
from agentmon.model.catalogue.operations import MODEL_CALL_TOKENS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agentmon.model.metric import Metric
    from agentmon.model.prices import Price, PriceTable
    from agentmon.record.declaration import Scope
    from agentmon.record.recorder import Recorder
    from agentmon.record.registry import Registry

__all__ = ["SPENDER", "Spender", "Spending"]

logger = logging.getLogger("agentmon")

_MOST_WARNINGS: Final = 100
_WHOLES: Final = ("input", "output")
_MOST_RESTS: Final = 100_000
_NS: Final = 10**9
#: Picos in what counters of costs count.
_PICOS: Final = 1000
_COST_TYPES: Final = ("input", "cached", "cache_write", "output", "reasoning")


class Spender(Protocol):
    """What something is spent for: a task."""

    def spend(self, scope: Scope, picos: int, tokens: int, cpu_ns: int) -> None:
        """Take note of what was spent, and of the agent and workflow that spent it."""


#: The innermost task of the present context.
SPENDER: ContextVar[Spender | None] = ContextVar("agentmon_spender", default=None)


class _Account:
    """What is known of the calls of one recorder, and what its parts still owe its wholes."""

    __slots__ = ("owed_input", "owed_output", "places", "price", "unpriced")

    def __init__(
        self,
        places: dict[str, tuple[str, ...]],
        price: Price | None,
        unpriced: tuple[str, str, str],
    ) -> None:
        #: Label values of its costs, by their type.
        self.places = places
        self.unpriced = unpriced
        self.price = price
        #: Tokens that were reported as a part after their whole had been priced.
        self.owed_input = 0
        self.owed_output = 0


class Spending:
    """
    Prices what model calls report, as they report it.

    Guarantees:
        - Each token has one price: a part that is priced by itself, such as what was read from a
          cache, is taken off its whole. Where a part is reported after its whole, it is taken off
          the next input or output of the same operation, so that no cost ever goes down; what the
          task is told is right at once.
        - Sums are whole numbers of picos; each series shows them rounded down to thousands of
          those, once.

    Args:
        registry: Takes what it works out.
        table: The prices; None where there are none, and only tasks are told of tokens.
        sizes: Whether the tokens of each report are kept as a distribution.
    """

    def __init__(
        self, registry: Registry, table: PriceTable | None, *, sizes: bool = False
    ) -> None:
        self._sizes = sizes
        self._registry = registry
        self._table = table
        self._accounts: dict[Recorder, _Account] = {}
        self._warned: set[tuple[str, str]] = set()
        self._rests: dict[tuple[Metric, tuple[str, ...]], int] = {}
        self._cpu: dict[str, int] = {}
        self._charged: dict[str, int] = {}
        self._begun_cpu_ns = time.process_time_ns()
        if table is not None:
            registry.signals.set(work.PRICE_TABLE, (table.version, table.currency), 1)
            if table.cpu_second is not None:
                registry.looks.append(self._charge_cpu)

    def note(self, recorder: Recorder, noted: Sequence[tuple[str, int]]) -> None:
        """
        Take note of what a model call reported at once.

        Args:
            recorder: The recorder of the call.
            noted: Kinds of tokens and their numbers, none of them 0; those of parts are within
                those of their whole, if that is given.
        """
        if self._sizes:
            operation, model, provider, _ = recorder.series.labels
            for kind, n in noted:
                if kind in _WHOLES:
                    labels = (operation, model, provider, kind)
                    self._registry.signals.observe(MODEL_CALL_TOKENS, labels, n)
        account = self._accounts.get(recorder) or self._open(recorder)
        said = dict(noted)
        spender = SPENDER.get()
        tokens = said.get("input", 0) + said.get("output", 0)
        picos = 0
        if self._table is not None:
            if account.price is None:
                self._count_unpriced(account, said)
            else:
                picos = self._buy(account, account.price.at(said.get("input", 0)), said)
        if spender is not None:
            spender.spend(recorder.scope, picos, tokens, 0)

    def cpu(self, scope: Scope, ns: int, spender: Spender | None) -> None:
        """
        Take note of CPU time that an agent used.

        Args:
            scope: The agent, and the workflow around it.
            ns: How much, in nanoseconds; each is said once.
            spender: What it was used for.
        """
        with ACTIVE.shelter:
            self._cpu[scope.agent] = self._cpu.get(scope.agent, 0) + ns
        if spender is not None:
            spender.spend(scope, 0, 0, ns)

    @property
    def currency(self) -> str:
        """The currency of the prices."""
        return "" if self._table is None else self._table.currency

    def of_cpu(self, ns: int) -> int:
        """What CPU time costs, in picos, rounded down."""
        price = None if self._table is None else self._table.cpu_second
        return 0 if price is None else ns * price // _NS

    def _open(self, recorder: Recorder) -> _Account:
        declaration, scope = recorder.declaration, recorder.scope
        model, provider = declaration.model, declaration.provider
        price = None if self._table is None else self._table.find(model, provider)
        if price is None and self._table is not None:
            self._warn(model, provider)
        labels = (scope.agent, scope.workflow, model, provider)
        places: dict[str, tuple[str, ...]] = {
            each: (*labels, each, self.currency) for each in _COST_TYPES
        }
        account = _Account(places, price, (scope.agent, model, provider))
        return self._accounts.setdefault(recorder, account)

    def _warn(self, model: str, provider: str) -> None:
        if len(self._warned) < _MOST_WARNINGS and (model, provider) not in self._warned:
            self._warned.add((model, provider))
            self._registry.unsaid.append(partial(_warn_of_model, model, provider))
            self._registry.say()

    def _count_unpriced(self, account: _Account, said: dict[str, int]) -> None:
        add = self._registry.signals.add
        for token_type, n in said.items():
            add(work.UNPRICED_TOKENS, (*account.unpriced, token_type), n)

    def _buy(self, account: _Account, price: Price, said: dict[str, int]) -> int:
        """Record the cost of what was said at once; what it comes to in picos, discounts too."""
        input_tokens, output_tokens = said.get("input", 0), said.get("output", 0)
        total = 0
        if len(said) > (input_tokens > 0) + (output_tokens > 0):  # there are parts
            cached, written = said.get("cached", 0), said.get("cache_write", 0)
            reasoned = said.get("reasoning", 0)
            input_tokens = _rest(input_tokens, cached + written)
            output_tokens = _rest(output_tokens, reasoned)
            for cost_type, n, each in (
                ("cached", cached, price.cached),
                ("cache_write", written, price.cache_write),
                ("reasoning", reasoned, price.reasoning),
            ):
                if n:
                    total += self._charge(account, cost_type, n, n, each)
        if input_tokens:
            n = input_tokens
            if n < 0 or account.owed_input:
                with ACTIVE.shelter:
                    owed = account.owed_input - n
                    account.owed_input = max(0, owed)
                n = max(0, -owed)
            total += self._charge(account, "input", input_tokens, n, price.input)
        if output_tokens:
            n = output_tokens
            if n < 0 or account.owed_output:
                with ACTIVE.shelter:
                    owed = account.owed_output - n
                    account.owed_output = max(0, owed)
                n = max(0, -owed)
            total += self._charge(account, "output", output_tokens, n, price.output)
        return total

    def _charge(
        self, account: _Account, cost_type: str, n: int, charged: int, each: int | None
    ) -> int:
        """
        Record the cost of tokens of one price.

        Args:
            account: Whose they are.
            cost_type: What they are.
            n: How many there are; negative for a discount.
            charged: How many of them are charged now.
            each: What one costs; None if nobody knows.

        Returns:
            What they come to.
        """
        if each is None:
            self._warn(account.unpriced[1], account.unpriced[2])
            labels = (*account.unpriced, cost_type)
            self._registry.signals.add(work.UNPRICED_TOKENS, labels, max(n, 0))
            return 0
        if charged:
            self.pay(work.COST, account.places[cost_type], charged * each)
        return n * each

    def pay(self, metric: Metric, labels: tuple[str, ...], picos: int) -> None:
        """
        Add to a counter of costs, which counts in thousands of picos.

        What is left over waits for more: it is rounded down once for each series, and not for each
        addition.
        """
        nanos, rest = divmod(picos, _PICOS)
        if rest:
            with ACTIVE.shelter:
                nanos_more, rest = divmod(self._rests.get((metric, labels), 0) + rest, _PICOS)
                if len(self._rests) >= _MOST_RESTS:
                    self._rests.clear()
                self._rests[metric, labels] = rest
            nanos += nanos_more
        if nanos or not picos:
            self._registry.signals.add(metric, labels, nanos)

    def _charge_cpu(self) -> None:
        """Record what computing has cost since this was done last."""
        with ACTIVE.shelter:
            used = dict(self._cpu)
            process_ns = time.process_time_ns() - self._begun_cpu_ns
            # What no agent is known to have used.
            used[""] = max(0, process_ns - sum(n for agent, n in used.items() if agent))
            for agent, ns in used.items():
                cost = self.of_cpu(ns)
                more = cost - self._charged.get(agent, 0)
                if more > 0:
                    self._charged[agent] = cost
                    labels = (agent, "", "", "", "compute", self.currency)
                    ACTIVE.shelter.later(self.pay, work.COST, labels, more)


def _rest(whole: int, parts: int) -> int:
    """
    What of a whole has no price of its own.

    Negative where parts come by themselves, as their whole was reported before.
    """
    return whole - parts if not whole else max(0, whole - parts)


def _warn_of_model(model: str, provider: str) -> None:
    logger.warning(
        "agentmon: no price for the model %r of %r: its tokens are counted in "
        "agentmon_unpriced_tokens_total, and cost nothing; see configure(prices=...)",
        model,
        provider or "nobody named",
    )
