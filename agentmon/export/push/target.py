"""
What the ways to push have in common.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Protocol, TypeAlias

from agentmon.errors import ConfigError
from agentmon.export.otlp.answer import Answer
from agentmon.model import catalogue
from agentmon.model.attributes import Generation
from agentmon.model.snapshot import Family

__all__ = [
    "PID",
    "Attempt",
    "FilePath",
    "Moment",
    "Origin",
    "Target",
    "check_every",
    "checked_labels",
    "named",
    "positive",
    "refuse",
]

#: The path of a file.
FilePath: TypeAlias = "str | os.PathLike[str]"

#: Stands for the id of the process, in names that tell processes apart.
PID: Final = "{pid}"

_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_OF_SAMPLES: Final = {label.name for metric in catalogue.CATALOGUE for label in metric.labels}
_OF_SAMPLES.add("le")

#: Sends something prepared, within so many seconds; may be called again after ``retry``.
Attempt: TypeAlias = Callable[[float], Answer]


@dataclass(frozen=True, slots=True)
class Origin:
    """
    Where metrics come from.

    Args:
        constant_labels: Labels of every sample: service and region, if they are configured.
        resource: Makes the attributes of OpenTelemetry's resource of this process.
        standard: Generation of the conventions whose metrics are pushed by OTLP as well; None for
            none. Then families come with the cells of durations.
    """

    constant_labels: Mapping[str, str]
    resource: Callable[[], Mapping[str, object]]
    standard: Generation | None = None

    @property
    def job(self) -> str:
        """What to call it where no name is given."""
        return self.constant_labels.get("service") or "agentmon"


@dataclass(frozen=True, slots=True)
class Moment:
    """
    All metrics at one moment.

    Args:
        families: The metrics and their samples.
        begun_ns: When counting began, in nanoseconds since 1970.
        at_ns: When they were read, likewise.
        last: Whether there will be none after it.
    """

    families: Sequence[Family]
    begun_ns: int
    at_ns: int
    last: bool = False


class Target(Protocol):
    """
    A place that is pushed to. Its text is fit to be shown.

    Guarantees:
        No attempt raises, nor does anything else but `prepare`.
    """

    @property
    def conflict(self) -> str:
        """What a forked child would do to what its parent pushes; empty if they are told apart."""
        ...

    def prepare(self, moment: Moment) -> Iterable[Attempt]:
        """What sends the metrics, piece by piece."""
        ...

    def abort(self) -> None:
        """Make an attempt in another thread return soon."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...

    def abandon(self) -> None:
        """In a forked child: use nothing that the parent uses."""
        ...


def named(template: str) -> str:
    """A name with the id of this process where it asks for that."""
    return template.replace(PID, str(os.getpid()))


def refuse(what: str, got: object, allowed: str) -> NoReturn:
    """Say that an option cannot be used."""
    raise ConfigError(f"{what}: got {got!r:.120}, allowed {allowed}")


def check_every(what: str, every: Any) -> None:
    """Check the time between two pushes."""
    if every is not None and not positive(every):
        refuse(f"{what}: every", every, "None or seconds above 0")


def checked_labels(what: str, given: object, *taken: str) -> dict[str, str]:
    """
    Labels that are put on every sample.

    Args:
        what: The option, for messages.
        given: What was given.
        taken: Names that are not allowed, besides those that single samples have.
    """
    if not isinstance(given, Mapping):
        refuse(what, given, "labels and texts")
    for name, value in given.items():
        if not isinstance(name, str) or not _LABEL.fullmatch(name):
            refuse(what, name, "names of labels: letters, digits and underscores")
        if name in _OF_SAMPLES or name in taken:
            raise ConfigError(f"{what}: got {name}, allowed names that are not taken")
        if not isinstance(value, str):
            refuse(f"{what}: {name}", value, "text")
    return dict(given)


def positive(value: object) -> bool:
    """Whether something is a number of seconds above 0."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 < value < math.inf  # type: ignore[operator]  # it is a number
