"""Tasks of Celery whose pool forks workers that share their counts, for the tests."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery

import agentmon

agentmon.configure(service="tasks", traces="none")

_FOLDER = Path(os.environ["BROKER"])
app = Celery("tests.e2e.shared_tasks", broker="filesystem://")
app.conf.update(
    broker_transport_options={
        "data_folder_in": str(_FOLDER),
        "data_folder_out": str(_FOLDER),
        "processed_folder": str(_FOLDER),
    },
    task_ignore_result=True,
    worker_hijack_root_logger=False,
)


@app.task
@agentmon.agent("answerer")
def answer(n: int) -> int:
    """A task that is an agent's call; every fifth fails."""
    if n % 5 == 0:
        raise LookupError(n)
    return n
