"""
Every signal, declared once.

Exposition, reference pages, queries, rules and dashboards derive from these declarations.

To add a metric: declare it in the module of its subject, record it in `instrumentation` or
`observe`, and ask for it in `query`.
"""

from __future__ import annotations

from agentmon.model.catalogue import (
    coordination,
    facts,
    operations,
    own,
    reliability,
    resources,
    work,
)
from agentmon.model.catalogue.labels import AGENT, CONSTANT_LABELS, ERROR_TYPE, SOURCE
from agentmon.model.catalogue.operations import (
    AGENT_INFO,
    ERROR_GROUP,
    ERROR_GROUP_FIRST_SEEN,
    ERROR_GROUP_LAST_SEEN,
    KINDS,
    MODEL_FIRST_OUTPUT,
    MODEL_TOKENS,
    OPERATIONS,
    OperationMetrics,
)
from agentmon.model.catalogue.own import (
    BUILD_INFO,
    CERTIFICATE_EXPIRY,
    DROP_REASONS,
    DROPPED,
    ENDPOINT_REFUSED,
    REFUSAL_REASONS,
    SCRAPE_DURATION,
    SCRAPES,
    SERIES,
    SERIES_LIMIT,
)

__all__ = [
    "AGENT",
    "AGENT_INFO",
    "BUILD_INFO",
    "CATALOGUE",
    "CERTIFICATE_EXPIRY",
    "CONSTANT_LABELS",
    "DROPPED",
    "DROP_REASONS",
    "ENDPOINT_REFUSED",
    "ERROR_GROUP",
    "ERROR_GROUP_FIRST_SEEN",
    "ERROR_GROUP_LAST_SEEN",
    "ERROR_TYPE",
    "KINDS",
    "MODEL_FIRST_OUTPUT",
    "MODEL_TOKENS",
    "OPERATIONS",
    "REFUSAL_REASONS",
    "SCRAPES",
    "SCRAPE_DURATION",
    "SERIES",
    "SERIES_LIMIT",
    "SOURCE",
    "SUBJECTS",
    "OperationMetrics",
    "coordination",
    "facts",
    "reliability",
    "resources",
    "work",
]

#: The metrics besides those of operations and of the library, by what they are about.
SUBJECTS = {
    "Work and quality": work.METRICS,
    "Coordination": coordination.METRICS,
    "Reliability and health": reliability.METRICS,
    "Resources": resources.METRICS,
    "Facts of operations and development": facts.METRICS,
}

#: Every metric, in the order of exposition.
CATALOGUE = (
    *operations.METRICS,
    *work.METRICS,
    *coordination.METRICS,
    *reliability.METRICS,
    *resources.METRICS,
    *facts.METRICS,
    *own.METRICS,
)
