"""One span with everything that a span may carry, on which our encoder and the library's must agree."""

from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

_ATTRIBUTES: Final = {
    "text": "naïve ☃", "flag": True, "int": -1, "float": 0.5, "bytes": b"\x00", "list": ["a", ""],
    "mapping": {"k": 1},
}  # fmt: skip


def specimen() -> ReadableSpan:
    """Made anew: it is needed once in a process."""
    parent = SpanContext(1, 2, True, TraceFlags(1), TraceState([("vendor", "a:1"), ("other", "b")]))
    return ReadableSpan(
        name="specimen",
        context=SpanContext(1, 3, False, parent.trace_flags, parent.trace_state),
        parent=parent,
        resource=Resource({}),
        attributes=_ATTRIBUTES,  # type: ignore[arg-type]  # older SDKs allow less in their types, and encode it all the same
        events=[Event("event", _ATTRIBUTES, 1), Event("", None, 2)],  # type: ignore[arg-type]
        links=[Link(parent, _ATTRIBUTES), Link(SpanContext(4, 5, False))],  # type: ignore[arg-type]
        kind=SpanKind.CLIENT,
        status=Status(StatusCode.ERROR, "why"),
        start_time=1,
        end_time=2,
    )
