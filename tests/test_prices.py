"""The prices that are shipped, and those that are read from a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import agentmon
from agentmon._settings import prices

FILES = sorted((Path(agentmon.__file__).parent / "prices").glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_shipped_price_has_a_source(path: Path) -> None:
    """Every entry names a seller, and every seller has the pages that its prices are from."""
    raw = json.loads(path.read_text())
    assert raw["version"] == path.stem
    for model, entry in raw["models"].items():
        assert raw["sources"][entry["source"]], model
        assert all(url.startswith("https://") for url in raw["sources"][entry["source"]])


def test_the_newest_table_is_in_force() -> None:
    """Of the shipped tables, which are named after their days, the last one counts."""
    assert prices.shipped().version == FILES[-1].stem


def test_a_file_adds_to_what_is_shipped(tmp_path: Path) -> None:
    """A model of one's own, and those that are shipped."""
    own = tmp_path / "prices.json"
    own.write_text(json.dumps({"models": {"mine": {"input": 1}}}))
    table = prices.table(own)
    assert table.find("mine") is not None
    assert table.find("gpt-4o", "openai") == prices.shipped().find("gpt-4o", "openai")


def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing, no JSON, or wrong: configure() says which file, by which variable."""
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"models": {"m": {}}}')
    for path, said in ((tmp_path / "none", "cannot be read"), (broken, "JSON"), (wrong, "input")):
        monkeypatch.setenv("AGENTMON_PRICES", str(path))
        with pytest.raises(agentmon.ConfigError, match="AGENTMON_PRICES: ") as refused:
            agentmon.configure(traces="none")
        assert str(path) in str(refused.value)
        assert said in str(refused.value)


def test_a_key_that_is_short_is_refused_and_not_shown() -> None:
    """16 characters at least."""
    with pytest.raises(agentmon.ConfigError, match="user_key: got a value that is not shown"):
        agentmon.configure(user_key="short", traces="none")
