"""The whole OTLP trace schema, for those who look inside: which span does not parse, and what does a request say?

Source: opentelemetry-proto, trace/v1/trace.proto, resource/v1/resource.proto and common/v1/common.proto, and
collector/trace/v1/trace_service.proto, 1.x. Enums are int32 here: proto3 enums are open, so the wire accepts the same.
Built at the first question, since most sidecars never see a 400.
"""

from functools import cache
from typing import Any, Final

from google.protobuf.message import DecodeError

from inspan_collector.formats.descriptors import message_classes

TABLE: Final = """
ExportTraceServiceRequest: resource_spans 1 *ResourceSpans
ResourceSpans: resource 1 Resource, scope_spans 2 *ScopeSpans, schema_url 3 string
Resource: attributes 1 *KeyValue, dropped_attributes_count 2 uint32, entity_refs 3 *EntityRef
EntityRef: schema_url 1 string, type 2 string, id_keys 3 *string, description_keys 4 *string
ScopeSpans: scope 1 InstrumentationScope, spans 2 *Span, schema_url 3 string
InstrumentationScope: name 1 string, version 2 string, attributes 3 *KeyValue, dropped_attributes_count 4 uint32
Span: trace_id 1 bytes, span_id 2 bytes, trace_state 3 string, parent_span_id 4 bytes, name 5 string, kind 6 int32, \
start_time_unix_nano 7 fixed64, end_time_unix_nano 8 fixed64, attributes 9 *KeyValue, \
dropped_attributes_count 10 uint32, events 11 *Event, dropped_events_count 12 uint32, links 13 *Link, \
dropped_links_count 14 uint32, status 15 Status, flags 16 fixed32
Event: time_unix_nano 1 fixed64, name 2 string, attributes 3 *KeyValue, dropped_attributes_count 4 uint32
Link: trace_id 1 bytes, span_id 2 bytes, trace_state 3 string, attributes 4 *KeyValue, \
dropped_attributes_count 5 uint32, flags 6 fixed32
Status: message 2 string, code 3 int32
KeyValue: key 1 string, value 2 AnyValue
AnyValue: string_value 1 string, bool_value 2 bool, int_value 3 int64, double_value 4 double, \
array_value 5 ArrayValue, kvlist_value 6 KeyValueList, bytes_value 7 bytes
ArrayValue: values 1 *AnyValue
KeyValueList: values 1 *KeyValue
"""


@cache
def _classes() -> dict[str, Any]:
    return message_classes(TABLE)


def parse_fault(name: str, encoded: bytes) -> str | None:
    """Why these bytes are not a message of the table; None if they are."""
    try:
        _classes()[name].FromString(encoded)
    except DecodeError as error:
        return f"{name} does not parse: {error}"
    return None


def parsed(body: bytes) -> Any:
    """A request as a message of protobuf; None where it does not parse."""
    try:
        return _classes()["ExportTraceServiceRequest"].FromString(body)
    except DecodeError:
        return None


def span_fault(encoded: bytes) -> str | None:
    """Why no upstream can take this span; None if it is well-formed.

    The Go collector refuses ids of a wrong length while it parses, so they are faults too.
    """
    fault = parse_fault("Span", encoded)
    if fault is not None:
        return fault
    span = _classes()["Span"].FromString(encoded)
    if len(span.trace_id) != 16 or len(span.span_id) != 8 or len(span.parent_span_id) not in (0, 8):
        return "Span has a trace_id, span_id or parent_span_id of a wrong length"
    if any(len(link.trace_id) not in (0, 16) or len(link.span_id) not in (0, 8) for link in span.links):
        return "Span has a link with an id of a wrong length"
    return None
