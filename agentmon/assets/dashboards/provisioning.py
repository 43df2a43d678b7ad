"""
The files by which Grafana finds dashboards and data sources when it starts.
"""

from __future__ import annotations

from typing import Any

from agentmon.assets.dashboards.board import AUDIENCES

__all__ = ["dashboards", "datasources"]


def dashboards() -> dict[str, Any]:
    """A folder for each kind of reader."""
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": f"agentmon {audience}",
                "folder": f"agentmon / {audience.capitalize()}",
                "folderUid": f"agentmon-{audience}",
                "type": "file",
                "disableDeletion": False,
                "allowUiUpdates": False,
                "options": {"path": f"/var/lib/grafana/dashboards/agentmon/{audience}"},
            }
            for audience in AUDIENCES
        ],
    }


def datasources() -> dict[str, Any]:
    """Prometheus, whose exemplars lead to traces in Tempo."""
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "name": "Prometheus",
                "uid": "agentmon-prometheus",
                "type": "prometheus",
                "access": "proxy",
                "url": "http://prometheus:9090",
                "isDefault": True,
                "jsonData": {
                    "httpMethod": "POST",
                    "timeInterval": "15s",
                    "exemplarTraceIdDestinations": [
                        {"name": "trace_id", "datasourceUid": "agentmon-tempo"}
                    ],
                },
            },
            {
                "name": "Tempo",
                "uid": "agentmon-tempo",
                "type": "tempo",
                "access": "proxy",
                "url": "http://tempo:3200",
            },
            {
                "name": "Alertmanager",
                "uid": "agentmon-alertmanager",
                "type": "alertmanager",
                "access": "proxy",
                "url": "http://alertmanager:9093",
                "jsonData": {"implementation": "prometheus"},
            },
        ],
    }
