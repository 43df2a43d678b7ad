"""What the tests of OTLP share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.export.otlp.certificates import Certificates, make
from tests.servers import otlp
from tests.servers.otlp import Collector


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that accepts everything unless told otherwise."""
    with otlp.collector() as one:
        yield one


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates for TLS on loopback."""
    return make(tmp_path_factory.mktemp("certificates"))
