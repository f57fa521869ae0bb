"""A span of our JSON, and what opentelemetry-proto reads of its translation."""

import json
from typing import Any

from msgspec import Raw
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from inspan_collector import translate

TIMES = {"start_timestamp": "2026-01-01T00:00:00Z", "end_timestamp": "2026-01-01T00:00:01Z"}
MINIMAL = {"id": "s1", "trace_id": "t1", **TIMES}


def text(**members: Any) -> bytes:
    """A minimal span with these members besides, as JSON."""
    return json.dumps({**MINIMAL, **members}).encode()


def decoded(*spans: bytes) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest.FromString(translate.request([Raw(span) for span in spans]))


def all_spans(request: ExportTraceServiceRequest) -> list[Span]:
    return [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]


def one(**members: Any) -> Span:
    """The translation of a minimal span with these members."""
    (span,) = all_spans(decoded(text(**members)))
    return span


def value(held: AnyValue) -> str | int:
    found: str | int = getattr(held, str(held.WhichOneof("value")))
    return found


def attributes(holder: Any) -> dict[str, str | int]:
    """By key; a key that comes twice would be an error upstream."""
    found = {each.key: value(each.value) for each in holder.attributes}
    assert len(found) == len(holder.attributes)
    return found
