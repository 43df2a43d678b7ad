"""What a user declared about an operation."""

from __future__ import annotations

import pytest

from agentmon.model import catalogue
from agentmon.record.declaration import Declaration


@pytest.mark.parametrize("kind", [kind for kind in catalogue.KINDS if kind != "model_call"])
def test_a_name_by_arguments_replaces_the_name(kind: str) -> None:
    """An operation that is named by its arguments keeps all else that was declared."""
    named = Declaration(kind, "declared", timeout_ns=5, provider="p").named("computed")
    assert named == Declaration(kind, "computed", timeout_ns=5, provider="p")


def test_a_model_call_is_named_by_its_model() -> None:
    """A model call that is named by its arguments keeps its operation, and has another model."""
    named = Declaration("model_call", "chat", model="declared", provider="p").named("computed")
    assert named == Declaration("model_call", "chat", model="computed", provider="p")
