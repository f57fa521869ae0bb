"""What costs spans with the SDK's own exporter, and costs none here."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import TracerProvider
from tests.client.otel.scripted import Post, Reply, Scripted, take
from tests.e2e.otel_spans import names_in

from inspan.otel import SpanProcessor

NAMES = [f"{number:02}" for number in range(40)]


@contextmanager
def traced(socket: Path) -> Iterator[SpanProcessor]:
    """A processor that was given a span of each name."""
    processor = SpanProcessor(socket=socket)
    made = TracerProvider()
    made.add_span_processor(processor)
    for name in NAMES:
        made.get_tracer("t").start_span(name).end()
    yield processor
    made.shutdown()


def names(sidecar: Scripted) -> list[str]:
    return [name for _, _, name in names_in(sidecar.taken.values())]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500),
        Reply(503),
        Reply(503, {"Retry-After": "60"}),
        Reply(429, {"Retry-After": "1"}),
        Reply(408),
        Reply(404),
        Reply(301, {"Location": "http://elsewhere"}),
    ],
    ids=lambda reply: f"{reply.status} {''.join(reply.headers.values())}".strip(),
)
def test_a_sidecar_that_takes_nothing_for_a_while_costs_no_span(socket: Path, reply: Reply) -> None:
    with Scripted(socket, lambda post: reply if post.turn < 2 else take(post)) as sidecar, traced(socket) as processor:
        while len(sidecar.posts) < 3:
            processor.force_flush(50)
        assert processor.force_flush()
        assert names(sidecar) == NAMES
        assert len({post.key for post in sidecar.posts[:3]}) == 1
        stats = processor.client.stats()
    assert (stats.recorded, stats.accepted, sum(stats.dropped.values())) == (len(NAMES), len(NAMES), 0)


def test_a_sidecar_that_comes_late_has_them_all(socket: Path) -> None:
    with traced(socket) as processor:
        assert not processor.force_flush(50)
        with Scripted(socket) as sidecar:
            assert processor.force_flush()
            assert names(sidecar) == NAMES
            assert processor.client.close()


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_span_that_is_refused_costs_none_of_its_neighbours(socket: Path, status: int, rng: random.Random) -> None:
    bad = set(rng.sample(NAMES, rng.randint(1, 5)))

    def script(post: Post) -> Reply:
        here = {name for _, _, name in names_in([post.body])}
        return Reply(status, {}, b"not these") if here & bad else take(post)

    with Scripted(socket, script) as sidecar, traced(socket) as processor:
        processor.force_flush()
        stats = processor.client.stats()
        assert names(sidecar) == [name for name in NAMES if name not in bad]
    assert (stats.recorded, stats.dropped["refused"], stats.queued, stats.in_flight) == (len(NAMES), len(bad), 0, 0)


def test_what_a_partial_success_says_is_counted(socket: Path) -> None:
    said = ExportTraceServiceResponse()
    said.partial_success.rejected_spans = 3
    reply = Reply(200, {}, said.SerializeToString())
    with Scripted(socket, lambda _: reply), traced(socket) as processor:
        assert not processor.force_flush()
        stats = processor.client.stats()
    posts = stats.posts
    assert (stats.dropped["refused"], stats.accepted) == (3 * posts, len(NAMES) - 3 * posts)
