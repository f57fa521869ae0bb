"""Spans of the SDK with everything that one may carry, drawn by chance; and what was drawn, for comparison."""

import random
from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

TEXTS = ("", "plain", "naïve ☃ 𝄞", 'quote " slash \\ newline \n', "a" * 3000, "\0\x12\x0a")
SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class Ended(SpanProcessor):
    """Keeps what has ended, as the SDK shows it to every processor."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


def provider(rng: random.Random, *processors: SpanProcessor) -> TracerProvider:
    """One service's, with a resource of its own."""
    resource = Resource(attributes(rng) | {"service.name": rng.choice(TEXTS)}, rng.choice(("", "https://schema/1")))
    made = TracerProvider(resource=resource)
    for each in processors:
        made.add_span_processor(each)
    return made


def attributes(rng: random.Random) -> dict[str, object]:
    kinds: Sequence[object] = (
        rng.choice(TEXTS), rng.random() < 0.5, rng.randrange(-(1 << 63), 1 << 63),
        rng.random() * 10 ** rng.randint(-9, 9), rng.randbytes(5), ("a", "", "☃"),
        (1, -2), (True, False), (0.5, 1e300), (),
    )  # fmt: skip
    return {f"k{number} ☃": rng.choice(kinds) for number in range(rng.randrange(6))}


def make(made: TracerProvider, count: int, rng: random.Random) -> None:
    """`count` spans of several scopes, some below others, some below a span of elsewhere."""
    for _ in range(count):
        tracer = made.get_tracer(
            rng.choice(("llm", "tools", "☃")),
            rng.choice((None, "1.2")),
            rng.choice((None, "https://schema/2")),
            rng.choice((None, {"of": "scope"})),
        )
        context = trace.set_span_in_context(NonRecordingSpan(_elsewhere(rng))) if rng.random() < 0.5 else None
        links = [Link(_elsewhere(rng), attributes(rng)) for _ in range(rng.randrange(3))]  # type: ignore[arg-type]
        kind = rng.choice(list(SpanKind))
        start = rng.randrange(1 << 62)
        span = tracer.start_span(rng.choice(TEXTS), context, kind, attributes(rng), links, start)  # type: ignore[arg-type]
        for _ in range(rng.randrange(3)):
            span.add_event(rng.choice(TEXTS), attributes(rng), rng.randrange(1 << 62))  # type: ignore[arg-type]
        if rng.random() < 0.5:
            span.set_status(Status(rng.choice([StatusCode.OK, StatusCode.UNSET])))
        elif rng.random() < 0.5:
            span.set_status(Status(StatusCode.ERROR, rng.choice(TEXTS)))
        span.end(start + rng.randrange(1 << 40))


def _elsewhere(rng: random.Random) -> SpanContext:
    state = TraceState([("vendor", "a:1"), ("other", "b")]) if rng.random() < 0.5 else None
    return SpanContext(rng.randrange(1, 1 << 128), rng.randrange(1, 1 << 64), rng.random() < 0.5, SAMPLED, state)
