"""
Draw every dashboard in Chromium with Grafana's own drawing libraries, from a workload that runs.

The example workload, what operations report, and a real Prometheus with the shipped rules run for
``PICTURES_MINUTES`` (15); then each dashboard is drawn into
``docs/images/dashboards``. It needs node 20, npm, Chromium and Prometheus 3; what is missing is
named, and is a failure with ``CI=true``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from tests.servers.programs import find

ROOT = Path(__file__).resolve().parents[2]
PREVIEW = Path(__file__).resolve().parent / "preview"
PICTURES = ROOT / "docs" / "images" / "dashboards"
LAPTOP, DESKTOP = 1366, 1920
#: What a unit of the grid takes, and what stands above the grid.
UNIT, HEAD = 38, 110
TEXT = "text/plain; version=0.0.4"

_open = build_opener(ProxyHandler({})).open


def main() -> int:
    """Draw; returns the exit code."""
    parser = argparse.ArgumentParser(description="Draw the dashboards.")
    parser.add_argument("--folder", type=Path, default=PICTURES, help="where the pictures go")
    parser.add_argument("--desktop", action="store_true", help="draw 1920 pixels wide too")
    parser.add_argument("boards", nargs="*", help="uids of dashboards; all unless told")
    asked = parser.parse_args()
    lacking = [name for name in ("node", "npm", "chromium") if shutil.which(name) is None]
    prometheus = find("prometheus3")
    if prometheus is None:
        lacking.append("prometheus3 (make servers)")
    if prometheus is None or lacking:
        sys.stderr.write(f"pictures: skipped, missing: {', '.join(lacking)}\n")
        return 1 if os.environ.get("CI") == "true" else 0
    minutes = float(os.environ.get("PICTURES_MINUTES", "15"))
    asked.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pictures-")))
        since = time.monotonic()
        url = _monitored(stack, scratch, prometheus.path)
        heights = _boards(frozenset(asked.boards))
        _npm(
            "install",
            "--no-save",
            "--legacy-peer-deps",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
        )
        _npm("exec", "--", "vite", "build")
        time.sleep(max(0.0, since + 60 * minutes - time.monotonic()))
        port = _free()
        environ = {"PICTURES_PORT": str(port), "PICTURES_PROMETHEUS": url}
        vite = PREVIEW / "node_modules" / "vite" / "bin" / "vite.js"
        stack.enter_context(_running(["node", str(vite), "preview"], environ, PREVIEW))
        page = f"http://127.0.0.1:{port}"
        _answers(page)
        drawn = subprocess.run(
            [
                "node",
                "shoot.mjs",
                page,
                str(asked.folder.resolve()),
                f"{max(1.0, minutes - 1):g}",
                ",".join(map(str, (LAPTOP, DESKTOP) if asked.desktop else (LAPTOP,))),
                "dark,light",
                *(f"{uid}={height}" for uid, height in heights.items()),
            ],
            cwd=PREVIEW,
            env=os.environ | {"PICTURES_CHROMIUM": shutil.which("chromium") or ""},
            check=False,
        )
    return drawn.returncode


def _monitored(stack: ExitStack, scratch: Path, prometheus: Path) -> str:
    """Start what is measured, and what measures it; returns the address of the latter."""
    audit, url = _free(), _free()
    told = scratch / "operations.prom"
    subprocess.run(
        [sys.executable, "-m", "examples.operations", f"textfile={told}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    operations = stack.enter_context(_served(told.read_bytes()))
    stack.enter_context(
        _running(
            [sys.executable, "-m", "examples.audit"],
            {
                "AUDIT_SERVE": f"127.0.0.1:{audit}",
                "DEMO_SECONDS": "0",
                "AGENTMON_NATIVE_HISTOGRAMS": "true",
                "AGENTMON_TRACES": f"http://127.0.0.1:{operations}",
            },
            ROOT,
        )
    )
    config = {
        "global": {"scrape_interval": "5s", "evaluation_interval": "15s"},
        "rule_files": [str(ROOT / "prometheus" / "rules" / "*.yml")],
        "scrape_configs": [
            {
                "job_name": "agentmon",
                "always_scrape_classic_histograms": True,
                "static_configs": [{"targets": [f"127.0.0.1:{audit}"]}],
            },
            {
                "job_name": "operations",
                "honor_labels": True,
                "static_configs": [{"targets": [f"127.0.0.1:{operations}"]}],
            },
        ],
    }
    (scratch / "prometheus.yml").write_text(json.dumps(config))
    stack.enter_context(
        _running(
            [
                str(prometheus),
                "--enable-feature=exemplar-storage,native-histograms",
                f"--config.file={scratch / 'prometheus.yml'}",
                f"--storage.tsdb.path={scratch / 'data'}",
                f"--web.listen-address=127.0.0.1:{url}",
            ],
            {},
            scratch,
        )
    )
    _answers(f"http://127.0.0.1:{url}/-/ready")
    return f"http://127.0.0.1:{url}"


def _boards(wanted: frozenset[str]) -> dict[str, int]:
    """Put the dashboards where the page finds them; returns how high each is, in pixels."""
    folder = PREVIEW / "public" / "boards"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    heights = {}
    for path in sorted(ROOT.glob("grafana/dashboards/*/*.json")):
        if wanted and path.stem not in wanted:
            continue
        shutil.copy(path, folder)
        places = [each["gridPos"] for each in json.loads(path.read_text())["panels"]]
        heights[path.stem] = HEAD + UNIT * max(place["y"] + place["h"] for place in places)
    return heights


def _npm(*arguments: str) -> None:
    subprocess.run(["npm", *arguments], cwd=PREVIEW, check=True)


@contextmanager
def _running(command: list[str], environ: Mapping[str, str], folder: Path) -> Iterator[None]:
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | dict(environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _served(text: bytes) -> Iterator[int]:
    """Serve *text* as metrics, and take traces without keeping any; the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(text)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", TEXT)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> None:
    """
    Wait until a server answers.

    Raises:
        TimeoutError: If it does not within a minute.
    """
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with _open(url):
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"{url} does not answer")


if __name__ == "__main__":
    sys.exit(main())
