"""
A web application that serves its agents' metrics itself, under /metrics of its own port.

Nothing else listens: `configure` gets no address, and the ASGI application of agentmon is mounted.

Run: uvicorn examples.fastapi_app:app
Then: curl "http://127.0.0.1:8000/triage?text=refund+please"
And: curl http://127.0.0.1:8000/metrics
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException

import agentmon

TEAMS = {"refund": "payments", "password": "accounts", "parcel": "shipping"}


class NoTeam(LookupError):
    """No team is responsible for a ticket."""


@agentmon.tool("find_team")
def find_team(text: str) -> str:
    """The team that a ticket is for."""
    for word, team in TEAMS.items():
        if word in text.lower():
            return team
    raise NoTeam(text)


@agentmon.agent("triage", version="3.2", team="support", tier="frontline", timeout=5)
async def triage(text: str) -> dict[str, str]:
    """Route one ticket."""
    return {"team": find_team(text)}


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Record while the application serves."""
    agentmon.configure(service="support")
    yield
    agentmon.shutdown()


app = FastAPI(lifespan=lifespan)
app.mount("/metrics", agentmon.asgi_app())


@app.get("/triage")
async def read_triage(text: str) -> dict[str, str]:
    """Answer with the team; 404 where there is none, which the agent counts as an error."""
    try:
        return await triage(text)
    except NoTeam as error:
        raise HTTPException(404, "no team for this") from error
