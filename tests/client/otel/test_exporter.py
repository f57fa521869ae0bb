import random
import threading
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExportResult
from tests.client.otel.odd_spans import Ended, make, provider
from tests.client.otel.scripted import Post, Reply, Scripted, take
from tests.e2e.otel_spans import names_in, spans_in

from inspan.life import LEAST_BYTES
from inspan.otel import SpanExporter

NOWHERE = Path("/nonexistent/inspan.sock")


@pytest.mark.parametrize("kind", [BatchSpanProcessor, SimpleSpanProcessor])
def test_every_span_arrives_whichever_processor_exports_it(
    kind: type[BatchSpanProcessor] | type[SimpleSpanProcessor], sidecar: Scripted, rng: random.Random
) -> None:
    exporter, ended = SpanExporter(socket=sidecar.path), Ended()
    sink: SpanProcessor = kind(exporter)
    made = provider(rng, ended, sink)
    make(made, 300, rng)
    made.shutdown()
    assert spans_in(sidecar.taken.values()) == spans_in([encode_spans(ended.spans).SerializeToString()])
    assert exporter.client.stats().accepted == 300


def test_an_export_without_a_sidecar_succeeds_since_the_spans_wait_and_fails_where_one_is_dropped(
    rng: random.Random,
) -> None:
    ended = Ended()
    make(provider(rng, ended), 100, rng)
    exporter = SpanExporter(socket=NOWHERE, max_bytes=LEAST_BYTES)
    assert exporter.export(ended.spans[:1]) is SpanExportResult.SUCCESS
    results = [exporter.export(ended.spans) for _ in range(10)]
    assert results[-1] is SpanExportResult.FAILURE
    stats = exporter.client.stats()
    assert stats.recorded == 1001
    assert stats.queued + stats.in_flight + stats.dropped["buffer_full"] == 1001
    exporter.client.close(0)
    assert exporter.export(ended.spans[:1]) is SpanExportResult.FAILURE
    assert exporter.client.stats().dropped["closed"] == 1


def test_a_flush_says_whether_the_sidecar_has_the_spans(socket: Path, rng: random.Random) -> None:
    ended = Ended()
    make(provider(rng, ended), 3, rng)
    exporter = SpanExporter(socket=socket)
    exporter.export(ended.spans)
    assert not exporter.force_flush(50)
    with Scripted(socket):
        assert exporter.force_flush()
        exporter.shutdown()


def test_exports_go_on_while_a_request_is_outstanding(socket: Path) -> None:
    answer = threading.Event()

    def script(post: Post) -> Reply:
        assert answer.wait(20)
        return take(post)

    with Scripted(socket, script) as sidecar:
        exporter = SpanExporter(socket=socket, linger=0.0)
        made = TracerProvider()
        made.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=8, max_export_batch_size=4))
        tracer = made.get_tracer("t")
        for turn in range(50):  # of which the SDK's exporter would hold up all but the first, and drop all but 12
            for number in range(4):
                tracer.start_span(f"{turn} {number}").end()
            made.force_flush()
        assert exporter.client.stats().recorded == 200
        assert len(sidecar.posts) <= 1
        answer.set()
        made.shutdown()
        assert len(names_in(sidecar.taken.values())) == 200


def test_spans_of_many_threads_arrive_once_each(sidecar: Scripted, seed: int) -> None:
    exporter, ended = SpanExporter(socket=sidecar.path), Ended()
    made = provider(random.Random(seed), ended, SimpleSpanProcessor(exporter))
    threads = [threading.Thread(target=make, args=(made, 100, random.Random(seed + number))) for number in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    made.shutdown()
    assert spans_in(sidecar.taken.values()) == spans_in([encode_spans(ended.spans).SerializeToString()])
    assert exporter.client.stats().accepted == 600
