"""
Where the value of a setting comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agentmon._settings.table import Setting
from agentmon._settings.values import exposed
from agentmon.errors import ConfigError

__all__ = ["ARGUMENT", "DEFAULT", "Found", "find"]

#: The sources of values that are no variable.
ARGUMENT: Final = "argument"
DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class Found:
    """
    The value of one setting.

    Args:
        setting: The setting.
        value: What is in force.
        source: ``argument``, ``default``, or the variable that said it.
        hidden: The variables that are set as well, and outranked.
    """

    setting: Setting
    value: Any
    source: str
    hidden: tuple[str, ...] = ()

    @property
    def called(self) -> str:
        """What to call it in a message: the variable, or the argument."""
        return self.setting.name if self.source in (ARGUMENT, DEFAULT) else self.source


def find(setting: Setting, given: object, environ: Mapping[str, str]) -> Found:
    """
    Look where the value of a setting comes from, and check it.

    Args:
        setting: The setting.
        given: The argument; None for none.
        environ: Environment variables; one that is empty is as if it were not set.

    Raises:
        ConfigError: If the value cannot be used.
    """
    said = [name for name in setting.variables if environ.get(name, "").strip()]
    if given is not None:
        hidden = (each for each in said if _says(setting, each, environ))
        return Found(setting, _checked(setting, setting.name, given), ARGUMENT, tuple(hidden))
    for rank, name in enumerate(said):
        text = environ[name].strip()
        try:
            value = setting.variables[name](text)
        except ValueError:
            raise _refusal(setting, name, text) from None
        if value is not None:
            value = _checked(setting, name, value, text)
            hidden = (each for each in said[rank + 1 :] if _says(setting, each, environ))
            return Found(setting, value, name, tuple(hidden))
    return Found(setting, setting.default, DEFAULT)


def _says(setting: Setting, name: str, environ: Mapping[str, str]) -> bool:
    """Whether a variable that is set says anything of the setting."""
    try:
        return setting.variables[name](environ[name].strip()) is not None
    except ValueError:
        return True


def _checked(setting: Setting, source: str, value: object, text: str | None = None) -> Any:
    try:
        return setting.check(value)
    except ConfigError as error:  # what is wrong is known better where it was made
        raise ConfigError(f"{source}: {error}") from None
    except ValueError:
        raise _refusal(setting, source, value if text is None else text) from None


def _refusal(setting: Setting, source: str, got: object) -> ConfigError:
    shown = "a value that is not shown" if setting.secret else exposed(got)
    return ConfigError(f"{source}: got {shown}, allowed {setting.allowed}")
