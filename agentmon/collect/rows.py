"""
Formats of our own: entries in JSON, JSON Lines, CSV, TOML or YAML, by the ending of the file.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from agentmon.collect.source import Node, Source, parsed

__all__ = ["rows"]


def rows(source: Source, title: str) -> Iterator[Node]:
    """
    The entries of a file.

    Args:
        source: The file.
        title: What the list of entries is called, where the format wants a name.

    Raises:
        CollectError: If it is not what its ending says.
    """
    ending = source.path.suffix
    if ending == ".jsonl":
        yield from _lines(source)
    elif ending == ".csv":
        yield from _csv(source)
    elif ending == ".json":
        yield from _listed(parsed(source), title)
    elif ending == ".toml":
        yield from _listed(_toml(source), title)
    elif ending in (".yaml", ".yml"):
        yield from _listed(_yaml(source), title)
    else:
        source.fail(
            f"got a file that ends in {ending!r}, allowed .json, .jsonl, .csv, .toml, .yaml"
        )


def _listed(node: Node, title: str) -> Iterator[Node]:
    yield from (node[title] if isinstance(node.value, dict) else node).entries()


def _lines(source: Source) -> Iterator[Node]:
    for number, line in enumerate(source.text().split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield Node(source, json.loads(line), line=number)
        except (json.JSONDecodeError, RecursionError) as error:
            source.fail(f"got no JSON: {getattr(error, 'msg', 'nested too deeply')}", number)


def _csv(source: Source) -> Iterator[Node]:
    reader = csv.reader(io.StringIO(source.text(), newline=""), strict=True)
    try:
        head = next(reader, None)
        if head is None:
            source.fail("got nothing, allowed a line of names first", 1)
        for row in reader:
            if not row:
                continue
            if len(row) != len(head):
                source.fail(f"got {len(row)} values, allowed {len(head)}", reader.line_num)
            yield Node(source, dict(zip(head, row, strict=True)), line=reader.line_num)
    except csv.Error as error:
        source.fail(f"got no CSV: {error}", reader.line_num)


def _toml(source: Source) -> Node:
    try:
        return Node(source, tomllib.loads(source.text()))
    except tomllib.TOMLDecodeError as error:
        source.fail(f"got no TOML: {error}")


def _yaml(source: Source) -> Node:
    try:
        import yaml  # noqa: PLC0415  # of an extra
    except ImportError:
        source.fail("YAML needs the extra: pip install agentmon-telemetry[build]")
    text = source.text()
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            source.fail("got an alias, allowed YAML without")  # they can grow without end
        return Node(source, yaml.safe_load(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "broken"
        source.fail(f"got no YAML: {problem}", None if mark is None else mark.line + 1)
