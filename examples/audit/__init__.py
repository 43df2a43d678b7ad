"""
Agents that audit the Python packages of the environment they run in, measured by agentmon.

Run ``python -m examples.audit`` from the root of the repository. No network and no model key is
needed. ``DEMO_SECONDS`` (60; 0 means until Ctrl-C) says for how long, ``AUDIT_SERVE``
(127.0.0.1:9464) where metrics and status page are served.

A planner chooses a package, a reader parses its files, five analysers measure it, a writer
describes it with a small local text model, a reviewer sends weak findings back, and a senior
agent takes the cases that were rejected twice. Everything is real work on real files, SQLite and
a service on the loopback interface, so calls differ in length and fail for reasons that lie in
the data: sources too large or not to be parsed, licences nobody knows, versions that the service
cannot read, answers that take longer than the client waits.

Where to start reading: ``workflow.py`` for the order of events, ``tools.py`` and ``reader.py``
for the smallest instrumented functions.
"""

from __future__ import annotations

from examples.audit.failures import NeedsHuman
from examples.audit.ledger import Ledger
from examples.audit.workflow import PRICES, Totals, audit_for, run

__all__ = ["PRICES", "Ledger", "NeedsHuman", "Totals", "audit_for", "run"]
