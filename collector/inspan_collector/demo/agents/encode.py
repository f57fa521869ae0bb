"""The two bodies that the plain agent posts. OTLP by hand: the few fields that a span has to have.

Source: opentelemetry-proto, trace/v1/trace.proto; protobuf's encoding specification.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from inspan_collector.demo.agents.story import Span
from inspan_collector.demo.agents.timeline import Copy
from inspan_collector.formats.varint import varint

LENGTH: Final = 2  # wire type of bytes, text and messages
FIXED64: Final = 1
INTERNAL: Final = b"\x30\x01"  # Span.kind = 6: SPAN_KIND_INTERNAL


def as_json(copies: Sequence[Copy]) -> bytes:
    """A JSON array, as `/v1/spans` takes it."""
    return json.dumps([_object(*copy) for copy in copies]).encode()


def _object(span: Span, ended: bool) -> dict[str, object]:
    """What is known of a span when it has ended, or at its start."""
    known: dict[str, object] = {
        "id": span.id,
        "trace_id": span.trace_id,
        "parent_id": span.parent_id,
        "name": span.name,
        "type": span.type,
        "start_timestamp": _moment(span.start),
    }
    return {**known, "end_timestamp": _moment(span.end), "output": {"text": span.text}} if ended else known


def _moment(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat()


def as_otlp(spans: Sequence[Span], service: str) -> bytes:
    """An ExportTraceServiceRequest of one resource and one scope."""
    resource = _bytes(1, _bytes(1, _attribute("service.name", service)))
    scope = _bytes(1, _bytes(1, b"inspan demo"))
    inside = scope + b"".join(_bytes(2, _span(span)) for span in spans)
    return _bytes(1, resource + _bytes(2, inside))


def _span(span: Span) -> bytes:
    parent = b"" if span.parent_id is None else _bytes(4, bytes.fromhex(span.parent_id))
    return b"".join(
        (
            _bytes(1, bytes.fromhex(span.trace_id)),
            _bytes(2, bytes.fromhex(span.id)),
            parent,
            _bytes(5, span.name.encode()),
            INTERNAL,
            _fixed(7, span.start),
            _fixed(8, span.end),
            _bytes(9, _attribute("inspan.type", span.type)),
            _bytes(9, _attribute("output.value", span.text)),
        )
    )


def _attribute(key: str, value: str) -> bytes:
    """A KeyValue whose AnyValue is a string."""
    return _bytes(1, key.encode()) + _bytes(2, _bytes(1, value.encode()))


def _bytes(number: int, body: bytes) -> bytes:
    return bytes([number << 3 | LENGTH]) + varint(len(body)) + body


def _fixed(number: int, value: int) -> bytes:
    return bytes([number << 3 | FIXED64]) + value.to_bytes(8, "little")
