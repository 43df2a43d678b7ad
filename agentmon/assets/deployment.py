"""
Files by which people run the whole: objects for Kubernetes, and a stack for Docker Compose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agentmon.assets.scraping import configuration

__all__ = [
    "NOT_RUN",
    "compose",
    "compose_prometheus",
    "kubernetes",
    "prometheus_rules",
    "service_monitor",
    "tempo",
]

#: For files of which only the form could be checked.
NOT_RUN: Final = "# Not run: checked against its schema, and the rules by promtool, only.\n"
_LABELS: Final = {"app.kubernetes.io/name": "agentmon", "app.kubernetes.io/part-of": "agentmon"}
_AGENTS: Final = {"app.kubernetes.io/name": "agents"}
_PORT: Final = 9464


# ------------------------------------------------------------------ Prometheus Operator


def prometheus_rules(groups: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """
    The rules, for the Prometheus Operator.

    Args:
        groups: As a rule file has them.
    """
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "agentmon", "labels": {**_LABELS, "role": "alert-rules"}},
        "spec": {"groups": list(groups)},
    }


def service_monitor() -> dict[str, Any]:
    """Whom to scrape, for the Prometheus Operator: every Service that has the label."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": "agentmon", "labels": dict(_LABELS)},
        "spec": {
            "selector": {"matchLabels": {"agentmon": "scrape"}},
            "namespaceSelector": {"any": True},
            "endpoints": [
                {
                    "port": "metrics",
                    "path": "/metrics",
                    "interval": "15s",
                    "scrapeTimeout": "10s",
                    # The job would be the name of the Service, for which no rule asks.
                    "relabelings": [
                        {"action": "replace", "targetLabel": "job", "replacement": "agentmon"}
                    ],
                }
            ],
        },
    }


def kubernetes() -> list[dict[str, Any]]:
    """An example of agents in Kubernetes, as the ServiceMonitor finds them."""
    probe = {"periodSeconds": 10, "timeoutSeconds": 2}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "agents", "labels": dict(_AGENTS)},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": dict(_AGENTS)},
                "template": {
                    "metadata": {"labels": dict(_AGENTS)},
                    "spec": {
                        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000},
                        "containers": [
                            {
                                "name": "agents",
                                "image": "registry.example/agents:1.0",
                                "ports": [{"name": "metrics", "containerPort": _PORT}],
                                "env": [
                                    {"name": "AGENTMON_SERVICE", "value": "agents"},
                                    {"name": "AGENTMON_SERVE", "value": f"0.0.0.0:{_PORT}"},
                                    {"name": "AGENTMON_REGION", "value": "eu"},
                                    {"name": "AGENTMON_TRACES", "value": "grpc://tempo:4317"},
                                ],
                                "readinessProbe": {
                                    "httpGet": {"path": "/readyz", "port": "metrics"},
                                    **probe,
                                },
                                "livenessProbe": {
                                    "httpGet": {"path": "/healthz", "port": "metrics"},
                                    "failureThreshold": 6,
                                    **probe,
                                },
                                "resources": {
                                    "requests": {"cpu": "100m", "memory": "128Mi"},
                                    "limits": {"memory": "512Mi"},
                                },
                                "securityContext": {
                                    "allowPrivilegeEscalation": False,
                                    "readOnlyRootFilesystem": True,
                                    "capabilities": {"drop": ["ALL"]},
                                },
                            }
                        ],
                    },
                },
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "agents", "labels": {**_AGENTS, "agentmon": "scrape"}},
            "spec": {
                "clusterIP": "None",
                "selector": dict(_AGENTS),
                "ports": [{"name": "metrics", "port": _PORT, "targetPort": "metrics"}],
            },
        },
        {
            # Who may scrape: pods of the namespace that has the monitoring.
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "agents-metrics", "labels": dict(_AGENTS)},
            "spec": {
                "podSelector": {"matchLabels": dict(_AGENTS)},
                "policyTypes": ["Ingress"],
                "ingress": [
                    {
                        "from": [
                            {
                                "namespaceSelector": {
                                    "matchLabels": {"kubernetes.io/metadata.name": "monitoring"}
                                }
                            }
                        ],
                        "ports": [{"port": _PORT, "protocol": "TCP"}],
                    }
                ],
            },
        },
    ]


# ------------------------------------------------------------------ Docker Compose


def compose() -> dict[str, Any]:
    """The whole stack on one machine, with the demo as the program that is watched."""
    return {
        "name": "agentmon",
        "services": {
            "demo": {
                "image": "python:3.12-slim",
                "working_dir": "/src",
                "command": ["sh", "-c", "pip install --quiet . && exec python -m examples.audit"],
                "environment": {
                    "DEMO_SECONDS": "0",
                    "AUDIT_SERVE": f"0.0.0.0:{_PORT}",
                    "AGENTMON_TRACES": "grpc://tempo:4317",
                    "AGENTMON_REGION": "here",
                },
                "volumes": ["../..:/src:ro"],
                "depends_on": ["tempo"],
                "expose": [str(_PORT)],
            },
            "prometheus": {
                "image": "prom/prometheus:v3.5.0",
                "command": [
                    "--config.file=/etc/prometheus/prometheus.yml",
                    "--storage.tsdb.path=/prometheus",
                    "--storage.tsdb.retention.time=40d",
                    "--enable-feature=exemplar-storage",
                ],
                "volumes": [
                    "./prometheus.yml:/etc/prometheus/prometheus.yml:ro",
                    "../../prometheus/rules:/etc/prometheus/rules:ro",
                    "prometheus:/prometheus",
                ],
                "ports": ["127.0.0.1:9090:9090"],
            },
            "alertmanager": {
                "image": "prom/alertmanager:v0.28.1",
                "command": [
                    "--config.file=/etc/alertmanager/alertmanager.yml",
                    "--storage.path=/alertmanager",
                ],
                "volumes": [
                    "../../prometheus/alertmanager.yml:/etc/alertmanager/alertmanager.yml:ro",
                    "../../prometheus/templates:/etc/alertmanager/templates:ro",
                    "alertmanager:/alertmanager",
                ],
                "ports": ["127.0.0.1:9093:9093"],
            },
            "tempo": {
                "image": "grafana/tempo:2.6.1",
                "command": ["-config.file=/etc/tempo.yml"],
                "user": "0",
                "volumes": ["./tempo.yml:/etc/tempo.yml:ro", "tempo:/var/tempo"],
                "expose": ["3200", "4317", "4318"],
            },
            "grafana": {
                "image": "grafana/grafana:11.4.0",
                "environment": {
                    "GF_AUTH_ANONYMOUS_ENABLED": "true",
                    "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
                },
                "volumes": [
                    "../../grafana/provisioning:/etc/grafana/provisioning:ro",
                    "../../grafana/dashboards:/var/lib/grafana/dashboards/agentmon:ro",
                    "grafana:/var/lib/grafana",
                ],
                "ports": ["127.0.0.1:3000:3000"],
                "depends_on": ["prometheus", "tempo"],
            },
        },
        "volumes": {name: {} for name in ("prometheus", "alertmanager", "tempo", "grafana")},
    }


def compose_prometheus() -> dict[str, Any]:
    """The configuration of the stack's Prometheus."""
    return configuration((f"demo:{_PORT}",), alertmanager="alertmanager:9093")


def tempo() -> dict[str, Any]:
    """The configuration of the stack's Tempo."""
    return {
        "server": {"http_listen_port": 3200},
        "distributor": {
            "receivers": {
                "otlp": {
                    "protocols": {
                        "grpc": {"endpoint": "0.0.0.0:4317"},
                        "http": {"endpoint": "0.0.0.0:4318"},
                    }
                }
            }
        },
        "storage": {
            "trace": {
                "backend": "local",
                "local": {"path": "/var/tempo/traces"},
                "wal": {"path": "/var/tempo/wal"},
            }
        },
        "compactor": {"compaction": {"block_retention": "48h"}},
    }
