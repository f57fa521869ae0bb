"""What each dialect reads and says, without a socket."""

import json

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from tests.collector.sink.posts import otlp, otlp_json, sgp_span

from inspan_collector.errors import MalformedChunk
from inspan_collector.formats import FORMATS
from inspan_collector.receiver.dialects import NAMES, ROUTES, Dialect, Refusal

PROTOBUF, JSON, NDJSON = "application/x-protobuf", "application/json", "application/x-ndjson"
OTLP, SPANS, SGP = (ROUTES[path] for path in ("/v1/traces", "/v1/spans", "/v5/spans/batch"))
TWO = [sgp_span("s1"), sgp_span("s2", end_timestamp="2026-11-21T01:09:42Z")]
FULL = Refusal(429, "queue_full", "the queue is full")


def text(value: object, indent: int | None = None) -> bytes:
    return json.dumps(value, indent=indent).encode()


def test_every_dialect_has_a_path_and_a_name_of_its_own():
    names = [dialect.name for dialect in ROUTES.values()]
    assert len(set(names)) == len(names)
    assert (*names, "liveness", "unknown") == NAMES


@pytest.mark.parametrize("dialect", ROUTES.values(), ids=lambda dialect: dialect.name)
def test_every_content_type_leads_to_a_format_that_there_is(dialect: Dialect):
    assert set(dialect.formats.values()) <= FORMATS.keys()
    assert dialect.methods <= {"POST", "PUT"}


READINGS = {
    "otlp protobuf": (OTLP, PROTOBUF, otlp("a", "b"), otlp("a", "b")),
    "otlp JSON": (OTLP, JSON, otlp_json("a", "b"), otlp_json("a", "b")),
    "an array": (SPANS, JSON, text(TWO), text(TWO)),
    "an array with space around": (SPANS, JSON, b"\n " + text(TWO) + b"\n", b"\n " + text(TWO) + b"\n"),
    "an object": (SPANS, JSON, text({"spans": TWO}), text(TWO)),
    "an object with more in it": (SPANS, JSON, text({"v": [1], "spans": TWO, "w": "]"}), text(TWO)),
    "lines": (SPANS, NDJSON, b"\n".join(map(text, TWO)), b"[%b,%b]" % tuple(map(text, TWO))),
    "lines with an end": (SPANS, NDJSON, b"\r\n".join(map(text, TWO)) + b"\n\n", None),
    "items": (SGP, JSON, text({"items": TWO}), text(TWO)),
}


@pytest.mark.parametrize(("dialect", "content_type", "body", "plain"), READINGS.values(), ids=READINGS.keys())
def test_a_body_is_read_into_the_plain_form_of_its_format(
    dialect: Dialect, content_type: str, body: bytes, plain: bytes | None
):
    reading = dialect.read(content_type, body)
    assert reading.format == dialect.formats[content_type]
    assert reading.scan == FORMATS[reading.format].scan(reading.body)
    assert reading.scan.spans == 2
    assert plain is None or reading.body == plain
    if reading.format == "span_json":
        assert (json.loads(reading.body), reading.scan.unended) == (TWO, 1)


@pytest.mark.parametrize(
    ("dialect", "content_type", "body"),
    [
        (SPANS, JSON, b'{"items":[]}'),
        (SPANS, JSON, b'{"spans":{}}'),
        (SPANS, NDJSON, text(TWO)),
        (SGP, JSON, text(TWO)),
        (SGP, JSON, b'{"items":[{}]}'),
        (OTLP, JSON, text(TWO)),
    ],
)
def test_the_shape_of_another_dialect_is_malformed(dialect: Dialect, content_type: str, body: bytes):
    with pytest.raises(MalformedChunk, match="at byte"):
        dialect.read(content_type, body)


def test_otlp_answers_in_the_requests_own_content_type():
    for content_type, body in ((PROTOBUF, otlp("a")), (JSON, otlp_json("a"))):
        assert OTLP.success(content_type, OTLP.read(content_type, body), 0, "") == (
            200,
            content_type,
            b"" if content_type == PROTOBUF else b"{}",
        )


def test_otlp_says_how_many_spans_it_refused():
    status, _, body = OTLP.success(PROTOBUF, OTLP.read(PROTOBUF, otlp("a")), 3, "too large")
    partial = ExportTraceServiceResponse.FromString(body).partial_success
    assert (status, partial.rejected_spans, partial.error_message) == (200, 3, "too large")
    _, _, body = OTLP.success(JSON, OTLP.read(JSON, otlp_json("a")), 3, "too large")
    assert json.loads(body) == {"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too large"}}


@pytest.mark.parametrize(("status", "code"), [(400, 3), (404, 5), (413, 8), (429, 8), (503, 14), (418, 2)])
def test_an_otlp_failure_is_a_google_rpc_status(status: int, code: int):
    refusal = Refusal(status, "any", "what to do ☃")
    content_type, body = OTLP.failure(PROTOBUF, refusal)
    assert (content_type, Status.FromString(body)) == (PROTOBUF, Status(code=code, message="what to do ☃"))
    for asked in (JSON, "text/plain", ""):
        content_type, body = OTLP.failure(asked, refusal)
        assert (content_type, json.loads(body)) == (JSON, {"code": code, "message": "what to do ☃"})


def test_spans_are_accepted_with_202_and_their_number():
    assert SPANS.success(JSON, SPANS.read(JSON, text(TWO)), 0, "") == (202, JSON, b'{"accepted":2}')
    _, _, body = SPANS.success(JSON, SPANS.read(JSON, text(TWO)), 1, "too large")
    assert json.loads(body) == {"accepted": 2, "refused": 1, "message": "too large"}
    assert json.loads(SPANS.failure(JSON, FULL)[1]) == {
        "error": {"reason": "queue_full", "message": "the queue is full"}
    }


def test_sgp_answers_with_the_items_that_its_client_reads():
    status, _, body = SGP.success(JSON, SGP.read(JSON, text({"items": TWO})), 0, "")
    assert status == 200
    items = [{"id": "s1", "trace_id": "t1"}, {"id": "s2", "trace_id": "t1"}]
    assert json.loads(body) == {"items": items, "object": "list"}
    assert json.loads(SGP.failure(JSON, FULL)[1]) == {"status_code": 429, "message": "the queue is full", "data": None}
