"""A span of the SDK as an OTLP Span, written here: what every span has, at a fraction of the library's time.

It knows what the SDK makes and nothing else; all else it leaves to the library, by raising. What it writes are the
library's bytes, in the order of the field numbers, which both sides of the tests compare.

Field numbers: opentelemetry-proto, trace/v1/trace.proto.
"""

import struct
from collections.abc import Sequence
from typing import Final

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceState

from inspan.otel.attribute_bytes import attribute_bytes
from inspan.otel.fields import frame, varint
from inspan.otel.unsure import Unsure

_TIMES: Final = struct.Struct("<cQcQ").pack
_TIME: Final = struct.Struct("<cQ").pack

_INTERNAL: Final = SpanKind.INTERNAL  # looked up once: an enum hashes in Python, and most spans are of this kind
_KIND_OF_INTERNAL: Final = b"\x30\x01"
_KINDS: Final = {
    SpanKind.SERVER: b"\x30\x02", SpanKind.CLIENT: b"\x30\x03",
    SpanKind.PRODUCER: b"\x30\x04", SpanKind.CONSUMER: b"\x30\x05",
}  # fmt: skip

_UNSET: Final = StatusCode.UNSET
_NO_STATUS: Final = b"\x7a\x00"  # a Status is written although it is empty
_CODES: Final = {StatusCode.UNSET: b"", StatusCode.OK: b"\x18\x01", StatusCode.ERROR: b"\x18\x02"}

# SpanFlags: 0x100, it is known whether the parent is remote; 0x200, it is. A fixed32, in fields 16 and 6.
_LOCAL: Final = b"\x85\x01\x00\x01\x00\x00"
_REMOTE: Final = b"\x85\x01\x00\x03\x00\x00"
_LOCAL_LINK: Final = b"\x35\x00\x01\x00\x00"
_REMOTE_LINK: Final = b"\x35\x00\x03\x00\x00"


def span_bytes(span: ReadableSpan) -> bytes:
    """A serialized Span, the library's own to the byte. Raises anything for what is not known here exactly."""
    context, parent = span.get_span_context(), span.parent
    if context is None:
        raise Unsure("context")
    start, end, kind = span.start_time, span.end_time, span.kind
    if not start or not end:
        raise Unsure("time")  # zero is not written, and nothing that happens has it
    parts = [
        _ids(context),
        _state(context.trace_state),
        b"\x22\x08" + int.to_bytes(parent.span_id, 8, "big") if parent else b"",
        _text(b"\x2a", span.name),
        _KIND_OF_INTERNAL if kind is _INTERNAL else _KINDS[kind],
        _TIMES(b"\x39", start, b"\x41", end),
        attribute_bytes(b"\x4a", span.attributes),
        _count(b"\x50", span.dropped_attributes),
        _events(span.events),
        _count(b"\x60", span.dropped_events),
        _links(span.links),
        _count(b"\x70", span.dropped_links),
        _status(span.status),
        _REMOTE if parent and parent.is_remote else _LOCAL,
    ]
    return b"".join(parts)


def _ids(context: SpanContext) -> bytes:
    """trace_id and span_id: fields 1 and 2, of a Span and of a Link."""
    trace, span = int.to_bytes(context.trace_id, 16, "big"), int.to_bytes(context.span_id, 8, "big")
    return b"\x0a\x10" + trace + b"\x12\x08" + span


def _state(state: TraceState | None) -> bytes:
    return _text(b"\x1a", ",".join([f"{key}={value}" for key, value in state.items()])) if state else b""


def _text(tag: bytes, text: str) -> bytes:
    if type(text) is not str:
        raise Unsure("text")
    return frame(tag, text.encode()) if text else b""


def _count(tag: bytes, count: int) -> bytes:
    """An uint32, not written where it is zero."""
    if count == 0:
        return b""
    if type(count) is not int or not 0 < count < 1 << 32:
        raise Unsure("count")
    return tag + varint(count)


def _events(events: Sequence[Event]) -> bytes:
    return b"".join([frame(b"\x5a", _event(event)) for event in events]) if events else b""


def _event(event: Event) -> bytes:
    if not event.timestamp:
        raise Unsure("time")
    head = _TIME(b"\x09", event.timestamp) + _text(b"\x12", event.name)
    return head + attribute_bytes(b"\x1a", event.attributes) + _count(b"\x20", event.dropped_attributes)


def _links(links: Sequence[Link]) -> bytes:
    return b"".join([frame(b"\x6a", _link(link)) for link in links]) if links else b""


def _link(link: Link) -> bytes:
    """Without its trace_state, which the library does not write either."""
    attributes = attribute_bytes(b"\x22", link.attributes) + _count(b"\x28", link.dropped_attributes)
    return _ids(link.context) + attributes + (_REMOTE_LINK if link.context.is_remote else _LOCAL_LINK)


def _status(status: Status) -> bytes:
    code, description = status.status_code, status.description
    if description is None:
        return _NO_STATUS if code is _UNSET else frame(b"\x7a", _CODES[code])
    return frame(b"\x7a", _text(b"\x12", description) + _CODES[code])
