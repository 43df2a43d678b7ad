"""``agentmon collect``: reports of tests, scanners, backups, deployments, made into metrics."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agentmon.errors import CollectError, ConfigError
from agentmon.export.terminal import duration, plain
from agentmon.model.metric import Kind, Metric

if TYPE_CHECKING:
    from agentmon.cli.command import Commands
    from agentmon.collect.gather import Gathered

__all__ = ["add"]

_GAP: Final = "  "
_MOST_ROWS: Final = 20


def add(commands: Commands) -> None:
    """Add the command to the parser."""
    collect = commands.add_parser(
        "collect",
        help="make metrics of reports of tests, scanners, backups, deployments",
        description="Read reports that other tools wrote, show what they say, and push it. If one "
        "of them cannot be used, nothing is pushed and the exit status is 2; it is 1 if a push "
        "failed. AGENTMON_SERVICE, AGENTMON_REGION and AGENTMON_PUSH apply.",
        epilog="Without KIND, a report is told by its content where that is safe; histories, "
        "controls and other files of your own need it. See --kinds.",
        allow_abbrev=False,
    )
    collect.add_argument(
        "reports",
        nargs="*",
        metavar="[KIND[:NAME]=]PATH",
        help="a report, a pattern in quotes, or a folder of documentation",
    )
    collect.add_argument("--kinds", action="store_true", help="show the kinds of reports")
    collect.add_argument(
        "--push",
        action="append",
        default=[],
        metavar="WAY=WHERE",
        help="such as pushgateway=http://localhost:9091; can be given several times",
    )
    collect.add_argument("--textfile", metavar="PATH", help="write a file for the node exporter")
    collect.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="LABEL=VALUE",
        help="a label more of the group at a Pushgateway",
    )
    collect.add_argument(
        "--print", action="store_true", dest="printed", help="print metrics, not a table"
    )
    collect.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="what paths in reports are relative to (the present folder)",
    )
    collect.add_argument(
        "--online", action="store_true", help="follow links of documentation to other servers"
    )
    collect.add_argument(
        "--timeout", type=float, default=30.0, metavar="SECONDS", help="of a push (%(default)g)"
    )
    collect.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    from agentmon.collect.gather import gather  # noqa: PLC0415  # few commands need it
    from agentmon.collect.kinds import KINDS  # noqa: PLC0415  # likewise

    if chosen.kinds:
        width = max(map(len, KINDS)) + len(_GAP)
        for name, kind in KINDS.items():
            print(f"{name:<{width}}{kind.help}")
        return 0
    if not chosen.reports:
        print("agentmon collect: name a report, or give --kinds", file=sys.stderr)
        return 2
    try:
        settings, places = _where(chosen)
        gathered = gather(chosen.reports, root=chosen.root, online=chosen.online)
    except (CollectError, ConfigError) as error:
        for line in str(error).splitlines():
            print(f"agentmon collect: {plain(line)}", file=sys.stderr)
        return 2
    return _told(chosen, settings, places, gathered)


def _where(chosen: argparse.Namespace) -> tuple[Any, list[Any]]:
    """The settings, and the places to push to."""
    from dataclasses import replace  # noqa: PLC0415  # likewise

    from agentmon._settings import resolve  # noqa: PLC0415  # likewise
    from agentmon.export.push.pushgateway import Pushgateway  # noqa: PLC0415  # likewise
    from agentmon.export.push.target import positive  # noqa: PLC0415  # likewise

    named = [*chosen.push, *([f"textfile={chosen.textfile}"] if chosen.textfile else [])]
    if not positive(chosen.timeout):
        raise ConfigError(f"--timeout: got {chosen.timeout}, allowed seconds above 0")
    settings = resolve(os.environ, {"push": named or None})
    groups: dict[str, str] = {}
    for each in chosen.group:
        label, sign, value = each.partition("=")
        if not sign or not value:
            raise ConfigError(f"--group: got {each!r}, allowed LABEL=VALUE")
        groups[label] = value
    job = groups.pop("job", None)
    places = []
    for place in settings.push:
        if isinstance(place, Pushgateway):
            grouping: Mapping[str, str] = {**(place.grouping or {}), **groups}
            places.append(replace(place, job=job or place.job, grouping=grouping))
        else:
            places.append(place)
    return settings, places


def _told(chosen: argparse.Namespace, settings: Any, places: list[Any], gathered: Gathered) -> int:
    """Show what was gathered, and push it."""
    from itertools import chain  # noqa: PLC0415  # likewise

    from agentmon.collect.send import families, send, text  # noqa: PLC0415  # likewise
    from agentmon.export.push.target import Origin  # noqa: PLC0415  # likewise
    from agentmon.tracing.resource import resource  # noqa: PLC0415  # likewise

    _, crowded = families(chain.from_iterable(gathered.facts.values()))
    labels = settings.constant_labels
    if chosen.printed:
        sys.stdout.write(text(gathered.facts, labels))
    else:
        _table(gathered)
    for note in gathered.notes:
        print(f"agentmon collect: note: {plain(note)}", file=sys.stderr)
    if crowded:
        print(
            f"agentmon collect: note: {crowded} values are under 'other': labels are bounded",
            file=sys.stderr,
        )
    origin = Origin(
        labels,
        lambda: {**resource(settings.service, settings.region, settings.resource)},
    )
    failed = send(gathered.facts, places, origin, chosen.timeout)
    for reason in failed:
        print(f"agentmon collect: {reason}", file=sys.stderr)
    if failed:
        return 1
    if not chosen.printed:
        for place in places:
            print(f"pushed: {place}")
    return 0


def _table(gathered: Gathered) -> None:
    """Print the values of each metric, the first few where there are many."""
    from agentmon.collect.send import families  # noqa: PLC0415  # likewise

    for kind, facts in gathered.facts.items():
        files = gathered.files[kind]
        print(f"{kind}: {files} file{'' if files == 1 else 's'}")
        lines = []
        for family in families(facts)[0]:
            for number, (labels, value) in enumerate(family.samples):
                if number == _MOST_ROWS:
                    more = len(family.samples) - number
                    lines.append((family.metric.sample, f"and {more} more", ""))
                    break
                shown = _GAP.join(plain(label) or "-" for label in labels)
                lines.append((family.metric.sample, shown, _said(family.metric, value)))
        widths = [max((len(line[n]) for line in lines), default=0) for n in range(2)]
        for name, shown, number_shown in lines:
            print(
                f"{_GAP}{name:<{widths[0]}}{_GAP}{shown:<{widths[1]}}{_GAP}{number_shown}".rstrip()
            )


def _said(metric: Metric, value: Any) -> str:
    """A value as a person reads it."""
    if metric.kind is Kind.HISTOGRAM:
        return f"{value.count} of {duration(value.total / max(1, value.count))} on average"
    if metric.name.endswith("_timestamp"):
        return f"{datetime.fromtimestamp(value, tz=timezone.utc):%Y-%m-%d %H:%M} UTC"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"
