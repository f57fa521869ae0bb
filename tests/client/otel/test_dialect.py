import random

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tests.collector.formats.otlp_samples import request
from tests.e2e.otel_spans import spans_in

from inspan.otel.dialect import OTLP, Origin, framed
from inspan.otel.posted import Posted


def test_a_request_that_is_taken_apart_and_joined_in_any_order_holds_the_same_spans(rng: random.Random) -> None:
    for _ in range(300):
        body = request(rng).SerializeToString()
        entries = Posted().entries(body, "")
        rng.shuffle(entries)
        joined = OTLP.join([piece for _, piece, _ in entries])
        assert spans_in([joined]) == spans_in([body])


def test_a_resource_is_written_once_and_each_of_its_scopes_once_whatever_comes_between() -> None:
    one, same, other, foreign = (
        Origin(b"\x1a\x01r", b"\x1a\x01s"),
        Origin(b"\x1a\x01r", b"\x1a\x01s"),
        Origin(b"\x1a\x01r", b""),
        Origin(b"", b""),
    )
    spans = [framed(b"\x0a\x01" + bytes([number])) for number in range(5)]
    joined = OTLP.join(list(zip((one, other, foreign, one, same), spans, strict=True)))
    found = ExportTraceServiceRequest.FromString(joined)
    assert [
        [
            (resource.schema_url, scope.schema_url, [span.trace_id[0] for span in scope.spans])
            for scope in resource.scope_spans
        ]
        for resource in found.resource_spans
    ] == [[("r", "s", [0, 3, 4]), ("r", "", [1])], [("", "", [2])]]


def test_no_spans_are_an_empty_request() -> None:
    assert OTLP.join([]) == b""


@pytest.mark.parametrize("length", [0, 1, 0x7F, 0x80, 0x3FFF, 0x4000, 1 << 21])
def test_a_span_of_any_length_is_framed_as_protobuf_does(length: int) -> None:
    span = b"\x2a" + _varint(length) + b"n" * length  # Span.name
    (scope,) = ExportTraceServiceRequest.FromString(OTLP.join([(Origin(b"", b""), framed(span))])).resource_spans
    assert scope.scope_spans[0].spans[0].name == "n" * length


def _varint(value: int) -> bytes:
    septets = [value >> shift & 0x7F for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([each | 0x80 for each in septets[:-1]] + septets[-1:])


def test_what_a_sidecar_refuses_of_a_post_is_read_from_its_answer() -> None:
    answer = ExportTraceServiceResponse()
    assert OTLP.refused(b"") == (0, "")
    assert OTLP.refused(answer.SerializeToString()) == (0, "")
    answer.partial_success.rejected_spans = 3
    answer.partial_success.error_message = "too large ☃"
    assert OTLP.refused(answer.SerializeToString()) == (3, "too large ☃")


def test_an_answer_in_other_words_is_a_value_error_as_dialects_promise() -> None:
    with pytest.raises(ValueError, match=r".+"):
        OTLP.refused(b"<html>")
