import base64
import json

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.collector.sink.posts import otlp, otlp_request

from inspan_collector.cli.readable import readable


def test_json_gets_line_ends_and_keeps_every_token() -> None:
    assert readable("span_json", "text", '[{"a":1.0e5,"a":2}]') == '[\n  {\n    "a": 1.0e5,\n    "a": 2\n  }\n]'


def test_what_is_no_json_or_nests_too_deep_is_left_as_it_is() -> None:
    assert readable("span_json", "text", "{broken") is None
    assert readable("span_json", "text", "[" * 1_000_000) is None


def test_protobuf_is_shown_as_otlp_is_written_in_json() -> None:
    request = otlp_request("a", "b")
    request.resource_spans[0].scope_spans[0].spans[0].parent_span_id = b"\xff" * 8
    attribute = request.resource_spans[0].resource.attributes.add()
    attribute.key, attribute.value.string_value = "service.name", "x\x1b[31m"
    lines = readable("otlp_protobuf", "base64", base64.b64encode(request.SerializeToString()).decode())
    assert lines is not None
    assert "\x1b" not in lines
    (resource,) = json.loads(lines)["resourceSpans"]
    assert resource["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "x\x1b[31m"}}]
    first = resource["scopeSpans"][0]["spans"][0]
    assert (first["name"], first["parentSpanId"]) == ("a", "f" * 16)
    assert first["traceId"] == request.resource_spans[0].scope_spans[0].spans[0].trace_id.hex()


def test_protobuf_that_does_not_parse_is_left_as_it_is() -> None:
    for body in (b"\xff", otlp("a")[:-1], otlp("a").replace(b"a", b"\xff")):
        assert readable("otlp_protobuf", "base64", base64.b64encode(body).decode()) is None
    assert readable("otlp_json", "base64", base64.b64encode(b'{"a":"\xff"}').decode()) is None


def test_the_fields_are_those_of_opentelemetry() -> None:
    request = otlp_request("a")
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.events.add(name="e", time_unix_nano=5)
    span.links.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
    span.status.message = "oops"
    encoded = request.SerializeToString()
    from google.protobuf.json_format import MessageToDict

    theirs = MessageToDict(ExportTraceServiceRequest.FromString(encoded), use_integers_for_enums=True)
    lines = readable("otlp_protobuf", "base64", base64.b64encode(encoded).decode())
    assert lines is not None
    ours = json.loads(lines)
    assert ours.keys() == theirs.keys()
    (their_span,) = theirs["resourceSpans"][0]["scopeSpans"][0]["spans"]
    (our_span,) = ours["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert our_span.keys() == their_span.keys()
    assert our_span["events"] == their_span["events"]
    assert our_span["links"] == [{"traceId": "01" * 16, "spanId": "02" * 8}]
