"""
Certificates in PEM.
"""

from __future__ import annotations

from agentmon.collect.source import Report, Source
from agentmon.instrumentation.facts import Fact
from agentmon.model.catalogue import facts
from agentmon.model.certificate import earliest

__all__ = ["parse"]


def parse(source: Source) -> Report:
    """
    When a certificate ends; of several in a file, the one that ends first.

    Raises:
        CollectError: If the file holds none, or a broken one.
    """
    try:
        expiry = earliest(source.read())
    except ValueError:
        source.fail("got no certificate or a broken one, allowed whole certificates in PEM")
    name = source.name or source.path.as_posix()
    return Report([Fact(facts.CERTIFICATE_EXPIRES, (name,), expiry)])
