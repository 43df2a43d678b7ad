"""What the tests of routing share: objectives with a receiver for everybody, and their files."""

from __future__ import annotations

import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

from agentmon.assets import routing
from agentmon.assets.render import yaml_text
from agentmon.assets.told import Told, walk
from agentmon.model.objectives import WEEKDAYS, Hours, Objectives, Receiver
from tests.servers.alerting import quicker
from tests.servers.processes import required

__all__ = ["day_now", "hours_now", "labels_of", "lay", "receivers", "routes_test", "told_now"]


def receivers(url: str, *names: str) -> dict[str, Receiver]:
    """A webhook for each name, whose path is the name."""
    return {name: Receiver(name, "webhook", {"url": f"{url}/{name}"}) for name in names}


def lay(objectives: Objectives, folder: Path, factor: float = 1.0) -> Path:
    """
    The configuration of Alertmanager with its templates, in a folder.

    Args:
        objectives: What it is made of.
        folder: Where files are put.
        factor: How much shorter intervals are.
    """
    objectives.check()
    configuration = routing.configuration(objectives)
    if factor != 1:
        configuration = quicker(configuration, factor)
    (folder / "templates").mkdir(parents=True, exist_ok=True)
    template = Path(routing.__file__).with_name("notification.tmpl")
    (folder / "templates" / "agentmon.tmpl").write_text(template.read_text())
    path = folder / "alertmanager.yml"
    path.write_text(yaml_text(configuration))
    return path


def hours_now(zone: str, *, inside: bool, margin: timedelta = timedelta(hours=2)) -> Hours:
    """Hours on every day, in which it is now, or is not, with a margin."""
    now = datetime.now(ZoneInfo(zone))
    near = (now - margin, now + margin)
    begin, end = near if inside else reversed(near)
    return Hours("monday:sunday", f"{begin:%H:%M}", f"{end:%H:%M}", zone)


def day_now(*, inside: bool) -> Hours:
    """Whole days of the week, of which it is one now, or is not, also in an hour's time."""
    today = datetime.now(timezone.utc)
    first = (today - timedelta(days=1)) if inside else (today + timedelta(days=2))
    last = first + timedelta(days=2)
    return Hours(f"{WEEKDAYS[first.weekday()]}:{WEEKDAYS[last.weekday()]}", "00:00", "24:00", "UTC")


def told_now(objectives: Objectives, labels: dict[str, str]) -> set[str]:
    """Who is told of an alert, as `agentmon routes explain` says it."""
    return {each.receiver for each in _now(objectives, labels) if each.now}


def _now(objectives: Objectives, labels: dict[str, str]) -> list[Told]:
    return walk(objectives, labels, datetime.now(timezone.utc))


def labels_of(labels: dict[str, str]) -> list[str]:
    """As amtool takes them."""
    return [f'{name}="{value}"' for name, value in labels.items()]


def routes_test(amtool: str, path: Path, labels: dict[str, str]) -> list[str]:
    """Where Alertmanager's own tool says that an alert goes, whatever the time."""
    done = subprocess.run(
        [required(amtool), "config", "routes", "test", f"--config.file={path}", *labels_of(labels)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip().split(",")
