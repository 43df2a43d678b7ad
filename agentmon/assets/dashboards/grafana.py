"""
Dashboards as Grafana reads them, made with its own typed builders.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from agentmon.assets.dashboards.board import (
    COLUMNS,
    VARIABLES,
    Board,
    Panel,
    Query,
    Row,
    Step,
    chosen,
)
from agentmon.errors import ConfigError
from agentmon.model.catalogue import facts as f
from agentmon.model.metric import Metric
from agentmon.model.objectives import Objectives
from agentmon.query.ask import Ask
from agentmon.query.promql import Expression, Matchers, exemplars
from agentmon.query.rates import EVERY, asked_in
from agentmon.query.views import VIEWS, Measure, View

__all__ = ["dashboard", "expression"]

_TAG: Final = "agentmon"
#: Units of Grafana, by what the numbers are.
_UNITS: Final[dict[Measure, str]] = {
    Measure.SECONDS: "s",
    Measure.RATIO: "percentunit",
    Measure.PER_SECOND: "suffix:/s",
    Measure.COUNT: "short",
    Measure.BYTES: "bytes",
    Measure.BYTES_PER_SECOND: "binBps",
    Measure.CORES: "short",
    Measure.MONEY: "currencyUSD",
    Measure.MONEY_PER_SECOND: "currencyUSD",
    Measure.TIMESTAMP: "dateTimeFromNow",
    Measure.YES: "bool_yes_no",
    Measure.SCORE: "percentunit",
    Measure.NUMBER: "short",
}
_MOST: Final = 10  # lines of a panel, the rest is summed
_FEW: Final = 3  # where each thing has _MANY lines or more
_MANY: Final = 3
_MOST_LINES: Final = 100  # of a table
_THICKEST: Final = 44  # of a bar, in pixels
_WIDE: Final = 12  # from this width on, legends stand beside the lines
#: How far an axis reaches where all is 0, by what the numbers are.
_LEAST: Final = {Measure.COUNT: 1, Measure.CORES: 0.01, Measure.BYTES: 1024, Measure.NUMBER: 1}
#: Colours of how things end, wherever that is a line by itself.
_OUTCOMES: Final = {
    "ok": "green",
    "completed": "green",
    "error": "red",
    "failed": "red",
    "timeout": "orange",
    "timed_out": "orange",
    "cancelled": "text",
    "interrupted": "blue",
}
#: What a label that is not set is called where it would be the name of a bar or a line.
_UNSET: Final = {
    label: f"no {label}"
    for label in ("agent", "model", "region", "team", "tier", "version", "workflow")
}


def expression(query: Query, board: Board) -> str:
    """What a panel asks, with the variables of its dashboard."""
    if isinstance(query.ask, Expression):
        return query.ask.text
    where = chosen(name for name in board.variables if name in VARIABLES)
    made = query.ask.expression(Ask(query.window, where))
    if query.by is not None:
        made = made.sum(query.by)
    if query.ask.measure is Measure.MONEY_PER_SECOND:
        made *= 3600
    if query.ask.measure is Measure.TIMESTAMP:
        made *= 1000
    return made.text


def _additive(measure: Measure) -> bool:
    """Whether what is left out of a ranking can be summed."""
    return measure in (
        Measure.PER_SECOND,
        Measure.COUNT,
        Measure.BYTES,
        Measure.BYTES_PER_SECOND,
        Measure.CORES,
        Measure.MONEY_PER_SECOND,
    )


def _ranked(query: Query, board: Board, most: int) -> tuple[str, str | None]:
    """
    The few series that matter over the whole range, and the sum of the others.

    Which they are is decided once for the range: a ranking at each moment would make lines of
    pieces.
    """
    text = expression(query, board)
    if isinstance(query.ask, Expression) or not _labels(query) or "le" in query.ask.by:
        return text, None
    over = expression(replace(query, ask=_ranking(query.ask), window="$__range"), board)
    if "[$__range]" not in over:  # a gauge: the present decides
        return f"topk({most}, {text})", None
    ranking = f"topk({most}, {over.replace('[$__range]', '[$__range] @ end()')})"
    on = ", ".join(_labels(query))
    few = f"({text}) and on ({on}) {ranking}"
    if not _additive(query.ask.measure):
        return few, None
    return few, f"sum(({text}) unless on ({on}) {ranking}) > 0"


def _ranking(view: View) -> View:
    """What decides which matter: of percentiles the mean, which reads a tenth of the series."""
    prefix, found, _ = view.name.rpartition("-p")
    mean = VIEWS.get(f"{prefix}-mean") if found else None
    return mean if mean is not None and mean.by == view.by else view


def _one(text: str, view: View) -> str:
    """One number of many: their sum, or the worst of them."""
    if not view.by:
        return text
    if _additive(view.measure):
        return f"sum({text})"
    return f"min({text})" if view.better == "more" else f"max({text})"


def dashboard(board: Board, every: tuple[Board, ...], objectives: Objectives) -> str:
    """
    A dashboard as JSON.

    Args:
        board: The dashboard.
        every: All of them, for the links between.
        objectives: For the currency, and where runbooks are.

    Raises:
        ConfigError: If Grafana's builders are not installed.
    """
    try:
        from grafana_foundation_sdk.builders import dashboard as d  # noqa: PLC0415  # only to build
        from grafana_foundation_sdk.cog.encoder import JSONEncoder  # noqa: PLC0415
        from grafana_foundation_sdk.models import dashboard as m  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            "building dashboards needs grafana-foundation-sdk 0.0.21: install agentmon-telemetry "
            "with the extra `build`, on Python 3.11 or newer"
        ) from error
    made = (
        d.Dashboard(board.title)
        .uid(board.uid)
        .description(board.question)
        .tags([_TAG, board.audience])
        .refresh("1m")
        .time(board.since, "now")
        .timezone("browser")
        .readonly()
        .tooltip(m.DashboardCursorSync.CROSSHAIR)
        .variables(_variables(board))
        .links(_links(board, every))
        .annotations(_annotations())
    )
    for each in _panels(board, objectives):
        made = made.with_panel(each)
    return str(JSONEncoder(sort_keys=True, indent=1).encode(made.build())) + "\n"


# ------------------------------------------------------------------ what stands around


def _variables(board: Board) -> list[Any]:
    from grafana_foundation_sdk.builders import dashboard as d  # noqa: PLC0415
    from grafana_foundation_sdk.models import dashboard as m  # noqa: PLC0415

    found: list[Any] = [d.DatasourceVariable("datasource").label("Data source").type("prometheus")]
    for name in board.variables:
        variable = VARIABLES[name]
        narrowed = ", ".join(
            f'{each}=~"${each}"' for each in variable.after if each in board.variables
        )
        selector = f"{variable.series}{{{narrowed}}}" if narrowed else variable.series
        made = (
            d.QueryVariable(name)
            .label(variable.title)
            .query(f"label_values({selector}, {name})")
            .datasource(m.DataSourceRef(type_val="prometheus", uid="$datasource"))
            .multi(multi=True)
            .include_all(include_all=True)
            .refresh(m.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(m.VariableSort.ALPHABETICAL_ASC)
            .current(m.VariableOption(text=["All"], value=["$__all"], selected=True))
        )
        if name != "agent":  # its values are those that the team and the tier leave
            made = made.all_value(".*")
        found.append(made)
    return found


def _links(board: Board, every: tuple[Board, ...]) -> list[Any]:
    """To the sister dashboards, keeping what was chosen; those of the same readers first."""
    from grafana_foundation_sdk.builders import dashboard as d  # noqa: PLC0415
    from grafana_foundation_sdk.models import dashboard as m  # noqa: PLC0415

    audiences = dict.fromkeys([board.audience, *(each.audience for each in every)])
    return [
        d.DashboardLink(audience.capitalize())
        .type(m.DashboardLinkType.DASHBOARDS)
        .tags([_TAG, audience])
        .as_dropdown(as_dropdown=True)
        .include_vars(include_vars=True)
        .keep_time(keep_time=True)
        for audience in audiences
    ]


def _annotations() -> list[Any]:
    """Deployments, and alerts that fire."""
    from grafana_foundation_sdk.builders import dashboard as d  # noqa: PLC0415
    from grafana_foundation_sdk.models import dashboard as m  # noqa: PLC0415

    source = m.DataSourceRef(type_val="prometheus", uid="$datasource")
    deployed = f"changes({f.DEPLOYMENT_LAST.sample}[$__interval]) > 0"
    firing = 'ALERTS{alertstate="firing", alertname=~"Agentmon.+", severity=~"critical|warning"}'
    return [
        d.AnnotationQuery()
        .name("Deployments")
        .datasource(source)
        .enable(enable=True)
        .icon_color("blue")
        .expr(deployed)
        .title_format("Deployed: {{component}} ({{environment}})"),
        d.AnnotationQuery()
        .name("Alerts")
        .datasource(source)
        .enable(enable=True)
        .icon_color("red")
        .expr(firing)
        .title_format("{{alertname}}")
        .text_format("{{agent}}{{workflow}}{{dependency}}"),
    ]


# ------------------------------------------------------------------ panels


def _panels(board: Board, objectives: Objectives) -> Iterator[Any]:
    """Rows and panels in their places; those of a folded row are inside it."""
    from grafana_foundation_sdk.models import dashboard as m  # noqa: PLC0415

    number, y = 1, 0
    for row in board.rows:
        first = number
        if row.title:
            number, y = number + 1, y + 1
        placed = list(_placed(row, y))
        panels = [
            _panel(each, board, objectives).id(number + n).grid_pos(m.GridPos(**place))
            for n, (each, place) in enumerate(placed)
        ]
        number += len(panels)
        if row.title:
            yield _RowPanel(
                m.RowPanel(
                    title=row.title,
                    id_val=first,
                    grid_pos=m.GridPos(h=1, w=COLUMNS, x=0, y=y - 1),
                    collapsed=row.folded,
                    panels=[each.build() for each in panels] if row.folded else [],
                )
            )
        if not row.folded:
            yield from panels
            y = max(place["y"] + place["h"] for _, place in placed)


def _placed(row: Row, y: int) -> Iterator[tuple[Panel, dict[str, int]]]:
    """The panels of a row with their places: line after line, each as high as its highest."""
    x = tallest = 0
    for each in row.panels:
        if x + each.width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        yield each, {"h": each.height, "w": each.width, "x": x, "y": y}
        x, tallest = x + each.width, max(tallest, each.height)


class _RowPanel:
    """A row that is built already."""

    def __init__(self, built: Any) -> None:
        self._built = built

    def build(self) -> Any:
        """The row."""
        return self._built


#: How many points a line has at most; each costs the server a look at every series.
_POINTS: Final = 300
#: The same of what rules record of durations, which has a series for each edge.
_FEW_POINTS: Final = 150


def _panel(each: Panel, board: Board, objectives: Objectives) -> Any:
    from grafana_foundation_sdk.builders import text  # noqa: PLC0415
    from grafana_foundation_sdk.models.text import TextMode  # noqa: PLC0415

    if each.form == "text":
        return (
            text.Panel()
            .title(each.title)
            .description(each.help)
            .mode(TextMode.MARKDOWN)
            .content(each.text)
            .transparent(transparent=True)
        )
    made = _FORMS[each.form](each)
    made = (
        made.title(each.title)
        .description(_described(each))
        .datasource(_source())
        .thresholds(_thresholds(each.steps, objectives))
        .no_value(_NO_CELL if _of_columns(each) else each.empty or _EMPTY)
        .max_data_points(_POINTS)
    )
    for target in _targets(each, board):
        made = made.with_target(target)
    if any(asked_in(expression(query, board)) for query in each.queries):
        made = made.interval(EVERY).max_data_points(_FEW_POINTS)
    if each.form == "table":  # a unit would be that of all columns, names too: titles say it
        made = _as_table(made, each, objectives)
    else:
        made = made.unit(_unit(each.measure, objectives))
    if each.measure is Measure.YES:
        made = made.mappings(_words(each.words))
    if each.form in ("lines", "stack"):
        if not each.zoomed:
            made = made.axis_soft_min(0)
        made = made.axis_soft_max(_LEAST.get(each.measure, 0.001))
        for outcome, colour in _OUTCOMES.items():
            made = made.with_override(_is(outcome), [_fixed(colour)])
    return made


def _is(name: str) -> Any:
    """What has a name."""
    from grafana_foundation_sdk.models.dashboard import MatcherConfig  # noqa: PLC0415

    return MatcherConfig(id_val="byNames", options={"mode": "include", "names": [name]})


def _fixed(colour: str) -> Any:
    from grafana_foundation_sdk.models.dashboard import DynamicConfigValue  # noqa: PLC0415

    return DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})


def _of_columns(each: Panel) -> bool:
    """Whether it is a table with several values in a line, of which one may be absent."""
    return each.form == "table" and len(each.queries) > 1


def _described(each: Panel) -> str:
    if _of_columns(each) and each.empty:
        return f"{each.help} Where nothing is shown: {each.empty}."
    return each.help


_EMPTY: Final = "Nothing recorded in this time"
_NO_CELL: Final = "-"  # Grafana says it in each cell of a table that has none


def _source() -> Any:
    from grafana_foundation_sdk.models.dashboard import DataSourceRef  # noqa: PLC0415

    return DataSourceRef(type_val="prometheus", uid="$datasource")


def _unit(measure: Measure, objectives: Objectives) -> str:
    unit = _UNITS[measure]
    return unit if unit != "currencyUSD" else f"currency{objectives.currency.upper()}"


def _thresholds(steps: tuple[Step, ...], objectives: Objectives) -> Any:
    from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig  # noqa: PLC0415
    from grafana_foundation_sdk.models.dashboard import Threshold, ThresholdsMode  # noqa: PLC0415

    chosen = steps or (Step(None, "text"),)
    promised = objectives.promise("system", "")
    return (
        ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=step.at(promised), color=step.colour) for step in chosen])
    )


def _targets(each: Panel, board: Board) -> Iterator[Any]:
    from grafana_foundation_sdk.builders import prometheus  # noqa: PLC0415
    from grafana_foundation_sdk.models.prometheus import PromQueryFormat  # noqa: PLC0415

    letters = iter("ABCDEFGHIJKLMNOP")
    if each.traces is not None:
        # First: Grafana asks for the exemplars of a histogram only where it is named first.
        text = exemplars(each.traces, _chosen_of(each.traces, board)).text
        target = prometheus.Dataquery().expr(text).ref_id(next(letters))
        yield target.exemplar(exemplar=True).range()
    for query in each.queries:
        others = None
        text = expression(query, board)
        once = each.form in ("bars", "table") or (each.form == "stat" and "$__range" in text)
        if each.form in ("lines", "stack"):
            text, others = _ranked(query, board, _FEW if len(each.queries) >= _MANY else _MOST)
        elif each.form == "stat" and not isinstance(query.ask, Expression):
            text = _one(text, query.ask)
        elif not isinstance(query.ask, Expression) and each.form in ("bars", "table"):
            if each.form == "table":
                text = _in_words(text, query.ask.measure, ahead=each.ahead)
            text = f"topk({_MOST if each.form == 'bars' else _MOST_LINES}, {text})"
        if each.form in ("lines", "stack", "bars"):
            text = _named(text, query)
        target = prometheus.Dataquery().expr(text).ref_id(next(letters))
        if query.legend and each.form != "stat":
            target = target.legend_format(query.legend)
        if each.form == "table":
            target = target.format(PromQueryFormat.TABLE)
        if each.form == "heat":
            target = target.format(PromQueryFormat.HEATMAP).legend_format("{{le}}")
        yield target.instant() if once else target.range()
        if others is not None:
            yield (
                prometheus.Dataquery()
                .expr(others)
                .ref_id(next(letters))
                .legend_format("all others")
                .range()
            )


def _chosen_of(metric: Metric, board: Board) -> Matchers:
    """What the reader has chosen that a metric is told apart by."""
    known = ("service", "region", *metric.label_names)
    return chosen(name for name in board.variables if name in known)


def _labels(query: Query) -> tuple[str, ...]:
    """The labels of what a query gives, in order."""
    if query.by is not None:
        return query.by
    return query.ask.by if isinstance(query.ask, View) else tuple(sorted(query.ask.labels))


def _named(text: str, query: Query) -> str:
    """An expression whose series have names, even where a label is not set."""
    for label in _labels(query):
        if label in _UNSET:
            text = f'label_replace({text}, "{label}", "{_UNSET[label]}", "{label}", "")'
    return text


def _words(words: tuple[str, str]) -> Any:
    from grafana_foundation_sdk.models import dashboard as m  # noqa: PLC0415

    return [
        m.ValueMap(
            options={
                "0": m.ValueMappingResult(text=words[0], color="red", index=0),
                "1": m.ValueMappingResult(text=words[1], color="green", index=1),
            }
        )
    ]


# ------------------------------------------------------------------ forms


def _stat(each: Panel) -> Any:
    from grafana_foundation_sdk.builders import common, stat  # noqa: PLC0415
    from grafana_foundation_sdk.models import common as c  # noqa: PLC0415

    del each
    return (
        stat.Panel()
        .graph_mode(c.BigValueGraphMode.AREA)
        .color_mode(c.BigValueColorMode.VALUE)
        .text_mode(c.BigValueTextMode.AUTO)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def _lines(each: Panel) -> Any:
    from grafana_foundation_sdk.builders import common, timeseries  # noqa: PLC0415
    from grafana_foundation_sdk.models import common as c  # noqa: PLC0415

    legend = (
        common.VizLegendOptions()
        .show_legend(show_legend=True)
        .display_mode(c.LegendDisplayMode.TABLE)
        .placement(c.LegendPlacement.RIGHT if each.width >= _WIDE else c.LegendPlacement.BOTTOM)
        .calcs(["lastNotNull", "max"])
        .sort_by("Last *")
        .sort_desc(sort_desc=True)
    )
    made = (
        timeseries.Panel()
        .legend(legend)
        .tooltip(
            common.VizTooltipOptions().mode(c.TooltipDisplayMode.MULTI).sort(c.SortOrder.DESCENDING)
        )
        .draw_style(c.GraphDrawStyle.LINE)
        .line_width(1)
        .fill_opacity(8)
        .show_points(c.VisibilityMode.NEVER)
        .span_nulls(c.BoolOrFloat64(bool_val=False) if hasattr(c, "BoolOrFloat64") else False)
    )
    if each.steps:
        made = made.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(c.GraphThresholdsStyleMode.DASHED)
        )
    return made


def _stack(each: Panel) -> Any:
    from grafana_foundation_sdk.builders import common  # noqa: PLC0415
    from grafana_foundation_sdk.models import common as c  # noqa: PLC0415

    stacked = common.StackingConfig().mode(c.StackingMode.NORMAL)
    return _lines(each).stacking(stacked).fill_opacity(60).line_width(0)


def _bars(each: Panel) -> Any:
    from grafana_foundation_sdk.builders import bargauge, common  # noqa: PLC0415
    from grafana_foundation_sdk.models import common as c  # noqa: PLC0415

    del each
    return (
        bargauge.Panel()
        .orientation(c.VizOrientation.HORIZONTAL)
        .display_mode(c.BarGaugeDisplayMode.BASIC)
        .value_mode(c.BarGaugeValueMode.TEXT)
        .show_unfilled(show_unfilled=False)
        .sizing(c.BarGaugeSizing.MANUAL)
        .max_viz_height(_THICKEST)
        .min(0)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def _table(each: Panel) -> Any:
    from grafana_foundation_sdk.builders import table  # noqa: PLC0415

    del each
    return table.Panel().show_header(show_header=True).filterable(filterable=True).min_width(70)


def _heat(each: Panel) -> Any:
    from grafana_foundation_sdk.builders import heatmap  # noqa: PLC0415
    from grafana_foundation_sdk.models import heatmap as h  # noqa: PLC0415

    return (
        heatmap.Panel()
        .calculate(calculate=False)
        .color(
            heatmap.HeatmapColorOptions().mode(h.HeatmapColorMode.SCHEME).scheme("Blues").steps(32)
        )
        .y_axis(heatmap.YAxisConfig().unit(_UNITS[each.edges]))
    )


_FORMS: Final = {
    "stat": _stat,
    "lines": _lines,
    "stack": _stack,
    "bars": _bars,
    "table": _table,
    "heat": _heat,
}


#: How a column says its unit: what follows its title, and by what its numbers are multiplied.
#: Grafana's overrides could say it too, if its own schema took them.
_IN_WORDS: Final[dict[Measure, tuple[str, float]]] = {
    Measure.SECONDS: (", s", 1),
    Measure.RATIO: (", %", 100),
    Measure.SCORE: (", %", 100),
    Measure.PER_SECOND: (", /s", 1),
    Measure.BYTES_PER_SECOND: (", B/s", 1),
    Measure.BYTES: (", B", 1),
    Measure.MONEY: (", {currency}", 1),
    Measure.MONEY_PER_SECOND: (", {currency}/h", 1),
}
_DAY_S: Final = 86400


def _titles(each: Panel, objectives: Objectives) -> Iterator[str]:
    several = len(set(each.measures)) > 1
    for title, measure in zip(each.columns, each.measures, strict=True):
        if measure is Measure.TIMESTAMP:
            yield f"{title}, in days" if each.ahead else f"{title}, days ago"
        elif measure is Measure.YES and several:
            yield f"{title}, 1 or 0"
        else:
            unit = _IN_WORDS.get(measure, ("", 1))[0]
            yield title + unit.format(currency=objectives.currency)


def _in_words(text: str, measure: Measure, *, ahead: bool) -> str:
    """An expression in the unit that its column says."""
    if measure is Measure.TIMESTAMP:
        seconds = f"({text}) / 1000"
        apart = f"{seconds} - time()" if ahead else f"time() - {seconds}"
        return f"({apart}) / {_DAY_S}"
    factor = _IN_WORDS.get(measure, ("", 1))[1]
    return text if factor == 1 else f"({text}) * {factor:g}"


def _as_table(made: Any, each: Panel, objectives: Objectives) -> Any:
    """One line for each thing, and a column for each question, with its unit."""
    from grafana_foundation_sdk.models import dashboard as m  # noqa: PLC0415

    if len(each.queries) > 1:
        made = made.with_transformation(m.DataTransformerConfig(id_val="merge", options={}))
    hidden = {"Time": True, **{f"Time {n}": True for n in range(1, len(each.queries) + 1)}}
    letters = "ABCDEFGHIJKLMNOP"
    labels = dict.fromkeys(label for query in each.queries for label in _labels(query))
    renamed = {label: label.capitalize().replace("_", " ") for label in labels} | {
        (f"Value #{letters[n]}" if len(each.queries) > 1 else "Value"): title
        for n, title in enumerate(_titles(each, objectives))
    }
    return made.with_transformation(
        m.DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": hidden,
                "indexByName": {name: n for n, name in enumerate(renamed)},
                "renameByName": renamed,
            },
        )
    )
