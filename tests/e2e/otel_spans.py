"""Spans made by the OpenTelemetry SDK, and what it means that two lists of OTLP bodies hold the same ones."""

import gzip
import random
from collections import Counter
from collections.abc import Iterable, Mapping

from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, Tracer

Spans = Counter[tuple[bytes, bytes, bytes]]
"""How often each (resource, scope, span) occurs, as deterministic protobuf."""

Name = tuple[str, str, str]
"""trace id and span id in hex, and the span's name."""


def provider(name: str, sink: SpanProcessor, **attributes: str) -> TracerProvider:
    """A provider for one service."""
    made = TracerProvider(resource=Resource.create({"service.name": name, **attributes}))
    made.add_span_processor(sink)
    return made


def make_spans(made: TracerProvider, count: int, rng: random.Random) -> None:
    """`count` spans in small traces, with everything that a span may carry."""
    tracers = [made.get_tracer("agent.llm", "1.2"), made.get_tracer("agent.tools", schema_url="https://schema/1")]
    while count > 0:
        size = min(count, rng.randint(1, 6))
        _make_trace(rng.choice(tracers), size, rng)
        count -= size


def _make_trace(tracer: Tracer, size: int, rng: random.Random) -> None:
    with tracer.start_as_current_span(f"run {size} ☃", kind=SpanKind.SERVER) as root:
        root.set_attribute("input", "naïve " * rng.randint(0, 100))
        for number in range(size - 1):
            links = [Link(root.get_span_context(), {"why": "link"})] if rng.random() < 0.5 else []
            with tracer.start_as_current_span("llm.chat", kind=SpanKind.CLIENT, links=links) as span:
                span.set_attributes({"n": number, "cost": rng.random(), "stream": True, "stops": ["a", "b"]})
                span.add_event("token", {"index": rng.randrange(1 << 40)})
                if rng.random() < 0.3:
                    span.record_exception(ValueError("no such model"))
                    span.set_status(Status(StatusCode.ERROR, "no such model"))


def plain(headers: Mapping[str, str], body: bytes) -> bytes:
    """The body as it was before the client compressed it."""
    encodings = [value for name, value in headers.items() if name.lower() == "content-encoding"]
    assert encodings in ([], ["gzip"])
    return gzip.decompress(body) if encodings else body


def spans_in(bodies: Iterable[bytes]) -> Spans:
    """What the official classes read in ExportTraceServiceRequests. Fails on a field that they do not know."""
    found: Spans = Counter()
    for body in bodies:
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                about = (_bytes(resource.resource) + resource.schema_url.encode(), _bytes(scope.scope))
                for span in scope.spans:
                    found[about[0], about[1] + scope.schema_url.encode(), _bytes(span)] += 1
    return found


def names_in(bodies: Iterable[bytes]) -> list[Name]:
    """The spans in ExportTraceServiceRequests, by what an upstream shows of them."""
    return [
        (span.trace_id.hex(), span.span_id.hex(), span.name)
        for body in bodies
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _bytes(message: Message) -> bytes:
    written: bytes = message.SerializeToString(deterministic=True)
    return written
