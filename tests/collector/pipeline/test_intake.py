"""One request, several destinations: bodies are shared, a full one refuses alone, the agent hears the best answer."""

import asyncio

from tests.collector.pipeline.rig import Rig
from tests.collector.pipeline.upstream import Upserting, Upstream, json_spans, otlp_spans
from tests.virtual_time import run

from inspan_collector.formats import FORMATS
from inspan_collector.memory import Memory
from inspan_collector.pipeline.intake import Intake

STARTED = b'[{"id":"1","trace_id":"t"},{"id":"2","trace_id":"t","end_timestamp":"2026-01-01T00:00:00Z"}]'


class Two:
    """Two destinations behind one intake."""

    def __init__(self, *rigs: Rig) -> None:
        self.rigs = rigs
        self.memory = Memory(1 << 20, 1 << 20)
        self.intake = Intake([rig.destination for rig in rigs], self.memory, asyncio.get_running_loop().time)

    def post(self, body: bytes, format: str = "otlp_protobuf") -> str | None:
        assert self.memory.reserve(len(body))
        refusal = self.intake.offer(format, body, FORMATS[format].scan(body), "agent", len(body))
        if refusal is not None:
            self.memory.release(len(body))
        return refusal

    async def drained(self) -> list[dict[str, int]]:
        for rig in self.rigs:
            rig.pipeline.drain()
        await asyncio.gather(*(rig.running for rig in self.rigs))
        assert self.memory.custody == 0
        assert all(rig.pipeline.imbalance() == 0 for rig in self.rigs)
        return [rig.books() for rig in self.rigs]


def test_a_body_is_shared_and_charged_once_until_the_last_destination_lets_go():
    async def main() -> None:
        two = Two(Rig(Upstream(delay=1.0)), Rig(Upstream(delay=5.0)))
        body = otlp_spans([1, 2, 3])
        assert two.post(body) is None
        assert two.memory.custody == len(body)
        chunks = [rig.destination.waiting.by_format["otlp_protobuf"].chunks[0] for rig in two.rigs]
        assert chunks[0].body is chunks[1].body
        await asyncio.sleep(2.0)
        assert two.memory.custody == len(body)
        await asyncio.sleep(5.0)
        assert two.memory.custody == 0
        assert await two.drained() == [{"enqueued": 3, "delivered": 3}] * 2

    run(main())


def test_a_full_destination_refuses_alone_and_its_books_say_so():
    async def main() -> None:
        two = Two(Rig(Upstream(), queue={"max_spans": 10}, batch={"max_spans": 10}), Rig(Upstream()))
        assert [two.post(otlp_spans(range(n, n + 8))) for n in (0, 8, 16)] == [None, None, None]
        assert await two.drained() == [
            {"enqueued": 24, "delivered": 8, "dropped_queue_full": 16},
            {"enqueued": 24, "delivered": 24},
        ]

    run(main())


def test_where_nobody_takes_it_the_agent_keeps_it():
    async def main() -> None:
        small = {"queue": {"max_spans": 10}, "batch": {"max_spans": 10}}
        two = Two(Rig(Upstream(), **small), Rig(Upstream(), **small))
        assert two.post(otlp_spans(range(8))) is None
        assert two.post(otlp_spans(range(8, 16))) == "queue_full"
        assert two.post(otlp_spans(range(11))) == "too_large"
        assert await two.drained() == [{"enqueued": 8, "delivered": 8}] * 2

    run(main())


def test_starts_go_only_where_they_can_be_updated():
    async def main() -> None:
        appends, upserts = Upstream(), Upserting()
        two = Two(Rig(appends), Rig(upserts))
        assert two.post(STARTED, "span_json") is None
        assert await two.drained() == [{"enqueued": 1, "delivered": 1}, {"enqueued": 2, "delivered": 2}]
        assert (appends.taken, sorted(upserts.taken)) == ([2], [1, 2])

    run(main())


def test_an_end_that_is_posted_twice_at_once_goes_once_where_it_cannot_be_updated():
    async def main() -> None:
        appends = Upstream()
        two = Two(Rig(appends))
        assert two.post(json_spans([1, 2, 2, 1, 3]), "span_json") is None
        assert await two.drained() == [{"enqueued": 5, "delivered": 3, "merged": 2}]
        assert appends.taken == [2, 1, 3]

    run(main())


def test_a_start_that_nobody_can_use_is_accepted_and_counted():
    async def main() -> None:
        appends = Upstream()
        two = Two(Rig(appends))
        assert two.post(b'[{"id":"1","trace_id":"t"}]', "span_json") is None
        assert (two.memory.custody, two.intake.unkept) == (0, 1)
        assert two.post(json_spans([2]), "span_json") is None
        assert await two.drained() == [{"enqueued": 1, "delivered": 1}]

    run(main())
