"""
What Prometheus reads when it starts: whom it scrapes, which rules it works out, whom it tells.

A Prometheus that takes native histograms drops the classic buckets of the same metric, and the
rules then find nothing: 3.x is told to keep both, 2.x gets rules that ask native ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

__all__ = ["NATIVE_2", "NATIVE_3", "configuration"]

#: What whoever starts a Prometheus for native histograms has to know, by the line of Prometheus.
NATIVE_2: Final = (
    "# For Prometheus 2 with --enable-feature=native-histograms: it keeps no classic buckets of\n"
    "# durations, so these rules ask native ones. Dashboards ask classic ones.\n"
)
NATIVE_3: Final = (
    "# For Prometheus 3 with --enable-feature=native-histograms: keeps classic buckets too.\n"
)
_EXEMPLARS: Final = 100_000


def configuration(
    targets: Sequence[str] = ("localhost:9464",),
    *,
    prometheus: str = "localhost:9090",
    alertmanager: str = "localhost:9093",
    keep_classic: bool = False,
    rules: str = "rules/*.yml",
) -> dict[str, Any]:
    """
    The configuration of Prometheus.

    Args:
        targets: Endpoints of agentmon.
        prometheus: Where Prometheus itself is.
        alertmanager: Where Alertmanager is.
        keep_classic: Whether classic buckets are kept where there are native ones.
        rules: Where the rules are.
    """
    agents: dict[str, Any] = {"job_name": "agentmon"}
    if keep_classic:
        agents["always_scrape_classic_histograms"] = True
    agents["static_configs"] = [{"targets": list(targets)}]
    # More targets, without an edit of this file.
    agents["file_sd_configs"] = [{"files": ["targets/*.yml"]}]
    return {
        "global": {
            "scrape_interval": "15s",
            "scrape_timeout": "10s",
            "evaluation_interval": "1m",
        },
        # Kept when Prometheus is started with --enable-feature=exemplar-storage.
        "storage": {"exemplars": {"max_exemplars": _EXEMPLARS}},
        "rule_files": [rules],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [
            agents,
            *(
                {"job_name": name, "static_configs": [{"targets": [address]}]}
                for name, address in (("prometheus", prometheus), ("alertmanager", alertmanager))
            ),
        ],
    }
