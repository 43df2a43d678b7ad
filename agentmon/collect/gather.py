"""
Going through files: all of them are good, or none is taken.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agentmon.collect.kinds import KINDS, told
from agentmon.collect.source import Report, Source
from agentmon.errors import CollectError
from agentmon.instrumentation.facts import Fact
from agentmon.model.metric import Kind

__all__ = ["Gathered", "gather"]


@dataclass(frozen=True)
class Gathered:
    """
    What files say.

    Args:
        facts: By the kind of report.
        files: How many there were, by the kind of report.
        notes: What whoever collects should know besides.
    """

    facts: Mapping[str, list[Fact]]
    files: Mapping[str, int]
    notes: list[str]


def gather(given: Iterable[str], *, root: Path | None = None, online: bool = False) -> Gathered:
    """
    Read reports.

    Args:
        given: Paths and patterns, each alone or as ``KIND=PATH`` or ``KIND:NAME=PATH``.
        root: What paths in reports are relative to; by default the present folder.
        online: Whether links to other servers are followed.

    Raises:
        CollectError: If one cannot be used; says so of all of them, one in a line.
    """
    base = (root or Path.cwd()).resolve()
    wrong: list[str] = []
    sources: dict[str, list[Source]] = {}
    for each in given:
        try:
            found = _sources(each, base, online=online)
        except CollectError as error:
            wrong.append(str(error))
            continue
        for kind, source in found:
            if source not in sources.setdefault(kind, []):
                sources[kind].append(source)
    facts: dict[str, list[Fact]] = {}
    notes: list[str] = []
    for kind, files in sources.items():
        taken: dict[object, Path] = {}
        facts[kind] = []
        for report, path in _reports(kind, files, wrong):
            for fact in report.facts:
                key = (fact.metric, fact.labels)
                if fact.metric.kind is Kind.GAUGE and taken.setdefault(key, path) != path:
                    about = ", ".join(filter(None, fact.labels))
                    wrong.append(
                        f"{path}: says {fact.metric.sample} of {about}, which {taken[key]} says "
                        f"as well; give them names, such as {kind}:NAME={path}, or collect one"
                    )
                    break
            facts[kind] += report.facts
            notes += report.notes
    if wrong:
        raise CollectError("\n".join(wrong))
    return Gathered(facts, {kind: len(files) for kind, files in sources.items()}, notes)


def _reports(kind: str, sources: list[Source], wrong: list[str]) -> Iterator[tuple[Report, Path]]:
    """What the files of a kind say, each with one of them; notes what is wrong."""
    each, together = KINDS[kind].each, KINDS[kind].together
    if together is not None:
        with _noting(wrong):
            yield together(sources), sources[0].path
        return
    assert each is not None  # noqa: S101  # a kind has one of them
    for source in sources:
        with _noting(wrong):
            yield each(source), source.path


@contextmanager
def _noting(wrong: list[str]) -> Iterator[None]:
    try:
        yield
    except CollectError as error:
        wrong.append(str(error))
    except OSError as error:
        wrong.append(f"{error.filename}: cannot be read: {error.strerror}")


def _sources(text: str, root: Path, *, online: bool) -> list[tuple[str, Source]]:
    """The files that an argument means, each with its kind."""
    told_kind, sign, pattern = text.partition("=")
    kind, _, name = told_kind.partition(":")
    if not sign or (kind not in KINDS and Path(text).exists()):
        kind, name, pattern = "", "", text
    elif kind not in KINDS:
        raise CollectError(f"{text}: got {kind!r}, allowed {', '.join(KINDS)}")
    paths = [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207  # patterns may be absolute
    if not paths:
        raise CollectError(f"{pattern}: there is no such file")
    sources = [Source(Path(path), name, root, online) for path in paths]
    return [(kind or told(source), source) for source in sources]
