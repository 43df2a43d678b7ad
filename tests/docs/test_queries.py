"""The queries and the configuration that the pages show, given to the real programs."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import PAGES, ROOT, Block, blocks
from tests.servers.processes import Scraper, required

#: Those of runbooks are put to promtool with series of their own, see tests/assets/rules.
QUERIES = [
    block for page in PAGES if page.parent.name != "runbooks" for block in blocks(page, "promql")
]
CONFIGURATIONS = [
    block for page in PAGES for block in blocks(page, "yaml") if "scrape_configs:" in block.text
]

#: One call of each outcome that the queries ask for, and more after the first scrape.
PROGRAM = """
import contextlib, gc, queue, sys, threading, agentmon

agentmon.configure(
    service="docs", serve="127.0.0.1:0", resources=3600, storage={"here": sys.argv[1]}
)
inbox = agentmon.queue(queue.Queue(), name="inbox")
places = agentmon.limit(threading.Semaphore(2), name="model")
print(agentmon.endpoint().removeprefix("http://"), flush=True)
hung = agentmon.agent("triage", version="1", team="support").begin()
search = agentmon.component("search")
search.up()
for line in sys.stdin:
    search.down()
    search.up()
    with contextlib.suppress(KeyError), agentmon.workflow("order"), agentmon.agent("triage"):
        raise KeyError
    agentmon.agent("triage").begin().end()
    agentmon.agent("triage").begin().end(error=ValueError("x"))
    agentmon.agent("triage").begin().end(error=TimeoutError("x"))
    with agentmon.model_call("chat", model="m") as call:
        call.usage(input_tokens=3, output_tokens=2, cached_tokens=1)
    with contextlib.suppress(KeyError), agentmon.session(user="ann") as session:
        with session.turn(), agentmon.task("answer") as task:
            with agentmon.model_call("chat", model="gpt-4o", provider="openai") as call:
                call.usage(input_tokens=3)
        agentmon.feedback(stars=4, task=task)
        raise KeyError
    with agentmon.session(user="bob"):
        pass
    with agentmon.workflow("audit"), agentmon.agent("triage"), agentmon.handoff("billing"):
        with agentmon.agent("billing"), places:
            pass
    inbox.put(1)
    inbox.get()
    gc.collect()
    agentmon.flush()
    print("done", flush=True)
"""


def _name(block: Block) -> str:
    return f"{block.page.name}:{block.line}"


def _check(tmp_path: Path, key: str, kind: str, text: str) -> None:
    file = tmp_path / f"{kind}.yml"
    file.write_text(text)
    for named in re.findall(r"^ *\w+_file: (\S+)$", text, re.MULTILINE):
        (tmp_path / named).write_text("it must be there")
    done = subprocess.run(
        [required(key), "check", kind, file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_queries_and_configuration_are_found() -> None:
    """The pages show queries and a configuration."""
    assert len(QUERIES) >= 10
    assert CONFIGURATIONS


@pytest.mark.servers
@pytest.mark.parametrize("key", ["promtool2", "promtool3"])
def test_queries_are_valid(tmp_path: Path, key: str) -> None:
    """Prometheus can parse every query shown."""
    rules = [
        {"record": f"docs:query:{number}", "expr": block.text}
        for number, block in enumerate(QUERIES)
    ]
    text = yaml.safe_dump({"groups": [{"name": "docs", "rules": rules}]})
    _check(tmp_path, key, "rules", text)


@pytest.mark.servers
@pytest.mark.parametrize("key", ["promtool2", "promtool3"])
@pytest.mark.parametrize("block", CONFIGURATIONS, ids=_name)
def test_configuration_is_valid(tmp_path: Path, key: str, block: Block) -> None:
    """Prometheus takes every scrape configuration shown."""
    _check(tmp_path, key, "config", block.text)


def test_queries_have_answers(scrape: Callable[[Sequence[str]], Scraper], tmp_path: Path) -> None:
    """Every query shown finds something where agents were at work."""
    with subprocess.Popen(
        (sys.executable, "-c", textwrap.dedent(PROGRAM), tmp_path),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        server = scrape([process.stdout.readline().strip()])
        for _ in range(2):
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"
            server.wait_for_scrape(since=time.time())
        empty = [_name(block) for block in QUERIES if not server.instant(block.text)]
        process.stdin.close()
        process.wait(60)
    assert empty == []
