"""What users and evaluators say, and how much answers agree."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

import agentmon
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.task import found
from agentmon.testing import capture
from tests.driven import Endpoint
from tests.instrumentation.recording import recording


@pytest.mark.drives("agentmon_feedback_score_ratio")
def test_ratings_on_every_scale_come_to_0_to_1(endpoint: Endpoint) -> None:
    """Thumbs, 4 of 5 stars, 9 of 10 and 0.7, for the agent and task that had the id."""
    endpoint.start()
    with agentmon.task("answer", id=1, agent="desk"):
        pass
    agentmon.feedback(thumbs=True, task=1)
    agentmon.feedback(thumbs=False, task=1)
    agentmon.feedback(stars=4, task=1)
    agentmon.feedback(nps=9, task=1)
    agentmon.feedback(score=0.7, task=1)
    sums = endpoint.samples("agentmon_feedback_score_ratio_sum", agent="desk", task="answer")
    assert sums == {("thumbs",): 1, ("stars",): 0.75, ("nps",): 0.9, ("score",): 0.7}
    counts = endpoint.samples("agentmon_feedback_score_ratio_count", agent="desk", task="answer")
    assert counts == {("thumbs",): 2, ("stars",): 1, ("nps",): 1, ("score",): 1}


def test_whole_stars_are_edges_of_buckets(endpoint: Endpoint) -> None:
    """A rating of 3 stars counts in the bucket up to 0.5, and not below."""
    endpoint.start()
    agentmon.feedback(stars=3, agent="a")
    assert endpoint.value("agentmon_feedback_score_ratio_bucket", le="0.5") == 1
    assert endpoint.value("agentmon_feedback_score_ratio_bucket", le="0.4") == 0


def test_feedback_finds_the_task_of_a_trace() -> None:
    """A trace that the first output of the task was in."""
    with recording("owned"):
        with agentmon.task("answer") as task, agentmon.agent("desk") as call:
            task.first_output()
        assert call.trace_id is not None
        assert found(None, call.trace_id) == ("desk", "answer")
        assert found(None, "ab" * 16) is None


def test_feedback_for_what_nobody_remembers_is_kept_and_counted() -> None:
    """Without agent and task; with an agent that is given it is not odd."""
    with capture() as recorded:
        agentmon.feedback(thumbs=True, task="unknown")
        agentmon.feedback(thumbs=True, trace="ab" * 16, agent="desk")
    assert recorded.value("agentmon_feedback_score_ratio_count", agent="", task="") == 1
    assert recorded.value("agentmon_feedback_score_ratio_count", agent="desk") == 1
    assert recorded.value("agentmon_dropped_total", reason="unknown_subject") == 1


def test_feedback_within_a_task_is_of_that_task() -> None:
    """Without an id: the present task, and the agent at work."""
    with capture() as recorded, agentmon.task("answer"), agentmon.agent("desk"):
        agentmon.feedback(nps=10)
    assert recorded.value("agentmon_feedback_score_ratio_sum", agent="desk", task="answer") == 1


@pytest.mark.parametrize(
    "wrong", [{"stars": 0}, {"stars": 6}, {"nps": -1}, {"score": math.nan}, {"score": "1"}]
)
def test_ratings_off_their_scale_are_dropped(wrong: dict[str, Any]) -> None:
    """They are counted, and never raised at the program."""
    with capture() as recorded:
        agentmon.feedback(**wrong)
        agentmon.feedback(thumbs=True, trace="no trace")
    assert recorded.value("agentmon_feedback_score_ratio_count") is None
    assert recorded.value("agentmon_dropped_total", reason="invalid_value") == 2


def test_just_one_rating_is_given() -> None:
    """None, and two at once, are mistakes of the program."""
    with pytest.raises(ValueError, match="got no rating"):
        agentmon.feedback(task=1)
    with pytest.raises(ValueError, match="got thumbs, stars"):
        agentmon.feedback(thumbs=True, stars=1)


def test_the_original_rating_goes_out_as_an_event() -> None:
    """4 stars are 4 in the event, with their scale; and no comment unless content is kept."""
    with recording("owned"):
        records: list[Any] = []
        ACTIVE.events = records.append
        agentmon.feedback(stars=4, comment="nice", agent="desk", trace="0" * 30 + "ff")
    (record,) = records
    assert record.attributes == {
        "gen_ai.evaluation.name": "user_feedback",
        "gen_ai.evaluation.score.value": 4.0,
        "agentmon.feedback.scale": "stars",
    }
    assert record.trace_id == 255


@pytest.mark.drives("agentmon_evaluation_score_ratio")
def test_scores_count_by_agent_version_dimension_and_evaluator(endpoint: Endpoint) -> None:
    """4 on a scale of 1 to 5 is 0.75; what is better when it is smaller has its scale turned."""
    endpoint.start()
    with agentmon.agent("desk", version="2"):
        agentmon.score("relevance", 4, scale=(1, 5), evaluator="lead")
        agentmon.score("toxicity", 0.25, scale=(1, 0), evaluator="model-x")
    assert endpoint.samples("agentmon_evaluation_score_ratio_sum", agent="desk") == {
        ("2", "relevance", "lead"): 0.75,
        ("2", "toxicity", "model-x"): 0.75,
    }


def test_a_score_comes_later_by_task() -> None:
    """Its agent is the one that is remembered."""
    with capture() as recorded:
        with agentmon.task("answer", id=1), agentmon.agent("desk"), agentmon.model_call() as call:
            call.usage(input_tokens=1)
        agentmon.score("accuracy", 1, task=1)
    assert recorded.value("agentmon_evaluation_score_ratio_sum", agent="desk") == 1


def test_a_score_off_its_scale_is_no_ratio() -> None:
    """It goes out as an event as it is, and is counted."""
    with capture() as recorded:
        agentmon.score("n", 17)
    assert recorded.value("agentmon_evaluation_score_ratio_count") is None
    assert recorded.value("agentmon_dropped_total", reason="invalid_value") == 1
    for scale in ((1, 1), (0,), "01", (0, math.inf)):
        with pytest.raises(ValueError, match="scale: got"):
            agentmon.score("n", 1, scale=scale)  # type: ignore[arg-type]


def test_results_of_evaluators_are_scores() -> None:
    """Numbers, truths, several dimensions, a reason; sync and async; results pass through."""

    @agentmon.evaluator("exact")
    def same(one: str, other: str) -> bool:
        return one == other

    @agentmon.evaluator("judge", name="model-x", scale=(0, 10))
    async def judge(text: str) -> tuple[dict[str, int], str]:
        return {"tone": 5, "safety": 10}, text

    @agentmon.evaluator("odd")
    def odd(result: object) -> object:
        return result

    with capture() as recorded, agentmon.agent("desk"):
        assert same("a", "a") is True
        assert same("a", "b") is False
        assert asyncio.run(judge("x")) == ({"tone": 5, "safety": 10}, "x")
        for each in (None, "text", math.inf):
            assert odd(each) is each
    values = {
        (dimension, who): recorded.value(
            "agentmon_evaluation_score_ratio_sum", agent="desk", dimension=dimension, evaluator=who
        )
        for dimension, who in (
            ("exact", "same"),
            ("judge.tone", "model-x"),
            ("judge.safety", "model-x"),
        )
    }
    assert values == {("exact", "same"): 1, ("judge.tone", "model-x"): 0.5} | {
        ("judge.safety", "model-x"): 1
    }
    assert recorded.value("agentmon_dropped_total", reason="invalid_value") == 2


def test_an_evaluator_knows_the_task_by_its_arguments() -> None:
    """task_by names it; what an evaluator raises passes through and is no score."""

    @agentmon.evaluator("accuracy", task_by=lambda task_id, _: task_id)
    def accuracy(task_id: int, answer: str) -> float:
        if not answer:
            raise KeyError(task_id)
        return 0.5

    with capture() as recorded:
        with agentmon.task("answer", id=1, agent="desk"):
            pass
        accuracy(1, "x")
        with pytest.raises(KeyError):
            accuracy(1, "")
    assert recorded.value("agentmon_evaluation_score_ratio_count", agent="desk") == 1
    assert recorded.value("agentmon_evaluation_score_ratio_count") == 1


@pytest.mark.drives("agentmon_consistency_ratio")
def test_consistency_is_the_mean_likeness_to_what_came_before(endpoint: Endpoint) -> None:
    """Scores 0.5, 0.75 and 1: 1 - 0.25 for the second, the mean of 0.5 and 0.75 for the third."""
    endpoint.start()
    with agentmon.agent("desk"):
        given = [agentmon.consistency("q", score=each) for each in (0.5, 0.75, 1)]
        agentmon.consistency("another", score=0)
    assert given == [None, 0.75, 0.625]
    labels = {"agent": "desk", "dimension": "output"}
    assert endpoint.value("agentmon_consistency_ratio_sum", **labels) == 1.375
    assert endpoint.value("agentmon_consistency_ratio_count", **labels) == 2


def test_texts_are_compared_by_the_function_that_is_given() -> None:
    """Words in common; without a function, whether they are equal."""

    def overlap(one: str, other: str) -> float:
        mine, yours = set(one.split()), set(other.split())
        return len(mine & yours) / len(mine | yours)

    with capture():
        assert agentmon.consistency("q", "a b c", similarity=overlap) is None
        assert agentmon.consistency("q", "a b d", similarity=overlap) == 0.5
        assert agentmon.consistency("r", "a") is None
        assert agentmon.consistency("r", "a") == 1
        assert agentmon.consistency("r", "b") == 0


def test_what_cannot_be_compared_is_dropped() -> None:
    """A function that raises or says nonsense, a key that is none, a score off its scale."""

    def fail(one: str, other: str) -> float:
        raise KeyError(one)

    with capture() as recorded:
        for _ in range(2):
            assert agentmon.consistency("q", "a", similarity=fail) is None
            assert agentmon.consistency("r", "a", similarity=lambda *_: 2.0) is None
            assert agentmon.consistency([], "a") is None
            assert agentmon.consistency("s", score=2) is None
    assert recorded.value("agentmon_consistency_ratio_count") is None
    assert recorded.value("agentmon_dropped_total", reason="invalid_value") == 6
    for both in ({}, {"output": "a", "score": 1}):
        with pytest.raises(ValueError, match="both or neither"):
            agentmon.consistency("q", **both)


def test_what_is_compared_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the most groups the oldest is forgotten."""
    monkeypatch.setattr("agentmon.instrumentation.agreement.MOST_GROUPS", 2)
    with capture():
        for key in ("a", "b", "c"):
            agentmon.consistency(key, "x")
        assert agentmon.consistency("c", "x") == 1
        assert agentmon.consistency("a", "x") is None


def test_nothing_is_taken_down_while_recording_is_off() -> None:
    """All of it passes through."""
    agentmon.feedback(thumbs=True)
    agentmon.score("n", 1)
    assert agentmon.consistency("q", "a") is None


@pytest.mark.parametrize(
    "arguments", [{"dimension": ""}, {"name": 5}, {"scale": (1, 1)}, {"task_by": 5}]
)
def test_evaluators_that_are_declared_wrongly_are_refused(arguments: dict[str, Any]) -> None:
    """At once."""
    dimension = arguments.pop("dimension", "d")
    with pytest.raises(agentmon.DeclarationError, match="got"):
        agentmon.evaluator(dimension, **arguments)
