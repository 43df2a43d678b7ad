"""The cases of alerts, on the tool by which VictoriaMetrics tests rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.assets.rules.promtool import VMALERT, prove
from tests.assets.rules.test_capabilities import CASES

pytestmark = [pytest.mark.servers, pytest.mark.slow]

#: What is otherwise in MetricsQL, and why.
OTHERWISE = {
    "AgentmonErrorsRising": "its windows begin a sample apart: it fires alike, and says 3 times, "
    "not 2.9",
    "AgentmonTokensUnpriced": "what a counter begins with is an increase",
}


@pytest.mark.parametrize("name", [name for name in CASES if name not in OTHERWISE])
def test_an_alert_is_silent_fires_and_is_over_as_on_prometheus(name: str, tmp_path: Path) -> None:
    """With the same labels and texts."""
    prove(VMALERT, name, CASES[name], tmp_path)


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_is_said_to_be_otherwise_is(name: str, tmp_path: Path) -> None:
    """An exception that is none any more is not claimed."""
    with pytest.raises(pytest.fail.Exception):
        prove(VMALERT, name, CASES[name], tmp_path)
