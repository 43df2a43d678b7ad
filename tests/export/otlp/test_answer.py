"""What a collector answers, read from its bytes."""

from __future__ import annotations

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import DebugInfo, RetryInfo
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from agentmon.export.otlp import answer
from agentmon.export.otlp.answer import Answer


def _partial(rejected: int, message: str) -> bytes:
    part = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    return ExportTraceServiceResponse(partial_success=part).SerializeToString()


def _status(*details: object) -> bytes:
    packed = []
    for detail in details:
        packed.append(AnyMessage())
        packed[-1].Pack(detail)
    return Status(code=14, message="later", details=packed).SerializeToString()


def test_an_empty_answer_is_a_whole_success() -> None:
    """A collector that has nothing to say has taken all of it."""
    assert answer.accepted(b"") == Answer("accepted")


def test_a_partial_success_says_how_much_was_rejected() -> None:
    """The number of rejected spans and the reason are read."""
    assert answer.accepted(_partial(7, "too old")) == Answer("accepted", "too old", 7)


def test_a_negative_number_of_rejected_spans_is_none() -> None:
    """A collector that says nonsense does not make counters go back."""
    assert answer.accepted(_partial(-3, "x")) == Answer("accepted", "x", 0)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer(body: bytes) -> None:
    """Whatever comes back is read without an error."""
    assert answer.accepted(body).verdict == "accepted"
    answer.status_message(body)
    answer.retry_delay(body)


@pytest.mark.parametrize("cut", range(1, len(_partial(300, "too old"))))
def test_an_answer_that_is_cut_off_is_said_to_be_none(cut: int) -> None:
    """A part of an answer is no answer of a collector, and rejects nothing by accident."""
    got = answer.accepted(_partial(300, "too old")[:cut])
    assert got.verdict == "accepted"
    assert got.message == "the answer is not that of a collector"
    assert got.rejected == 0


def test_a_retry_info_says_when() -> None:
    """The delay is found among other details, to the nanosecond."""
    delay = RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000))
    assert answer.retry_delay(_status(DebugInfo(detail="x"), delay)) == 2.5


@pytest.mark.parametrize(
    "status",
    [
        b"",
        b"\xff",
        _status(),
        _status(DebugInfo(detail="x")),
        _status(RetryInfo()),
        _status(RetryInfo(retry_delay=Duration(seconds=-5))),
    ],
)
def test_no_delay_is_none(status: bytes) -> None:
    """A status without a sensible delay says nothing of when."""
    assert answer.retry_delay(status) is None


def test_the_message_of_a_status_is_found() -> None:
    """What went wrong is taken from the status that HTTP answers carry."""
    assert answer.status_message(_status()) == "later"


def test_messages_fit_one_line() -> None:
    """What a collector says can neither break a line of a log nor fill it."""
    shown = answer.printable("a\r\nb\x1b[31m" + "c" * 5000)
    assert shown.startswith("a b [31mccc")
    assert len(shown) == 200
    assert shown.isprintable()
