"""
Run at full rate for a long time and see that memory stays where it is: ``python -m tests.soak``.

One process calls decorated functions as fast as it can, from threads and tasks, some of them
failing, and exports its spans to a collector in another process, which counts them. Its metrics are
scraped all the while. At the end every span has arrived or was counted as dropped, and memory of
the last half has not grown.

The exit status is 1 if that does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import psutil

import agentmon

_MIB = 1 << 20
#: What memory may grow by from the third quarter to the fourth: the allocator's own unrest.
_SLACK_MIB = 4.0


@agentmon.tool("look_up")
def look_up(n: int) -> int:
    """A tool that fails now and then."""
    if n % 1000 == 0:
        raise LookupError(n)
    return n


@agentmon.model_call("chat", model="none", provider="none")
async def chat(n: int) -> int:
    """A call of a model."""
    agentmon.usage(input_tokens=n % 100, output_tokens=1)
    await asyncio.sleep(0)
    return n


@agentmon.agent("threaded")
def threaded(n: int) -> None:
    """An agent in a thread."""
    for k in range(5):
        try:
            look_up(n + k)
        except LookupError:
            continue


@agentmon.agent("asynchronous")
async def asynchronous(n: int) -> None:
    """An agent in a task."""
    await asyncio.gather(chat(n), chat(n + 1))


class Load:
    """Threads and tasks that call as fast as they can until told to stop."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self.calls = 0
        self._counted = threading.Lock()
        self._threads = [threading.Thread(target=self._in_thread) for _ in range(2)]
        self._threads.append(threading.Thread(target=lambda: asyncio.run(self._in_tasks())))
        for thread in self._threads:
            thread.start()

    def _in_thread(self) -> None:
        n = 0
        while not self._stop.is_set():
            threaded(n)
            n += 5
        self._count(n // 5 * 6)

    async def _in_tasks(self) -> None:
        n = 0
        while not self._stop.is_set():
            await asynchronous(n)
            n += 1
        self._count(n * 3)

    def _count(self, calls: int) -> None:
        with self._counted:
            self.calls += calls

    def end(self) -> int:
        """Stop, and say how many calls there were."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self.calls


def main() -> int:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (%(default)g)")
    parser.add_argument("--protocol", choices=("http", "grpc"), default="http")
    options = parser.parse_args()
    counter = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("counting.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert counter.stdin is not None
    assert counter.stdout is not None
    places = dict(line.split() for line in (counter.stdout.readline() for _ in range(2)))
    agentmon.configure(service="soak", traces=places[options.protocol], serve="0")
    process, load = psutil.Process(), Load()
    begun, samples = time.monotonic(), []
    every = max(1.0, options.minutes * 60 / 120)
    while (passed := time.monotonic() - begun) < options.minutes * 60:
        time.sleep(min(every, options.minutes * 60 - passed))
        scraped = urllib.request.urlopen(f"{agentmon.endpoint()}/metrics").read()
        samples.append(process.memory_info().rss / _MIB)
        if len(samples) % 10 == 1:
            print(
                f"{time.monotonic() - begun:7.0f} s  {samples[-1]:7.1f} MiB  "
                f"{process.num_threads()} threads  {process.num_fds()} files  "
                f"{len(scraped)} bytes scraped",
                flush=True,
            )
    calls = load.end()
    flushed = agentmon.flush(60)
    dropped = _dropped()
    counter.stdin.close()
    received = int(counter.stdout.readline())
    counter.wait(30)
    agentmon.shutdown()
    seconds = time.monotonic() - begun
    quarter = len(samples) // 4
    grown = statistics.median(samples[-quarter:]) - statistics.median(
        samples[-2 * quarter : -quarter]
    )
    print(f"{calls} calls in {seconds:.0f} s, {calls / seconds:,.0f} a second; flushed: {flushed}")
    missing = calls - received - dropped
    print(f"{received} spans received, {dropped} dropped, {missing} unaccounted for")
    print(f"memory grew by {grown:.2f} MiB from the third quarter to the fourth")
    return 0 if calls == received + dropped and grown <= _SLACK_MIB else 1


def _dropped() -> int:
    text = urllib.request.urlopen(f"{agentmon.endpoint()}/metrics").read().decode()
    lines = [line for line in text.splitlines() if line.startswith("agentmon_dropped_total{")]
    return sum(int(line.rpartition(" ")[2]) for line in lines if 'reason="span_' in line)


if __name__ == "__main__":
    sys.exit(main())
