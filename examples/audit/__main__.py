"""The command: serve, audit for a while, sum up."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
import time
import warnings

import agentmon
from examples.audit import summary
from examples.audit.failures import NeedsHuman
from examples.audit.workflow import PRICES, Totals, audit_for


def main() -> int:
    """Run the demo; returns the exit code."""
    # Old packages hold escapes that today's parser warns of; that is not this program's news.
    warnings.simplefilter("ignore", SyntaxWarning)
    try:
        seconds = _seconds(os.environ.get("DEMO_SECONDS", "60"))
    except ValueError as error:
        print(f"DEMO_SECONDS: {error}", file=sys.stderr)
        return 2
    address = os.environ.get("AUDIT_SERVE", "127.0.0.1:9464")
    try:
        agentmon.configure(
            service="audit",
            region="eu",
            serve=address,
            interrupts=(NeedsHuman,),
            prices=PRICES,
            agent_cpu=True,
            resources=5,
        )
    except agentmon.AgentmonError as error:
        print(f"Cannot serve on {address}: {error}", file=sys.stderr)
        print("AUDIT_SERVE=127.0.0.1:0 chooses a free port.", file=sys.stderr)
        return 2
    try:
        print(summary.greeting(agentmon.endpoint() or "", seconds), flush=True)
        began = time.monotonic()
        totals = asyncio.run(_audit(seconds))
        print(summary.farewell(totals, time.monotonic() - began), end="", flush=True)
    finally:
        agentmon.shutdown()
    return 0


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError(f"got {text!r}, allowed seconds, or 0 to go on until Ctrl-C")
    return seconds


async def _audit(seconds: float) -> Totals:
    """Audit until the time is over or a signal asks to stop; 0 seconds means no time limit."""
    totals = Totals()
    working = asyncio.ensure_future(audit_for(totals, seconds=seconds or None))
    loop = asyncio.get_running_loop()
    agentmon.watch_loop(loop)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, working.cancel)
    began = time.monotonic()
    while not working.done():
        await asyncio.wait({working}, timeout=1)
        if sys.stdout.isatty():
            print(f"\r{summary.progress(totals, time.monotonic() - began)}", end="", flush=True)
    if sys.stdout.isatty():
        print("\n")
    if not working.cancelled():
        working.result()
    return totals


if __name__ == "__main__":
    sys.exit(main())
