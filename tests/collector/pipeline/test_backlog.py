"""What is on disk alone: in which order, and beside what, it comes back; and what goes there."""

import asyncio
import random
from typing import Any

import pytest
from tests.collector.pipeline.disk import ModelDisk
from tests.collector.pipeline.rig import Rig
from tests.collector.pipeline.upstream import Upstream, at_most, ids, otlp_spans, poison
from tests.virtual_time import run

from inspan_collector.errors import Later
from inspan_collector.formats import FORMATS, Format
from inspan_collector.pledge import Pledge
from inspan_collector.receipt import Receipt
from inspan_collector.row import Row, Trouble

SMALL: dict[str, Any] = {"batch": {"max_spans": 5}, "concurrency": 1}


def disk(rows: int = 0, spans: int = 1) -> ModelDisk:
    """With rows of spans 1, 2, … on it."""
    numbers = iter(range(1, rows * spans + 1))
    bodies = [otlp_spans([next(numbers) for _ in range(spans)]) for _ in range(rows)]
    found = {seq: Row(seq, "up", "otlp_protobuf", spans, 1e9 - 60, "pid 7", body) for seq, body in enumerate(bodies, 1)}
    return ModelDisk(random.Random(0), found, rows + 1)


def refuse(upstream: Upstream, found: list[int]) -> None:
    raise Later("503")


class SlowWithTheOld(Upstream):
    """Takes a minute for what was on disk."""

    async def send(self, format: Format, payload: bytes, spans: int) -> Receipt:
        self.delay = 60.0 if ids(format.name, payload)[0] < 1_000_000 else 0.01
        return await super().send(format, payload, spans)


def fresh(rig: Rig) -> None:
    """Spans that are posted from now on have numbers from a million on."""
    rig.numbers = iter(range(1_000_000, 2_000_000))


def test_rows_come_back_in_the_order_of_their_seqs_and_are_erased() -> None:
    async def main() -> None:
        upstream, rows = Upstream(), disk(300, spans=10)
        rig = Rig(upstream, disk=rows, concurrency=1)
        assert rig.books() == {"recovered": 3000, "spooled": 3000}
        await asyncio.sleep(10.0)
        assert upstream.taken == list(range(1, 3001))
        assert rig.books() == {"recovered": 3000, "delivered": 3000}
        assert rows.rows == {}
        await rig.drained()

    run(main())


@pytest.mark.parametrize(("share", "low", "high"), [("25%", 0.2, 0.3), ("50%", 0.45, 0.55), ("10%", 0.07, 0.13)])
def test_the_backlog_has_its_share_of_the_batches_while_fresh_spans_wait(share: str, low: float, high: float) -> None:
    async def main() -> None:
        upstream = Upstream(delay=0.1)
        batch = {"max_spans": 10, "linger": 0.0}
        rows = disk(5000)
        rows.delays = [0.002]
        rig = Rig(upstream, disk=rows, spool={"recovery_share": share}, concurrency=4, batch=batch)
        fresh(rig)
        for _ in range(200):
            for _ in range(10):
                rig.post(10)
            await asyncio.sleep(0.1)
        old = sum(found[0] < 1_000_000 for found in upstream.requests)
        assert low <= old / len(upstream.requests) <= high
        await rig.drained()

    run(main())


@pytest.mark.parametrize("concurrency", [2, 8])
def test_a_slot_is_left_to_fresh_spans_however_long_the_old_ones_take(concurrency: int) -> None:
    async def main() -> None:
        upstream = SlowWithTheOld()
        batch = {"max_spans": 10, "linger": 0.0}
        rig = Rig(upstream, disk=disk(5000), concurrency=concurrency, batch=batch, timeout=100.0)
        await asyncio.sleep(1.0)
        fresh(rig)
        for number in range(1, 6):
            rig.post()
            await asyncio.sleep(0.5)
            assert sum(taken >= 1_000_000 for taken in upstream.taken) == number
        await rig.drained(deadline=0.0)

    run(main())


def test_a_row_that_is_cut_is_on_disk_as_its_parts() -> None:
    async def main() -> None:
        upstream, rows = Upstream(poison(3)), disk(1, spans=8)
        rig = Rig(upstream, disk=rows)
        await asyncio.sleep(300.0)
        assert rig.books() == {"recovered": 8, "delivered": 7, "quarantined": 1}
        assert rows.rows == {}
        await rig.drained()

    run(main())


def test_what_an_upstream_takes_at_most_holds_for_what_comes_from_disk() -> None:
    async def main() -> None:
        upstream, rows = Upstream(at_most(3)), disk(4, spans=50)
        rig = Rig(upstream, disk=rows)
        await asyncio.sleep(600.0)
        assert rig.books() == {"recovered": 200, "delivered": 200}
        await rig.drained()

    run(main())


def test_memory_over_its_threshold_goes_to_disk_oldest_first() -> None:
    async def main() -> None:
        rows = disk()
        queue = {"max_spans": 100}
        rig = Rig(Upstream(refuse), disk=rows, spool={"threshold": "50%"}, queue=queue, batch={"max_spans": 5})
        for _ in range(200):
            assert rig.post()
            await asyncio.sleep(0.5)
        queue_held = rig.destination.queue.held_spans
        assert queue_held <= 52
        assert rig.books()["spooled"] == 200 - queue_held
        kept = sorted(rows.rows)
        assert kept == list(range(kept[0], kept[0] + len(kept)))
        await rig.drained(deadline=0.0)

    run(main())


def test_a_flow_of_durable_posts_does_not_keep_the_others_in_memory() -> None:
    async def main() -> None:
        rows = disk()
        rig = Rig(Upstream(refuse), disk=rows, spool={"threshold": "20%"}, queue={"max_spans": 100}, **SMALL)
        kept: list[bool] = []
        for number in range(400):
            body = otlp_spans([10_000 + number])
            scan = FORMATS["otlp_protobuf"].scan(body)
            pledge = Pledge(kept.append) if number % 2 else None
            assert rig.memory.reserve(len(body))
            assert rig.intake.offer("otlp_protobuf", body, scan, "agent", len(body), pledge) is None
            rig.accepted += 1
            if pledge is not None:
                pledge.close()
            await asyncio.sleep(0.05)
        await asyncio.sleep(2.0)
        assert kept == [True] * 200
        assert rig.destination.queue.held_spans <= 25
        await rig.drained(deadline=0.0)

    run(main())


def test_a_gate_that_stays_shut_empties_memory_and_one_that_opens_brings_all_back() -> None:
    async def main() -> None:
        upstream = Upstream(refuse)
        rig = Rig(upstream, disk=disk(), spool={"spill_after": "30s"}, batch={"max_spans": 5}, concurrency=2)
        for _ in range(50):
            rig.post()
        await asyncio.sleep(25.0)
        assert "spooled" not in rig.books()
        await asyncio.sleep(10.0)
        assert rig.books()["spooled"] == 50 - rig.books()["in_flight"]
        rig.post()
        await asyncio.sleep(1.5)
        assert "queued" not in rig.books()
        upstream.rules.clear()
        await asyncio.sleep(60.0)
        assert rig.books() == {"enqueued": 51, "delivered": 51}
        await rig.drained()

    run(main())


@pytest.mark.parametrize(("lifetime", "left"), [("persistent", True), ("pod", False), ("container", False)])
def test_a_drain_sends_from_disk_too_where_the_volume_goes_with_us(lifetime: str, left: bool) -> None:
    async def main() -> None:
        rig = Rig(Upstream(), disk=disk(5000), spool={"lifetime": lifetime}, batch={"max_spans": 10}, concurrency=1)
        books = await rig.drained()
        assert (books.get("spooled", 0) > 4900) == left

    run(main())


def test_a_full_spool_leaves_the_rest_in_memory_and_then_with_the_agents() -> None:
    async def main() -> None:
        rows = disk()
        rows.max_size = 30 * 250
        rig = Rig(
            Upstream(refuse), disk=rows, spool={"threshold": "50%"}, queue={"max_spans": 100}, batch={"max_spans": 5}
        )
        taken = 0
        for _ in range(300):
            taken += rig.post()
            await asyncio.sleep(0.5)
        assert 105 <= taken <= 175
        assert "dropped_spool_full" not in rig.books()
        await rig.drained(deadline=0.0)

    run(main())


def test_a_full_spool_gives_way_to_fresh_spans_where_the_oldest_may_be_dropped() -> None:
    async def main() -> None:
        rows = disk()
        rows.max_size = 50 * 250
        queue: dict[str, Any] = {"max_spans": 100, "when_full": "drop_oldest"}
        rig = Rig(Upstream(refuse), disk=rows, spool={"threshold": "30%", "max_bytes": "100KiB"}, queue=queue, **SMALL)
        for _ in range(400):
            assert rig.post()
            await asyncio.sleep(0.5)
        assert rig.books()["dropped_spool_full"] > 200
        assert rig.books().get("dropped_queue_full", 0) < 50
        await rig.drained(deadline=0.0)

    run(main())


def test_rows_that_are_gone_from_under_our_hands_are_counted() -> None:
    async def main() -> None:
        rows = disk(20)
        rig = Rig(Upstream(refuse), disk=rows, batch={"max_spans": 5}, concurrency=1)
        await asyncio.sleep(1.0)
        for seq in [seq for seq in rows.rows if seq not in rig.pipeline.backlog.share.attached]:
            del rows.rows[seq]
        rig.destination.exporter.rules.clear()  # type: ignore[attr-defined]
        await asyncio.sleep(60.0)
        assert rig.books()["dropped_spool_corrupt"] + rig.books()["delivered"] == 20
        assert rig.pipeline.imbalance() == 0
        await rig.drained()

    run(main())


def test_a_disk_in_trouble_stops_nothing_but_its_own_rows() -> None:
    async def main() -> None:
        upstream, rows = Upstream(), disk(20)
        rows.broken = Trouble("io", "broken")
        rig = Rig(upstream, disk=rows, spool={"mode": "always"})
        fresh(rig)
        for _ in range(20):
            rig.post()
            await asyncio.sleep(0.5)
        assert sum(number >= 1_000_000 for number in upstream.taken) >= 19
        rows.broken = None
        await asyncio.sleep(10.0)
        assert rig.books() == {"recovered": 20, "enqueued": 20, "delivered": 40}
        await rig.drained()

    run(main())
