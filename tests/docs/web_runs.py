"""Runs what the page on web frameworks shows, where they are installed, and prints what came."""

from __future__ import annotations

import io
import json
import sys
import types
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import agentmon

PAGE = Path(__file__).parents[2] / "docs" / "web-frameworks.md"
TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADERS = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
PATHS = ("/agentmon/metrics", "/agentmon/healthz", "/agentmon/readyz")


def blocks(title: str) -> list[str]:
    """The code below a heading."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    return [part.split("```")[0] for part in section.split("```python\n")[1:]]


def shown(title: str, n: int = 0) -> dict[str, Any]:
    """What a block of code makes."""
    module = types.ModuleType(f"shown{n}")
    sys.modules[module.__name__] = module
    exec(compile(blocks(title)[n], str(PAGE), "exec"), vars(module))  # noqa: S102  # it is ours
    return vars(module)


def seen(client: Any) -> dict[str, Any]:
    """What an application answers."""
    asked = client.get("/ask", headers=HEADERS)
    body = asked.json() if callable(asked.json) else asked.json
    told = {path: client.get(path) for path in PATHS}
    text = told[PATHS[0]].text
    return {
        "trace": body["trace"],
        "statuses": [each.status_code for each in told.values()],
        "counted": 'agent="clerk"' in text,
    }


def fastapi() -> dict[str, Any]:
    """By the client of Starlette."""
    from starlette.testclient import TestClient

    with TestClient(shown("FastAPI and Starlette")["app"]) as client:
        return seen(client)


def starlette() -> dict[str, Any]:
    """The same middleware and mount, without FastAPI, which makes spans itself."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Mount, Route
    from starlette.testclient import TestClient

    async def ask(_request: Any) -> JSONResponse:
        with agentmon.agent("clerk") as call:
            return JSONResponse({"trace": call.trace_id})

    received = shown("FastAPI and Starlette")["Received"]
    agentmon.configure()
    app = Starlette(routes=[Route("/ask", ask), Mount("/agentmon", agentmon.asgi_app("page"))])
    app.add_middleware(received)
    with TestClient(app) as client:
        return seen(client)


def flask() -> dict[str, Any]:
    """By the client of Flask."""
    return seen(shown("Flask")["app"].test_client())


def django() -> dict[str, Any]:
    """By the client of Werkzeug, through the application of ``wsgi.py``."""
    from django.conf import settings
    from django.http import JsonResponse
    from django.urls import path
    from werkzeug.test import Client

    def ask(_request: Any) -> JsonResponse:
        with agentmon.agent("clerk") as call:
            return JsonResponse({"trace": call.trace_id})

    urls = types.ModuleType("shop_urls")
    urls.urlpatterns = [path("ask", ask)]  # type: ignore[attr-defined]
    sys.modules["shop_urls"] = urls
    shown("Django")
    settings.configure(
        ALLOWED_HOSTS=["*"], ROOT_URLCONF="shop_urls", MIDDLEWARE=["shown0.received"]
    )
    return seen(Client(shown("Django", 1)["application"]))


def celery() -> dict[str, Any]:
    """By a worker in a thread, and a broker in memory."""
    from celery import Celery
    from celery.contrib.testing.worker import start_worker

    shown("Celery")
    app = Celery("shop", broker="memory://", backend="cache+memory://")

    @app.task
    @agentmon.agent("clerk")
    def ask() -> str:
        call = agentmon.current()
        return str(None if call is None else call.trace_id)

    agentmon.configure(service="shop")
    with start_worker(app, perform_ping_check=False, pool="solo"):
        with agentmon.agent("sender") as call:
            trace = call.trace_id
            answer = ask.delay()
        said = answer.get(timeout=20)
        alone = ask.delay().get(timeout=20)
    return {"same": said == trace, "alone": alone != trace}


def structlog() -> dict[str, Any]:
    """An entry within an agent."""
    said = io.StringIO()
    agentmon.configure()
    with redirect_stdout(said):
        import structlog as theirs

        shown("structlog")
        with agentmon.agent("clerk") as call:
            theirs.get_logger().info("hello", order=7)
    entry = json.loads(said.getvalue())
    return {
        "agent": entry["agent"],
        "operation": entry["operation"],
        "order": entry["order"],
        "same": entry["trace_id"] == call.trace_id,
    }


def main() -> None:
    """The one that the command line names."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    trace.set_tracer_provider(TracerProvider())
    sys.stdout.write("\n" + json.dumps(globals()[sys.argv[1]]()))


main()
