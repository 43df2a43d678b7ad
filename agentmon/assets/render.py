"""
Everything that ships, rendered from objectives: the one list of what `agentmon build` writes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from agentmon.assets import dashboards, deployment, escalation, routing, rules, runbooks, scraping
from agentmon.assets.dashboards import provisioning
from agentmon.assets.native import natively
from agentmon.errors import ConfigError
from agentmon.model.objectives import Objectives

__all__ = ["render", "stale", "write"]

_HEADER: Final = "# Made by `agentmon build` from objectives; edit those instead.\n"


def render(objectives: Objectives) -> dict[str, str]:
    """
    The text of each file, by its path.

    Args:
        objectives: What is promised, and who is told.

    Raises:
        ConfigError: If what it needs is not installed.
    """
    return {
        **_prometheus(objectives),
        "prometheus/alertmanager.yml": _HEADER + yaml_text(routing.configuration(objectives)),
        "prometheus/templates/agentmon.tmpl": (
            Path(__file__).with_name("notification.tmpl").read_text(encoding="utf-8")
        ),
        **_deployment(objectives),
        "grafana/provisioning/dashboards/agentmon.yml": _HEADER
        + yaml_text(provisioning.dashboards()),
        "grafana/provisioning/datasources/agentmon.yml": _HEADER
        + yaml_text(provisioning.datasources()),
        **dashboards.files(objectives),
        **{f"docs/runbooks/{name}": page for name, page in runbooks.pages(objectives).items()},
    }


def stale(files: dict[str, str], folder: Path) -> list[str]:
    """The paths below a folder whose text is not the rendered one."""
    return [path for path, text in files.items() if not _is(folder / path, text)]


def write(files: dict[str, str], folder: Path) -> list[str]:
    """
    Write what is not there yet, below a folder.

    Returns:
        The paths that were written.
    """
    written = stale(files, folder)
    for path in written:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(files[path], encoding="utf-8")
    return written


def _is(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False


def _deployment(objectives: Objectives) -> dict[str, str]:
    groups = [
        group.rendered(objectives)
        for group in (*rules.record_groups(objectives), *rules.alert_groups())
    ]
    groups += escalation.groups(objectives)
    files = {
        "prometheus/operator/rules.yml": [deployment.prometheus_rules(groups)],
        "prometheus/operator/servicemonitor.yml": [deployment.service_monitor()],
        "examples/deployment/kubernetes.yml": deployment.kubernetes(),
        "examples/deployment/docker-compose.yml": [deployment.compose()],
        "examples/deployment/tempo.yml": [deployment.tempo()],
    }
    head = _HEADER + deployment.NOT_RUN
    return {
        **{path: head + "---\n".join(map(yaml_text, parts)) for path, parts in files.items()},
        "examples/deployment/prometheus.yml": _HEADER + yaml_text(deployment.compose_prometheus()),
    }


def _prometheus(objectives: Objectives) -> dict[str, str]:
    files = {
        "prometheus/prometheus.yml": _HEADER + yaml_text(scraping.configuration()),
        "prometheus/prometheus-native-2.yml": _HEADER
        + scraping.NATIVE_2
        + yaml_text(scraping.configuration(rules="rules-native/*.yml")),
        "prometheus/prometheus-native-3.yml": _HEADER
        + scraping.NATIVE_3
        + yaml_text(scraping.configuration(keep_classic=True)),
    }
    for name, groups in (
        ("records", rules.record_groups(objectives)),
        ("alerts", rules.alert_groups()),
    ):
        rendered = [group.rendered(objectives) for group in groups]
        for folder, told in (("rules", rendered), ("rules-native", natively(rendered))):
            files[f"prometheus/{folder}/agentmon-{name}.yml"] = _HEADER + yaml_text(
                {"groups": told}
            )
    if escalations := escalation.groups(objectives):
        for folder in ("rules", "rules-native"):
            files[f"prometheus/{folder}/agentmon-escalations.yml"] = _HEADER + yaml_text(
                {"groups": escalations}
            )
    return files


def yaml_text(value: Any) -> str:
    """
    A value as YAML, in the order in which it was made.

    Raises:
        ConfigError: If PyYAML is not installed.
    """
    try:
        import yaml  # noqa: PLC0415  # only to build
    except ImportError as error:
        raise ConfigError(
            "building needs PyYAML: install agentmon-telemetry with the extra `build`"
        ) from error
    return str(yaml.safe_dump(value, sort_keys=False, width=10**6, allow_unicode=True))
