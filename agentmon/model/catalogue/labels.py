"""
Labels that several metrics have.
"""

from __future__ import annotations

from agentmon.model.metric import Label

__all__ = [
    "AGENT",
    "COMPONENT",
    "CONSTANT_LABELS",
    "CURRENCY",
    "DEPENDENCY",
    "DEPENDENCY_KIND",
    "ERROR_TYPE",
    "MODEL",
    "OPERATION",
    "OUTCOME",
    "PROVIDER",
    "REASON",
    "SOURCE",
    "STEP",
    "TARGET",
    "TASK",
    "TASK_RESULT",
    "TOKEN_TYPE",
    "TOOL",
    "VERSION",
    "WORKFLOW",
]

AGENT = Label(
    "agent",
    "Name of the agent; for what an agent uses, the innermost agent around it.",
    1000,
)
OPERATION = Label(
    "operation",
    "Entry point of the agent, or kind of model call (chat, embeddings).",
    200,
)
TOOL = Label("tool", "Name of the tool.", 2000)
MODEL = Label("model", "Model asked for.", 500)
PROVIDER = Label("provider", "Who serves the model.", 100)
SOURCE = Label("source", "Agent that hands over.", 1000)
TARGET = Label("target", "Agent that is handed to.", 1000)
WORKFLOW = Label(
    "workflow",
    "Name of the workflow; for a step, the innermost workflow around it.",
    1000,
)
STEP = Label("step", "Name of the step within its workflow.", 2000)
OUTCOME = Label("outcome", "How it ended: ok, error, timeout, cancelled or interrupted.", 5)
ERROR_TYPE = Label("error_type", "Qualified name of the exception's class.", 200)
TOKEN_TYPE = Label(
    "token_type",
    "input, output, and parts of them: cached (input read from a cache), cache_write (input that "
    "was written to one) and reasoning (output).",
    5,
)
REASON = Label("reason", "Why something was not recorded as it came, or not answered.", 40)
TASK = Label("task", "Kind of task, such as answer_ticket; never the id of one.", 500)
TASK_RESULT = Label("result", "How it ended: completed, failed, abandoned or timed_out.", 4)
CURRENCY = Label("currency", "Currency, such as USD.", 20)
COMPONENT = Label("component", "Part of the system: an agent, a dependency, a service.", 500)
DEPENDENCY = Label("dependency", "Name of what is depended on, such as the host of a service.", 500)
DEPENDENCY_KIND = Label(
    "dependency_kind", "llm, database, vector_store, cache, http, queue, storage or other.", 8
)
VERSION = Label("version", "Version of the agent.", 200)

#: Labels of the whole process, put on every sample when they are configured.
CONSTANT_LABELS: tuple[Label, ...] = (
    Label("service", "Name of the service that the process belongs to.", 1),
    Label("region", "Where the process runs.", 1),
)
