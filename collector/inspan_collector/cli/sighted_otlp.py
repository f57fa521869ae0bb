"""Spans of OTLP that were seen as they passed, in JSON and in protobuf."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from google.protobuf.json_format import MessageToDict

from inspan_collector.cli.sighted import UNREADABLE, Chosen, Part, Sighting, part, read, text
from inspan_collector.formats import json_text, otlp_schema
from inspan_collector.formats.otlp_walk import walk

STATUSES: Final = {1: "OK", 2: "ERROR", "STATUS_CODE_OK": "OK", "STATUS_CODE_ERROR": "ERROR"}  # trace.proto, Status
MAX_DIGITS: Final = 20  # of nanoseconds in 64 bits


def in_json(body: bytes, chosen: Chosen) -> Iterator[Sighting]:
    """Those that are chosen. Raises MalformedChunk."""
    spans = [
        (span, resource)
        for resource in _elements(body, "resourceSpans")
        for scope in _elements(resource, "scopeSpans")
        for span in _elements(scope, "spans")
    ]
    for index in chosen(len(spans)):
        span, resource = spans[index]
        service = _service(json_text.members(resource).get("resource", b"null"))
        yield msgspec.structs.replace(read(_otlp_json_span, span, len(span)), resource=service)


def _service(resource: bytes | msgspec.Raw) -> str:
    """What the semantic conventions call service.name."""
    try:
        found = msgspec.json.decode(resource)
        attributes = found.get("attributes") if isinstance(found, dict) else None
        return next((text(each.value) for each in _attributes(attributes) if each.key == "service.name"), "")
    except UNREADABLE:
        return ""


def _otlp_json_span(encoded: bytes, size: int) -> Sighting:
    return _otlp_span(msgspec.json.decode(encoded, type=dict[str, Any]), size)


def _elements(encoded: bytes, name: str) -> list[bytes]:
    array = bytes(json_text.members(encoded).get(name, b"null"))
    return [] if array == b"null" else json_text.elements(array)


def in_protobuf(body: bytes, chosen: Chosen) -> Iterator[Sighting]:
    """Those that are chosen. Raises MalformedChunk."""
    request = otlp_schema.parsed(body)
    if request is None:  # one odd span is enough; how large each is can be known all the same
        sizes = [end - start for start, end in walk(body)]
        return (Sighting(sizes[index], odd="its post cannot be parsed") for index in chosen(len(sizes)))
    spans = [
        (span, resource)
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    return (_protobuf_sighting(*spans[index]) for index in chosen(len(spans)))


def _protobuf_sighting(span: Any, resource: Any) -> Sighting:
    names = (each.value.string_value for each in resource.resource.attributes if each.key == "service.name")
    return msgspec.structs.replace(read(_protobuf_span, span, span.ByteSize()), resource=next(names, ""))


def _protobuf_span(span: Any, size: int) -> Sighting:
    ids = {"traceId": span.trace_id, "spanId": span.span_id, "parentSpanId": span.parent_span_id}
    return _otlp_span(MessageToDict(span) | {name: each.hex() for name, each in ids.items()}, size)


def _otlp_span(span: dict[str, Any], size: int) -> Sighting:
    status = span.get("status")
    code = status.get("code") if isinstance(status, dict) else None
    end = _seconds(span.get("endTimeUnixNano"))
    return Sighting(
        bytes=size,
        name=text(span.get("name")),
        trace_id=text(span.get("traceId")),
        id=text(span.get("spanId")),
        parent_id=text(span.get("parentSpanId")),
        start=_seconds(span.get("startTimeUnixNano")),
        end=end,
        ended=end is not None,
        status=STATUSES.get(code, "") if isinstance(code, int | str) else "",
        parts=[*_attributes(span.get("attributes")), *_counted(span)],
    )


def _attributes(attributes: Any) -> Iterator[Part]:
    for each in attributes if isinstance(attributes, list) else []:
        if isinstance(each, dict):
            yield part(text(each.get("key")), _any_value(each.get("value")))


def _counted(span: dict[str, Any]) -> Iterator[Part]:
    for name in ("events", "links"):
        if isinstance(span.get(name), list) and span[name]:
            yield part(name, span[name])


def _any_value(value: Any) -> Any:
    """What an AnyValue of common.proto holds, in JSON's own types."""
    if not isinstance(value, dict) or not value:
        return None
    ((kind, held), *_) = value.items()
    if kind == "arrayValue" and isinstance(held, dict) and isinstance(held.get("values", []), list):
        return [_any_value(each) for each in held.get("values", [])]
    if kind == "kvlistValue" and isinstance(held, dict) and isinstance(held.get("values", []), list):
        pairs = [each for each in held.get("values", []) if isinstance(each, dict)]
        return {text(each.get("key")): _any_value(each.get("value")) for each in pairs}
    if kind == "intValue" and isinstance(held, str) and _is_number(held.removeprefix("-")):
        return int(held)
    return held


def _seconds(nanoseconds: Any) -> float | None:
    """Of a time in OTLP's JSON, a number or a text; None where there is none."""
    if isinstance(nanoseconds, str):
        nanoseconds = int(nanoseconds) if _is_number(nanoseconds) else None
    if isinstance(nanoseconds, bool) or not isinstance(nanoseconds, int) or not 0 < nanoseconds < 1 << 64:
        return None
    return nanoseconds / 1e9


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS
