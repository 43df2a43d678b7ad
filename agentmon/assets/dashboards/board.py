"""
A dashboard as it is written down here: rows of panels, each of which asks views.

What Grafana wants is made of it by Grafana's own typed builders; layout, colours, units, links and
variables are decided here, once, so that eighteen dashboards read as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from agentmon.errors import CatalogueError
from agentmon.model.capabilities import CAPABILITIES
from agentmon.model.metric import Metric
from agentmon.model.objectives import Promise
from agentmon.query.ask import Ask
from agentmon.query.promql import Expression, Matchers
from agentmon.query.views import VIEWS, Measure, View

__all__ = [
    "AUDIENCES",
    "VARIABLES",
    "Board",
    "Form",
    "Panel",
    "Query",
    "Row",
    "Step",
    "Variable",
    "chosen",
    "panel",
    "spelled",
]

#: How a panel draws: a number with its recent course, lines, ranked bars, a table, a heat map.
Form: TypeAlias = Literal["stat", "lines", "stack", "bars", "table", "heat", "text"]
AUDIENCES: Final = ("executive", "operational", "developer")
COLUMNS: Final = 24


@dataclass(frozen=True)
class Variable:
    """
    What a reader can choose.

    Args:
        name: Its name; the label that it chooses by.
        title: As readers see it.
        series: What has the label.
        after: Variables that narrow it.
    """

    name: str
    title: str
    series: str
    after: tuple[str, ...] = ()


_CALLS: Final = "agentmon_agent_calls_total"
_INFO: Final = "agentmon_agent_info"
VARIABLES: Final[dict[str, Variable]] = {
    variable.name: variable
    for variable in (
        Variable("service", "Service", _CALLS),
        Variable("region", "Region", _CALLS, ("service",)),
        Variable("team", "Team", _INFO, ("service", "region")),
        Variable("tier", "Tier", _INFO, ("service", "region", "team")),
        Variable("agent", "Agent", _INFO, ("service", "region", "team", "tier")),
        Variable("workflow", "Workflow", "agentmon_workflow_calls_total", ("service", "region")),
        Variable("model", "Model", "agentmon_model_calls_total", ("service", "region")),
        Variable("version", "Version", _INFO, ("service", "region", "agent")),
    )
}


@dataclass(frozen=True)
class Step:
    """
    From a value on, a colour that says how good that is.

    Args:
        value: The value, or how it follows from what is promised; the lowest begins nowhere.
        colour: The colour.
    """

    value: float | Callable[[Promise], float] | None
    colour: Literal["green", "yellow", "red", "text"]

    def at(self, promised: Promise) -> float | None:
        """Where it begins, given what is promised."""
        return round(self.value(promised), 6) if callable(self.value) else self.value


@dataclass(frozen=True)
class Query:
    """
    What a panel asks.

    Args:
        ask: A view, or an expression of recorded series where no view fits.
        legend: What its series are called, with labels in double braces.
        window: What rates look back over; the range of the dashboard, or what is drawn.
        by: The labels that are kept, the others summed over; by default those of the view.
    """

    ask: View | Expression
    legend: str = ""
    window: str = "$__rate_interval"
    by: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Panel:
    """
    A panel.

    Args:
        title: A few words.
        help: What it means, and what to do about it.
        form: How it is drawn.
        queries: What it asks.
        measure: What its numbers are.
        width: Of 24 columns.
        height: In units of the grid.
        steps: Colours by value.
        empty: What it says where there is nothing, and why that may be.
        text: Of a panel of words.
        serves: Capabilities that it serves.
        columns: Of a table, the title of each query's values, by the letter of the query.
        words: What no and yes are called, where that is what is asked.
        ahead: Whether times of a table are in the future.
        zoomed: Whether the axis shows what varies instead of beginning at 0.
        edges: What the buckets of a heat map are of.
        traces: The histogram whose exemplars are drawn as points, each a trace.
    """

    title: str
    help: str
    form: Form
    queries: tuple[Query, ...]
    measure: Measure
    width: int
    height: int
    steps: tuple[Step, ...] = ()
    empty: str = ""
    text: str = ""
    serves: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()
    columns: tuple[str, ...] = ()
    words: tuple[str, str] = ("no", "yes")
    ahead: bool = False
    zoomed: bool = False
    edges: Measure = Measure.SECONDS
    traces: Metric | None = None

    def __post_init__(self) -> None:
        for name in self.serves:
            if name not in CAPABILITIES:
                raise CatalogueError(f"panel {self.title}: no capability {name!r}")


@dataclass(frozen=True)
class Row:
    """
    Panels that answer one question.

    Args:
        title: The question, or what they are about.
        panels: The panels; a line of them is full at 24 columns.
        folded: Whether readers open it themselves.
    """

    title: str
    panels: tuple[Panel, ...]
    folded: bool = False


@dataclass(frozen=True)
class Board:
    """
    A dashboard.

    Args:
        name: Of the capability, such as ``system_health_overview``.
        uid: Stable id.
        title: Its title.
        audience: Who reads it.
        question: What it answers, in one sentence.
        variables: What can be chosen.
        rows: Its panels, in the order in which they are read.
        since: How far it looks back at first.
        coming: What has a place here and does not exist yet.
    """

    name: str
    uid: str
    title: str
    audience: str
    question: str
    variables: tuple[str, ...]
    rows: tuple[Row, ...]
    since: str = "now-6h"
    coming: tuple[str, ...] = ()

    @property
    def capability(self) -> str:
        """The capability that it is."""
        return f"visualization_framework.{self.audience}_dashboards.{self.name}"

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, in order."""
        return tuple(panel for row in self.rows for panel in row.panels)


def chosen(variables: Iterable[str]) -> Matchers:
    """What the reader has chosen of some variables."""
    return {name: ("=~", f"${name}") for name in variables}


def spelled(view: str, *variables: str) -> str:
    """What a view asks of what the reader has chosen, to make more of it."""
    return VIEWS[view].expression(Ask(Query.window, chosen(variables))).text


def panel(
    form: Form,
    *views: str,
    title: str = "",
    help: str = "",  # noqa: A002  # as it is called in the catalogue
    width: int = 6,
    height: int = 0,
    legends: Sequence[str] = (),
    window: str = "",
    steps: tuple[Step, ...] = (),
    empty: str = "",
    columns: tuple[str, ...] = (),
    words: tuple[str, str] = ("no", "yes"),
    by: tuple[str, ...] | None = None,
    ahead: bool = False,
    zoomed: bool = False,
    edges: Measure = Measure.SECONDS,
    traces: Metric | None = None,
) -> Panel:
    """
    A panel of views.

    Args:
        form: How it is drawn.
        views: Their names; all of one measure, but in a table.
        title: By default that of the first view.
        help: What it means and what to do; the question of the first view stands before it.
        width: Of 24 columns.
        height: By default what suits the form.
        legends: What the series of each view are called; by default their labels.
        window: What rates look back over; by default what is drawn, or the whole range for what is
            one number.
        steps: Colours by value.
        empty: What it says where there is nothing.
        columns: Of a table, the titles of its values.
        words: What no and yes are called, where that is what is asked.
        by: The labels that are kept, the others summed over.
        ahead: Whether times of a table are in the future.
        zoomed: Whether the axis shows what varies instead of beginning at 0.
        edges: What the buckets of a heat map are of.
        traces: The histogram whose exemplars are drawn as points, each a trace.

    Raises:
        CatalogueError: If there is no such view, or measures differ.
    """
    asked = []
    for name in views:
        if name not in VIEWS:
            raise CatalogueError(f"panel {title or name}: no view {name!r}")
        asked.append(VIEWS[name])
    first = asked[0]
    if form != "table" and len({view.measure for view in asked}) > 1:
        raise CatalogueError(f"panel {title}: its views have several measures")
    over = window or ("$__range" if form in ("stat", "bars", "table") else "$__rate_interval")
    queries = tuple(
        Query(view, legend or _legend(view, by or view.by, many=len(asked) > 1), over, by)
        for view, legend in zip(asked, [*legends, *[""] * (len(asked) - len(legends))], strict=True)
    )
    worst = "The worst of them." if form == "stat" and first.by else ""
    if first.measure in (Measure.PER_SECOND, Measure.COUNT, Measure.MONEY_PER_SECOND):
        worst = worst and "All of them together."
    of_worst = ""
    if worst.startswith("The worst"):
        of_worst = ", lowest" if first.better == "more" else ", highest"
    return Panel(
        title=(title or first.title) + of_worst,
        help=" ".join(filter(None, (first.question, worst, help))),
        form=form,
        queries=queries,
        measure=first.measure,
        width=width,
        height=height or {"stat": 4, "bars": 8, "table": 9, "text": 3}.get(form, 8),
        steps=steps,
        empty=empty,
        serves=tuple(dict.fromkeys(name for view in asked for name in view.serves)),
        measures=tuple(view.measure for view in asked),
        columns=columns or tuple(view.title for view in asked),
        words=words,
        ahead=ahead,
        zoomed=zoomed,
        edges=edges,
        traces=traces,
    )


def _legend(view: View, by: tuple[str, ...], *, many: bool) -> str:
    """Their labels, but for what the unit says."""
    labels = " ".join(f"{{{{{label}}}}}" for label in by if label not in ("le", "currency"))
    if not labels:
        return view.title
    return f"{labels} {view.title}" if many else labels
