"""The tree of errors."""

from __future__ import annotations

import pytest

import agentmon
from agentmon import errors


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.CatalogueError, ValueError),
        (errors.DeclarationError, ValueError),
        (errors.ConfigError, ValueError),
        (errors.EndpointError, OSError),
        (errors.PushError, OSError),
    ],
)
def test_errors_can_be_caught_as_what_they_are(
    error: type[Exception], builtin: type[Exception]
) -> None:
    """Each error is an AgentmonError and the builtin that fits, and can be had from the package."""
    assert issubclass(error, errors.AgentmonError)
    assert issubclass(error, builtin)
    assert getattr(agentmon, error.__name__) is error


def test_all_errors_are_drawn() -> None:
    """The tree in the docstring shows every error."""
    assert errors.__doc__ is not None
    assert all(name in errors.__doc__ for name in errors.__all__)
