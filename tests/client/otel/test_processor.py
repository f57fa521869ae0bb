import random
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from tests.client.otel.odd_spans import Ended, make, provider
from tests.client.otel.scripted import Scripted
from tests.e2e.otel_spans import names_in, spans_in

from inspan import Client
from inspan.life import LEAST_BYTES
from inspan.otel import SpanProcessor

NOWHERE = Path("/nonexistent/inspan.sock")


class RecordOnly(Sampler):
    """Spans that processors see, and nobody is to get (OpenTelemetry specification, Trace SDK, "Sampling")."""

    def should_sample(self, *_: object, **__: object) -> SamplingResult:
        return SamplingResult(Decision.RECORD_ONLY)

    def get_description(self) -> str:
        return "record only"


def names(sidecar: Scripted) -> list[str]:
    return [name for _, _, name in names_in(sidecar.taken.values())]


def test_every_span_arrives_as_the_sdk_would_have_encoded_it(sidecar: Scripted, rng: random.Random) -> None:
    processor, ended = SpanProcessor(socket=sidecar.path), Ended()
    made = provider(rng, ended, processor)
    make(made, 300, rng)
    assert made.force_flush()
    assert spans_in(sidecar.taken.values()) == spans_in([encode_spans(ended.spans).SerializeToString()])
    made.shutdown()
    stats = processor.client.stats()
    assert (stats.recorded, stats.accepted) == (300, 300)


def test_a_span_that_is_recorded_and_not_sampled_is_not_sent(sidecar: Scripted) -> None:
    processor = SpanProcessor(socket=sidecar.path)
    made = TracerProvider(sampler=RecordOnly())
    made.add_span_processor(processor)
    made.get_tracer("t").start_span("x").end()
    assert made.force_flush()
    made.shutdown()
    assert processor.client.stats().recorded == 0


def test_a_flush_without_a_sidecar_is_false_and_the_spans_wait(rng: random.Random) -> None:
    processor = SpanProcessor(socket=NOWHERE)
    made = provider(rng, processor)
    make(made, 3, rng)
    assert not made.force_flush(100)
    assert not processor.force_flush(0)
    stats = processor.client.stats()
    assert (stats.recorded, stats.queued + stats.in_flight, sum(stats.dropped.values())) == (3, 3, 0)
    processor.client.close(0)


def test_what_finds_no_room_is_the_newest_and_is_counted_exactly(socket: Path) -> None:
    processor = SpanProcessor(socket=socket, max_bytes=LEAST_BYTES)
    made = TracerProvider()
    made.add_span_processor(processor)
    for number in range(1000):
        made.get_tracer("t").start_span(f"{number:04}").end()
    kept = 1000 - processor.client.stats().dropped["buffer_full"]
    assert 0 < kept < 500
    with Scripted(socket) as sidecar:
        assert not made.force_flush(), "the newest were lost"
        assert made.force_flush(), "none since"
        assert names(sidecar) == [f"{number:04}" for number in range(kept)]
        made.shutdown()
    stats = processor.client.stats()
    assert (stats.recorded, stats.accepted) == (1000, kept)


def test_a_span_that_cannot_be_encoded_is_counted_and_costs_no_other(sidecar: Scripted) -> None:
    processor = SpanProcessor(socket=sidecar.path)
    made = TracerProvider()
    made.add_span_processor(processor)
    for name in ("before", "\ud800", "behind"):
        made.get_tracer("t").start_span(name).end()
    made.shutdown()
    assert names(sidecar) == ["before", "behind"]
    stats = processor.client.stats()
    assert (stats.recorded, stats.dropped["unencodable"]) == (3, 1)


def test_a_span_that_no_sidecar_would_take_is_counted_and_costs_no_other(sidecar: Scripted) -> None:
    processor = SpanProcessor(socket=sidecar.path, max_bytes=LEAST_BYTES)
    made = TracerProvider()
    made.add_span_processor(processor)
    for size in (1, LEAST_BYTES // 2 + 1, 1):
        made.get_tracer("t").start_span("n" * size).end()
    made.shutdown()
    assert names(sidecar) == ["n", "n"]
    stats = processor.client.stats()
    assert (stats.recorded, stats.dropped["too_large"]) == (3, 1)


def test_a_span_that_ends_after_the_shutdown_is_counted(sidecar: Scripted, rng: random.Random) -> None:
    processor = SpanProcessor(socket=sidecar.path)
    late = provider(rng, processor).get_tracer("t").start_span("late")
    processor.shutdown()
    late.end()
    stats = processor.client.stats()
    assert (stats.recorded, stats.dropped["closed"]) == (1, 1)


def test_what_could_not_be_sent_before_the_shutdown_is_counted(rng: random.Random) -> None:
    processor = SpanProcessor(socket=NOWHERE)
    made = provider(rng, processor)
    make(made, 7, rng)
    made.shutdown()
    stats = processor.client.stats()
    assert (stats.recorded, stats.dropped["exit"], stats.queued, stats.in_flight) == (7, 7, 0, 0)


def test_a_client_that_was_given_is_flushed_and_not_closed(sidecar: Scripted, rng: random.Random) -> None:
    client = Client(sidecar.path)
    for _ in range(2):
        made = provider(rng, SpanProcessor(client))
        make(made, 4, rng)
        made.shutdown()
    assert client.stats().accepted == 8
    assert client.close()


def test_a_client_and_the_arguments_of_another_contradict_each_other(sidecar: Scripted) -> None:
    client = Client(sidecar.path)
    with pytest.raises(TypeError, match="socket, linger"):
        SpanProcessor(client, socket=NOWHERE, linger=1.0)
