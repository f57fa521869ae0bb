"""What is shown of a span that was seen as it passed: its name and ids; of all else that it says key, type and size.

Read in the command's process, out of a whole post. What cannot be read is shown as so many bytes: it was taken, and
what to make of it is for the upstream to say.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec
from google.protobuf.json_format import MessageToDict

from inspan_collector.cli.standing import moment
from inspan_collector.errors import MalformedChunk
from inspan_collector.formats import json_text, otlp_schema
from inspan_collector.formats.otlp_walk import walk

NAMED: Final = frozenset({"id", "trace_id", "parent_id", "name", "start_timestamp", "end_timestamp", "status"})
STATUSES: Final = {1: "OK", 2: "ERROR", "STATUS_CODE_OK": "OK", "STATUS_CODE_ERROR": "ERROR"}  # trace.proto, Status
KNOWN: Final = frozenset({"SUCCESS", "OK", "ERROR"})  # as agents write them in JSON; any other may be a text
MAX_DIGITS: Final = 20  # of nanoseconds in 64 bits
# Of what nests deeper than the stack, or has a number of thousands of digits; a MalformedChunk tells of the same.
UNREADABLE: Final = (MalformedChunk, msgspec.MsgspecError, ValueError, OverflowError, RecursionError)


class Part(msgspec.Struct, frozen=True):
    """One thing that a span says. type: text, number, boolean, list, object, bytes or null. bytes: as JSON; of a text
    without its quotes."""

    key: str
    type: str
    bytes: int
    value: Any


class Sighting(msgspec.Struct, frozen=True):
    """A span. start, end: seconds since the epoch. bytes: of it alone, as it came. odd: why the rest is empty.

    resource: the service of its resource, in OTLP.
    """

    bytes: int
    name: str = ""
    trace_id: str = ""
    id: str = ""
    parent_id: str = ""
    start: float | None = None
    end: float | None = None
    ended: bool = True
    status: str = ""
    parts: Sequence[Part] = ()
    odd: str = ""
    resource: str = ""


Chosen = Callable[[int], Sequence[int]]


def sightings(format: str, body: bytes, take: int, chance: random.Random) -> list[Sighting]:
    """Some spans of a post, in its order, chosen evenly. take: how many."""

    def chosen(count: int) -> Sequence[int]:
        return sorted(chance.sample(range(count), min(take, count)))

    try:
        return list(_READERS[format](body, chosen))
    except KeyError:
        return [Sighting(len(body), odd=f"no span of {format} can be shown")]
    except UNREADABLE:
        return [Sighting(len(body), odd="the post cannot be read")]


# Our own JSON


def _span_json(body: bytes, chosen: Chosen) -> Iterator[Sighting]:
    spans = json_text.elements(body)
    return (_read(_json_span, spans[index], len(spans[index])) for index in chosen(len(spans)))


def _read(reader: Callable[[Any, int], Sighting], span: Any, size: int) -> Sighting:
    """One span, whatever is in it."""
    try:
        return reader(span, size)
    except UNREADABLE:
        return Sighting(size, odd="it cannot be read")


def _json_span(text: bytes, size: int) -> Sighting:
    span = msgspec.json.decode(text, type=dict[str, Any])
    said = _text(span.get("status"))
    return Sighting(
        bytes=size,
        name=_text(span.get("name")),
        trace_id=_text(span.get("trace_id")),
        id=_text(span.get("id")),
        parent_id=_text(span.get("parent_id")),
        start=moment(_text(span.get("start_timestamp"))),
        end=moment(_text(span.get("end_timestamp"))),
        ended=span.get("end_timestamp") is not None,
        status="" if said.upper() not in KNOWN else "ERROR" if said.upper() == "ERROR" else "OK",
        parts=[part for key, value in span.items() if key not in NAMED for part in _flattened(key, value)],
    )


def _flattened(key: str, value: Any) -> Iterator[Part]:
    """An object's members by themselves: `input` is one as a rule, and what it has is what one wants to see."""
    if isinstance(value, dict) and value:
        yield from (_part(f"{key}.{name}", inner) for name, inner in value.items())
    elif value is not None:
        yield _part(key, value)


# OTLP


def _otlp_json(body: bytes, chosen: Chosen) -> Iterator[Sighting]:
    spans = [
        (span, resource)
        for resource in _elements(body, "resourceSpans")
        for scope in _elements(resource, "scopeSpans")
        for span in _elements(scope, "spans")
    ]
    for index in chosen(len(spans)):
        span, resource = spans[index]
        service = _service(json_text.members(resource).get("resource", b"null"))
        yield msgspec.structs.replace(_read(_otlp_json_span, span, len(span)), resource=service)


def _service(resource: bytes | msgspec.Raw) -> str:
    """What the semantic conventions call service.name."""
    try:
        found = msgspec.json.decode(resource)
    except UNREADABLE:
        return ""
    attributes = found.get("attributes") if isinstance(found, dict) else None
    return next((_text(part.value) for part in _attributes(attributes) if part.key == "service.name"), "")


def _otlp_json_span(text: bytes, size: int) -> Sighting:
    return _otlp_span(msgspec.json.decode(text, type=dict[str, Any]), size)


def _elements(text: bytes, name: str) -> list[bytes]:
    array = bytes(json_text.members(text).get(name, b"null"))
    return [] if array == b"null" else json_text.elements(array)


def _otlp_protobuf(body: bytes, chosen: Chosen) -> Iterator[Sighting]:
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
    return msgspec.structs.replace(_read(_protobuf_span, span, span.ByteSize()), resource=next(names, ""))


def _protobuf_span(span: Any, size: int) -> Sighting:
    ids = {"traceId": span.trace_id, "spanId": span.span_id, "parentSpanId": span.parent_span_id}
    return _otlp_span(MessageToDict(span) | {name: each.hex() for name, each in ids.items()}, size)


def _otlp_span(span: dict[str, Any], size: int) -> Sighting:
    status = span.get("status")
    code = status.get("code") if isinstance(status, dict) else None
    end = _seconds(span.get("endTimeUnixNano"))
    return Sighting(
        bytes=size,
        name=_text(span.get("name")),
        trace_id=_text(span.get("traceId")),
        id=_text(span.get("spanId")),
        parent_id=_text(span.get("parentSpanId")),
        start=_seconds(span.get("startTimeUnixNano")),
        end=end,
        ended=end is not None,
        status=STATUSES.get(code, "") if isinstance(code, int | str) else "",
        parts=[*_attributes(span.get("attributes")), *_counted(span)],
    )


def _attributes(attributes: Any) -> Iterator[Part]:
    for each in attributes if isinstance(attributes, list) else []:
        if isinstance(each, dict):
            yield _part(_text(each.get("key")), _any_value(each.get("value")))


def _counted(span: dict[str, Any]) -> Iterator[Part]:
    for name in ("events", "links"):
        if isinstance(span.get(name), list) and span[name]:
            yield _part(name, span[name])


def _any_value(value: Any) -> Any:
    """What an AnyValue of common.proto holds, in JSON's own types."""
    if not isinstance(value, dict) or not value:
        return None
    ((kind, held), *_) = value.items()
    if kind == "arrayValue" and isinstance(held, dict) and isinstance(held.get("values", []), list):
        return [_any_value(each) for each in held.get("values", [])]
    if kind == "kvlistValue" and isinstance(held, dict) and isinstance(held.get("values", []), list):
        pairs = [each for each in held.get("values", []) if isinstance(each, dict)]
        return {_text(each.get("key")): _any_value(each.get("value")) for each in pairs}
    if kind == "intValue" and isinstance(held, str) and _is_number(held.removeprefix("-")):
        return int(held)
    return held


_READERS: Final[dict[str, Callable[[bytes, Chosen], Iterator[Sighting]]]] = {
    "otlp_protobuf": _otlp_protobuf,
    "otlp_json": _otlp_json,
    "span_json": _span_json,
}


# What stands in JSON


def _part(key: str, value: Any) -> Part:
    """Its type and size."""
    match value:
        case str():
            return Part(key, "text", len(value.encode("utf-8", "surrogatepass")), value)
        case bool():
            kind = "boolean"
        case int() | float():
            kind = "number"
        case list():
            kind = "list"
        case dict():
            kind = "object"
        case _:
            kind = "null"
    return Part(key, kind, len(msgspec.json.encode(value)), value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _seconds(nanoseconds: Any) -> float | None:
    """Of a time in OTLP's JSON, a number or a text; None where there is none."""
    if isinstance(nanoseconds, str):
        nanoseconds = int(nanoseconds) if _is_number(nanoseconds) else None
    if isinstance(nanoseconds, bool) or not isinstance(nanoseconds, int) or not 0 < nanoseconds < 1 << 64:
        return None
    return nanoseconds / 1e9


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS
