"""Statuses and errors, as OpenTelemetry wants them recorded."""

from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from tests.collector.translate.rig import attributes, one

from inspan_collector.translate.lifted import MAX_LIFTED, MAX_MESSAGE

DETAIL = {"__error__": {"type": "ValueError", "message": "no such model", "category": "user"}}
FLAT = {"error": True, "error_type": "TimeoutError", "error_message": "too late", "error_category": "infra"}


def test_success_is_ok_and_no_status_is_unset() -> None:
    assert one(status="SUCCESS").status.code == Status.STATUS_CODE_OK
    assert one().status.code == one(status=None).status.code == Status.STATUS_CODE_UNSET
    assert "inspan.status" not in attributes(one(status="SUCCESS"))


def test_what_was_canceled_is_no_error_and_is_still_told_apart() -> None:
    span = one(status="CANCELED")
    assert span.status.code == Status.STATUS_CODE_UNSET
    assert attributes(span)["inspan.status"] == "CANCELED"
    assert "error.type" not in attributes(span)


def test_a_status_that_nobody_knows_is_kept() -> None:
    span = one(status="PARTLY")
    assert (span.status.code, attributes(span)["inspan.status"]) == (Status.STATUS_CODE_UNSET, "PARTLY")


@pytest.mark.parametrize(
    ("members", "named", "message"),
    [
        ({"status": "ERROR", "metadata": FLAT}, "TimeoutError", "too late"),
        ({"status": "error", "metadata": DETAIL}, "ValueError", "no such model"),
        ({"status": "ERROR", "data": DETAIL}, "ValueError", "no such model"),
        ({"status": "ERROR", "metadata": {**DETAIL, **FLAT}}, "TimeoutError", "too late"),
        (
            {"status": "ERROR", "metadata": {**DETAIL, "error_type": 5, "error_message": ""}},
            "ValueError",
            "no such model",
        ),
        ({"data": DETAIL}, "ValueError", "no such model"),
        ({"status": "ERROR"}, "_OTHER", ""),
        ({"status": "ERROR", "metadata": [FLAT]}, "_OTHER", ""),
        ({"status": "ERROR", "metadata": {"__error__": "broken"}}, "_OTHER", ""),
    ],
)
def test_an_error_has_a_class_and_its_words(members: dict[str, Any], named: str, message: str) -> None:
    span = one(**members)
    assert (span.status.code, span.status.message) == (Status.STATUS_CODE_ERROR, message)
    assert attributes(span)["error.type"] == named


def test_a_success_with_an_error_in_its_metadata_is_a_success() -> None:
    span = one(status="SUCCESS", metadata=DETAIL)
    assert (span.status.code, span.status.message) == (Status.STATUS_CODE_OK, "")
    assert "error.type" not in attributes(span)


def test_what_is_lifted_is_bounded() -> None:
    span = one(status="ERROR", metadata={"error_type": "x" * (MAX_LIFTED + 1), "error_message": "é" * 5000})
    assert span.status.message == "é" * MAX_MESSAGE
    assert attributes(span)["error.type"] == "_OTHER"
    assert str(attributes(span)["metadata"]).count("x") == MAX_LIFTED + 1
