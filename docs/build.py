"""
Write the generated pages of the documentation, or check that they are fresh.

``make build`` writes them. With ``--check`` nothing is written: where a page is not what the code
says, the difference is printed and the exit code is 1.

The reference of the metrics comes from the catalogue, that of the settings from their table. That
of the API comes from the sources of the package, which are read and not imported.
"""
# ruff: noqa: INP001  # a program in a folder of pages is no package

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import griffe

from agentmon._settings.table import (
    ACCESS,
    LIMITS,
    PROPAGATORS,
    RATIO,
    RESOURCE,
    SDK_DISABLED,
    SETTINGS,
    TRACES,
    TRANSPORT,
    Setting,
)
from agentmon.assets.reference import metrics_page

ROOT = Path(__file__).resolve().parents[1]
MEND = "make build"

#: What the reference shows, in this order, by the titles of its parts.
PARTS: dict[str, tuple[str, ...]] = {
    "Start and stop": ("configure", "endpoint", "flush", "shutdown"),
    "Export spans": ("Traces", "Limits"),
    "Push metrics": ("push", "Pushgateway", "Textfile", "RemoteWrite", "OTLPMetrics"),
    "Mark code": (
        "agent",
        "tool",
        "model_call",
        "workflow",
        "step",
        "handoff",
        "dependency",
        "Operation",
    ),
    "Calls": ("Call", "current", "usage", "annotate", "content"),
    "Libraries": ("instrument", "uninstrument"),
    "What is up and what is down": (
        "component",
        "Component",
        "health_check",
        "remove_health_check",
        "recovered",
    ),
    "Tasks": ("task", "Task", "TaskOperation", "rework", "business_event"),
    "Users": ("session", "Session", "Turn"),
    "Say how good it was": ("score", "feedback", "evaluator", "consistency"),
    "Correlate logs": ("LogContext", "log_context"),
    "Threads": ("carry", "carrying"),
    "Processes": ("inject", "received"),
    "Coordinate": (
        "accepting",
        "Accepting",
        "handoff_confirmed",
        "escalation",
        "Escalation",
        "escalation_verdict",
        "gather",
        "TaskGroup",
        "Barrier",
        "join",
        "queue",
        "limit",
        "capacity",
    ),
    "Operations": (
        "deployed",
        "backed_up",
        "security_scanned",
        "certificate",
        "authentication_failed",
        "compliance_control",
        "capacity_limit",
        "capacity_used",
    ),
    "Resources": ("watch_loop", "LoopWatch"),
    "Look": ("statistics", "OperationSummary", "Summary"),
    "Restrict who may ask": ("Access",),
    "Serve within the host": ("asgi_app", "wsgi_app", "prometheus_collector"),
}
ERRORS = (
    *("AgentmonError", "CatalogueError", "ConfigError", "DeclarationError", "EndpointError"),
    "PushError",
)
#: What the functions of the door return, and is used by its name only.
RETURNED = ("export.collector.AgentmonCollector",)
#: Not callable, so it has no entry.
PLAIN = ("__version__",)

_INTRODUCTION = """\
# API reference

Everything public: what `agentmon`, `agentmon.redaction` and `agentmon.testing` export.
Other modules may change at any time; see [stability](../stability.md).
This page is generated from the docstrings by `make build`; do not edit it.

`agentmon.__version__` is the version as text.
"""

_SECTION = re.compile(r"(Args|Attributes|Returns|Raises|Assumptions|Guarantees|Source):(?: (.*))?")
_ITEM = re.compile(r"([\w.]+): (.*)")
_CODE = re.compile(r"``(.+?)``|`([^`]+)`")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, print differences")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "docs" / "reference", help="where the pages are"
    )
    options = parser.parse_args(arguments)
    pages = {
        "api.md": api_page(ROOT),
        "metrics.md": metrics_page(),
        "settings.md": settings_page(),
    }
    stale = False
    for name, text in pages.items():
        path: Path = options.folder / name
        present = path.read_bytes().decode(errors="backslashreplace") if path.exists() else ""
        if present == text:
            continue
        stale = True
        if options.check:
            lines = (present.splitlines(keepends=True), text.splitlines(keepends=True))
            sys.stdout.writelines(difflib.unified_diff(*lines, str(path), "what the code says"))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            sys.stdout.write(f"wrote {path}\n")
    if stale and options.check:
        sys.stdout.write(f"\nGenerated pages are stale; run: {MEND}\n")
        return 1
    return 0


# ---------------------------------------------------------------------- the settings

_SETTINGS = """\
# Settings

Every setting, with the variables that say it where no argument does, strongest first.
[Configuration](../configuration.md) says how they work together.
This page is generated from the table of settings by `make build`; do not edit it.
"""


_ACCESS = """\
Arguments of `agentmon.Access`. The variables count only where `configure()` gets no `access`.
"""
_TRACES = """\
Arguments of `agentmon.Traces`, and the fields of `agentmon.Limits`.
They count only where agentmon exports spans itself.
"""
_TRANSPORT = """\
How spans travel to `otlp` and to URLs.
All but `endpoint` and `insecure` are arguments of `agentmon.Traces` too.
For log records and metrics read `LOGS` or `METRICS` for `TRACES`.
"""


def settings_page() -> str:
    """The reference of the settings as Markdown."""
    arguments = [each for each in SETTINGS if not each.name.startswith(".")]
    alone = [each for each in SETTINGS if each not in arguments]
    parts: tuple[tuple[str, str, Iterable[Setting]], ...] = (
        ("Arguments of configure()", "", arguments),
        ("Variables alone", "", [*alone, SDK_DISABLED, RESOURCE, PROPAGATORS]),
        ("Access to the endpoint", _ACCESS, ACCESS),
        ("Spans that agentmon exports", _TRACES, [*TRACES[:1], RATIO, *TRACES[1:], *LIMITS]),
        ("OTLP", _TRANSPORT, TRANSPORT["traces"]),
    )
    blocks = [_SETTINGS.rstrip()]
    for title, introduction, settings in parts:
        blocks += [f"## {title}", *filter(None, [introduction.rstrip()])]
        rows = [
            "| setting | variables | default | allowed | what |",
            "| --- | --- | --- | --- | --- |",
        ]
        rows += ["| " + " | ".join(_cells(each)) + " |" for each in settings]
        blocks.append("\n".join(rows))
    return "\n\n".join(blocks) + "\n"


def _cells(setting: Setting) -> Iterator[str]:
    name = setting.name.removeprefix("traces.").removeprefix("access.")
    yield "" if name.startswith(".") else f"`{name}`"
    yield ", ".join(f"`{variable}`" for variable in setting.variables)
    number = f"{setting.default:g} {setting.unit}" if setting.unit and setting.default else ""
    yield setting.shown or number or f"`{setting.default}`"
    yield setting.allowed
    yield setting.help


# ---------------------------------------------------------------------- the API


def api_page(root: Path) -> str:
    """
    The reference of the API as Markdown.

    Args:
        root: Folder that holds the package.

    Raises:
        SystemExit: If the package exports a name that no part of the page lists.
    """
    package = griffe.load("agentmon", search_paths=[root], allow_inspection=False)
    listed = {name for names in PARTS.values() for name in names} | {*ERRORS, *PLAIN}
    exported = set(map(str, package.exports or ()))
    if listed != exported:
        odd = ", ".join(sorted(listed ^ exported))
        raise SystemExit(f"{Path(__file__).name}: PARTS and agentmon.__all__ differ in: {odd}")
    testing, redaction = package["testing"], package["redaction"]
    parts = {
        title: [(f"agentmon.{name}", package[name].final_target) for name in names]
        for title, names in PARTS.items()
    }
    parts["Serve within the host"] += [
        (path.rpartition(".")[2], package[path]) for path in RETURNED
    ]
    parts["Redact"] = [
        (f"agentmon.redaction.{name}", redaction[name])
        for name in map(str, redaction.exports or ())
    ]
    parts["Errors"] = [(f"agentmon.{name}", package[name].final_target) for name in ERRORS]
    parts["Tests"] = [
        (f"agentmon.testing.{name}", testing[name]) for name in map(str, testing.exports or ())
    ]
    page = _Page(parts)
    introductions = {
        "Redact": redaction.docstring,
        "Errors": package["errors"].docstring,
        "Tests": testing.docstring,
    }
    return page.text(introductions)


class _Page:
    """The page, which knows what it can link to."""

    def __init__(self, parts: dict[str, list[tuple[str, griffe.Object]]]) -> None:
        self._parts = parts
        self._anchors: dict[str, str] = {}
        for entries in parts.values():
            for shown, thing in entries:
                self._anchors[thing.name] = self._anchors[shown] = _anchor(shown)
                for member in _members(thing):
                    name = f"{thing.name}.{member.name}"
                    self._anchors[name] = _anchor(name)

    def text(self, introductions: dict[str, griffe.Docstring | None]) -> str:
        blocks = [_INTRODUCTION.rstrip()]
        for title, entries in self._parts.items():
            names = ", ".join(
                f"[`{shown.rpartition('.')[2]}`](#{_anchor(shown)})" for shown, _ in entries
            )
            blocks.append(f"- [{title}](#{_anchor(title)}): {names}")
        blocks[1:] = ["\n".join(blocks[1:])]
        for title, entries in self._parts.items():
            blocks.append(f"## {title}")
            introduction = introductions.get(title)
            if introduction is not None:
                blocks.extend(self._prose(introduction.value.splitlines(), introduction.parent))
            for shown, thing in entries:
                blocks.extend(self._entry(shown, thing))
        return "\n\n".join(blocks) + "\n"

    def _entry(self, shown: str, thing: griffe.Object) -> Iterator[str]:
        yield f"### `{shown}`"
        if isinstance(thing, griffe.Class):
            documented = "Args:" in (thing.docstring.value if thing.docstring else "")
            fields = "dataclass" in thing.labels
            if "__init__" in thing.members and documented and not fields:
                initialiser = thing.members["__init__"]
                assert isinstance(initialiser, griffe.Function)  # noqa: S101  # for type checkers
                yield _code(_signature(shown, initialiser, returns=False))
            bases = ", ".join(f"`{base}`" for base in thing.bases if str(base) != "Exception")
            if bases and thing.name not in RETURNED[0]:
                yield f"Bases: {bases}."
            yield from self._document(thing, "field" if fields else "argument")
            for member in _members(thing):
                yield from self._member(thing, member)
        else:
            yield _code(_signature(shown, _usual(thing)))
            yield from self._document(thing, "argument")

    def _member(self, owner: griffe.Object, member: griffe.Object) -> Iterator[str]:
        name = f"{owner.name}.{member.name}"
        yield f"#### `{name}`"
        if isinstance(member, griffe.Function):
            yield _code(_signature(name, member))
        elif isinstance(member, griffe.Attribute):
            yield _code(f"{name}: {member.annotation}  # read only")
        yield from self._document(member, "argument")

    # ------------------------------------------------------------------ docstrings

    def _document(self, thing: griffe.Object, noun: str) -> Iterator[str]:
        for title, lines in _sections(thing):
            if title in ("Args", "Attributes"):
                yield self._table(noun if title == "Args" else "attribute", thing, lines)
            elif title == "Raises":
                yield "Raises:\n\n" + "\n".join(
                    f"- {self._inline(f'`{name}`', thing)}: {self._inline(text, thing)}"
                    for name, text in _items(lines)
                )
            elif title:
                said = "\n\n".join(self._prose(lines, thing))
                yield f"{title}: {said}" if not said.startswith("- ") else f"{title}:\n\n{said}"
            else:
                yield from self._prose(lines, thing)

    def _table(self, noun: str, thing: griffe.Object, lines: list[str]) -> str:
        types = _types(thing)
        rows = [f"| {noun} | type | meaning |", "| --- | --- | --- |"]
        for name, text in _items(lines):
            kind = types.get(name, "").replace("|", "\\|")
            meaning = self._inline(text, thing)
            rows.append(f"| `{name}` | {f'`{kind}`' if kind else ''} | {meaning} |")
        return "\n".join(rows)

    def _prose(self, lines: list[str], thing: griffe.Object | None) -> Iterator[str]:
        """Paragraphs, lists and, after ``::``, code."""
        literal = False
        for paragraph in _paragraphs(lines):
            indented = all(not line or line.startswith("    ") for line in paragraph)
            if literal and indented:
                body = "\n".join(line[4:] for line in paragraph)
                yield _code(body, "text" if "──" in body else "python")
                continue
            text = "\n".join(paragraph)
            literal = text.endswith("::")
            text = text.removesuffix("::").rstrip()
            if text:
                yield self._inline(text + ":" if literal else text, thing)

    def _inline(self, text: str, thing: griffe.Object | None) -> str:
        """The text with its code marked as Markdown does, and what is on the page linked."""

        def marked(match: re.Match[str]) -> str:
            if match[1]:  # two backticks: a value, which names nothing
                return f"`{match[1]}`"
            word = match[2]
            owner = thing.name if isinstance(thing, griffe.Class) else ""
            anchor = self._anchors.get(word) or self._anchors.get(f"{owner}.{word}")
            return f"[`{word}`](#{anchor})" if anchor else f"`{word}`"

        return _CODE.sub(marked, text)


def _sections(thing: griffe.Object) -> Iterator[tuple[str, list[str]]]:
    """Title and lines of each section of a docstring; the first has no title."""
    title, lines = "", list[str]()
    for line in (thing.docstring.value if thing.docstring else "").splitlines():
        match = _SECTION.fullmatch(line)
        if match is not None:
            yield title, lines
            title, lines = match[1], [match[2]] if match[2] else []
        else:
            lines.append(line.removeprefix("    ") if title else line)
    yield title, lines


def _items(lines: list[str]) -> list[tuple[str, str]]:
    """What a section lists: names, and the text of each on one line."""
    found: list[tuple[str, str]] = []
    for line in lines:
        match = _ITEM.fullmatch(line)
        if match is not None:
            found.append((match[1], match[2]))
        elif line.strip():
            name, text = found[-1]
            found[-1] = (name, f"{text} {line.strip()}")
    return found


def _paragraphs(lines: list[str]) -> Iterator[list[str]]:
    """What blank lines divide; code, which is indented, keeps its own."""
    paragraph: list[str] = []
    for line in [*lines, ""]:
        code = bool(paragraph) and paragraph[0].startswith("    ")
        if (line.strip() or code) and not (code and line and not line.startswith("    ")):
            paragraph.append(line)
            continue
        if paragraph:
            yield paragraph
        paragraph = [line] if line.strip() else []
    if paragraph:
        while not paragraph[-1]:
            paragraph.pop()
        yield paragraph


# ---------------------------------------------------------------------- signatures


def _members(thing: griffe.Object) -> Iterable[griffe.Object]:
    """The public methods and properties of a class that say what they are."""
    if not isinstance(thing, griffe.Class):
        return []
    return [
        member
        for name, member in thing.members.items()
        if (not name.startswith("_") or name == "__call__")
        and isinstance(member, griffe.Function | griffe.Attribute)
        and member.docstring is not None
        and (member.is_function or "property" in member.labels)
    ]


def _usual(function: griffe.Object) -> griffe.Function:
    """The function, or of one with several signatures the one that has most parameters."""
    assert isinstance(function, griffe.Function)  # noqa: S101  # for type checkers
    return max(function.overloads or [function], key=lambda each: len(each.parameters))


def _signature(name: str, function: griffe.Function, *, returns: bool = True) -> str:
    written: list[str] = []
    parameters = [parameter for parameter in function.parameters if parameter.name != "self"]
    kinds = [parameter.kind for parameter in parameters]
    for position, parameter in enumerate(parameters):
        kind = parameter.kind
        if kind is griffe.ParameterKind.keyword_only and kind not in kinds[:position]:
            written.append("*")
        star = {"variadic positional": "*", "variadic keyword": "**"}.get(kind.value, "")
        text = f"{star}{parameter.name}: {_quoted(parameter.annotation)}"
        if parameter.default is not None and not star:
            text += f" = {_spelled_out(parameter.default, function)}"
        written.append(text)
        following = kinds[position + 1 : position + 2]
        if kind is griffe.ParameterKind.positional_only and following != [kind]:
            written.append("/")
    result = f" -> {function.returns}" if returns and function.returns is not None else ""
    managed = any(str(each.value) == "contextmanager" for each in function.decorators)
    name = f"with {name}" if managed else name
    result = ":" if managed else result
    line = f"{name}({', '.join(written)}){result}"
    if len(line) <= 88:  # noqa: PLR2004  # what fits into a page
        return line
    return f"{name}(\n" + "".join(f"    {text},\n" for text in written) + f"){result}"


def _types(thing: griffe.Object) -> dict[str, str]:
    """The type of each argument or field."""
    if isinstance(thing, griffe.Class):
        found = {
            name: _spelled_out(member.annotation, thing)
            for name, member in thing.members.items()
            if isinstance(member, griffe.Attribute)
        }
        initialiser = thing.members.get("__init__")
        return found | (_types(initialiser) if isinstance(initialiser, griffe.Function) else {})
    function = _usual(thing)
    return {each.name: _spelled_out(each.annotation, function) for each in function.parameters}


def _spelled_out(expression: object, within: griffe.Object) -> str:
    """The expression; where it is but a name of the package's own, what that stands for."""
    if isinstance(expression, griffe.ExprName):
        try:
            meant = within.modules_collection[expression.canonical_path]
        except KeyError:
            return str(expression)
        if isinstance(meant, griffe.Attribute) and "TypeVar" not in str(meant.value):
            text = str(meant.value)
            return text[1:-1] if text[0] in "\"'" else _quoted(text)
    return _quoted(expression)


def _quoted(expression: object) -> str:
    """The expression with its strings in double quotes."""
    return str(expression).replace("'", '"')


def _code(text: str, language: str = "python") -> str:
    return f"```{language}\n{text}\n```"


def _anchor(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


if __name__ == "__main__":
    sys.exit(main())
