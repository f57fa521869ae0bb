"""OTLP requests as an LLM agent posts them: ten attributes a span, and text that compresses like text."""

import random
from pathlib import Path
from typing import Final

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bench.prose import prose, vocabulary

SEED: Final = 20  # the same bodies in every run
# gzip looks back 32 KiB, and a batch is 2,000 spans: a body that came again within either would compress to nothing.
DISTINCT_SPANS: Final = 4000
DISTINCT_BYTES: Final = 8 << 20  # enough where spans are large


class Shape(msgspec.Struct, frozen=True):
    """What one request holds. span_bytes: of one encoded span; the resource around them is 79 bytes more."""

    name: str
    spans: int
    span_bytes: int


SHAPES: Final = (
    Shape("1x436", 1, 355),
    Shape("10x365", 10, 355),
    Shape("100x358", 100, 355),
    Shape("100x4.4K", 100, 4400),
)


def bodies(shape: Shape) -> list[bytes]:
    """Encoded requests, all different."""
    chance = random.Random(SEED)
    words = vocabulary(chance)
    requests = min(DISTINCT_SPANS, DISTINCT_BYTES // shape.span_bytes) // shape.spans
    return [_request(chance, words, shape) for _ in range(requests)]


def write(shape: Shape, path: Path) -> None:
    """Put the bodies where a generator can read them."""
    path.write_bytes(msgspec.msgpack.encode(bodies(shape)))


def one_span(trace_id: bytes) -> bytes:
    """A request of one small span that can be told apart by its trace_id."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(
        trace_id=trace_id, span_id=trace_id[:8], name="probe", start_time_unix_nano=1, end_time_unix_nano=2
    )
    return request.SerializeToString()


def _request(chance: random.Random, words: list[str], shape: Shape) -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.append(_text("service.name", "support-agent"))
    scope = resource.scope_spans.add()
    scope.scope.name, scope.scope.version = "openinference.instrumentation", "0.1.30"
    trace_id = chance.randbytes(16)
    for _ in range(shape.spans):
        scope.spans.append(_span(chance, words, trace_id, shape.span_bytes))
    return request.SerializeToString()


def _span(chance: random.Random, words: list[str], trace_id: bytes, size: int) -> Span:
    start = 1_790_000_000_000_000_000 + chance.randrange(10**12)
    span = Span(
        trace_id=trace_id,
        span_id=chance.randbytes(8),
        parent_span_id=chance.randbytes(8),
        name=f"chat {chance.choice(words)}",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=start,
        end_time_unix_nano=start + chance.randrange(10**10),
        flags=256,
    )
    span.attributes.extend(
        [
            _text("llm.model", "large-2"),
            _number("llm.tokens.in", chance.randrange(9000)),
            _number("llm.tokens.out", chance.randrange(900)),
            _number("llm.seed", chance.randrange(2**31)),
            _text("session.id", chance.randbytes(4).hex()),
            _text("user.id", chance.choice(words)),
            _text("tool", chance.choice(words)),
            _number("step", chance.randrange(40)),
            _text("role", "assistant"),
        ]
    )
    span.attributes.append(_text("output", prose(chance, words, size - span.ByteSize() - 16)))
    return span


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _number(key: str, value: int) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(int_value=value))
