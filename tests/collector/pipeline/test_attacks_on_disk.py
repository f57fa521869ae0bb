"""Attacks on the order of events between loop and disk: each test is one way in which a promise could break."""

import asyncio
import random
from typing import Any

from tests.collector.pipeline.disk import ModelDisk
from tests.collector.pipeline.rig import EPOCH, Rig
from tests.collector.pipeline.upstream import Upserting, Upstream, json_spans, otlp_spans
from tests.virtual_time import run

from inspan_collector.errors import Later
from inspan_collector.formats import FORMATS, span_json
from inspan_collector.pipeline.bequest import Former
from inspan_collector.pledge import Pledge
from inspan_collector.row import ROW, Refused, Row, Trouble

SGP = {"kind": "sgp", "url": "http://up.example"}


class Disk(ModelDisk):
    """hung: a write or a question is not answered. max_bytes: as spool.max_bytes, with what is on its way."""

    def __init__(self, rows: dict[int, Row] | None = None, max_bytes: int = 1 << 40) -> None:
        super().__init__(random.Random(0), rows, first=1 << 30)
        self.hung = False
        self.max_bytes = max_bytes
        self.given = 0
        self.largest = 0  # bytes of one write

    def has_room(self, destination: str, size: int) -> bool:
        return self.given + size <= self.max_bytes

    def write(self, write: Any) -> None:
        size = sum(row.size for row in write.put)
        self.given += size
        self.largest = max(self.largest, size)
        super().write(write)

    def _work(self) -> None:
        if not self.hung:
            super()._work()


def rows_of(numbers: range, *, arrived: float = EPOCH) -> dict[int, Row]:
    """Ended copies, as a former life left them."""
    rows = {}
    for number in numbers:
        body = json_spans([number])[1:-1]
        rows[number] = Row(number, "up", "span_json", 1, arrived, "a", body, span_json.fingerprint(f"t\0{number}"))
    return rows


def chunks_of(numbers: range, *, arrived: float = EPOCH) -> dict[int, Row]:
    return {n: Row(n, "up", "otlp_protobuf", 1, arrived, "a", otlp_spans([n])) for n in numbers}


def shut(_: Upstream, ids: list[int]) -> None:
    raise Later("down")


async def ended(rig: Rig) -> bool:
    """Whether the pipeline ends within a minute of its deadline."""
    rig.pipeline.drain()
    await asyncio.sleep(1.0)
    rig.pipeline.abandon()
    await asyncio.wait({rig.running}, timeout=60.0)
    return rig.running.done()


def test_a_drain_ends_at_its_deadline_where_the_disk_does_not_answer_a_claim() -> None:
    async def main() -> None:
        disk = Disk(rows_of(range(1, 4)))
        rig = Rig(Upserting(), disk=disk, spool={"recovery_share": "1%"}, batch={"linger": 0.0}, **SGP)
        disk.hung = True
        rig.post(format="span_json", body=json_spans([100]))
        await asyncio.sleep(0.5)
        assert rig.pipeline.deliveries, "a claim is under way"
        assert await ended(rig)

    run(main())


def test_a_drain_ends_at_its_deadline_where_a_read_has_only_just_begun() -> None:
    async def main() -> None:
        rig = Rig(Upstream(), disk=Disk(chunks_of(range(1, 4))))
        rig.pipeline._start()  # as `run` does: the task is made, and has not had its first turn
        assert rig.pipeline.reading is not None
        rig.pipeline.drain()
        rig.pipeline.abandon()
        await asyncio.wait({rig.running}, timeout=60.0)
        assert rig.running.done()

    run(main())


def test_what_is_fresh_is_sent_while_the_disk_is_still_being_opened() -> None:
    async def main() -> None:
        disk = Disk()
        disk.hung = True
        upstream = Upserting()
        rig = Rig(upstream, disk=disk, **SGP)
        backlog = rig.pipeline.backlog
        assert backlog is not None
        backlog.lost()
        backlog.inherit(Former(held=5))
        rig.post(format="span_json", body=json_spans([100]))
        await asyncio.sleep(60.0)
        assert upstream.taken == [100]

    run(main())


def test_rows_of_a_destination_that_has_become_another_kind_get_a_fate() -> None:
    async def main() -> None:
        upstream = Upserting()
        rig = Rig(upstream, disk=Disk(chunks_of(range(1, 4))), **SGP)
        reads = 0
        read = rig.pipeline.backlog.read  # type: ignore[union-attr]

        async def counted() -> Any:
            nonlocal reads
            reads += 1
            if reads > 50:
                rig.pipeline.backlog.held_back = True  # type: ignore[union-attr]
            return await read()

        rig.pipeline.backlog.read = counted  # type: ignore[union-attr, method-assign]
        await asyncio.sleep(60.0)
        assert reads <= 50, "the same page is read again and again"
        assert rig.books().get("spooled", 0) == 0

    run(main())


def test_the_end_writes_as_much_as_the_spool_has_room_for() -> None:
    async def main() -> None:
        size = len(otlp_spans([1])) + ROW
        disk = Disk(max_bytes=90 * size)
        rig = Rig(Upstream(shut), disk=disk, spool={"threshold": "100%"})
        for _ in range(100):
            rig.post()
        rig.pipeline.write_all()
        await asyncio.sleep(1.0)
        rig.pipeline.abandon()
        await rig.running
        assert len(disk.rows) >= 80, rig.books()

    run(main())


def test_the_end_is_written_in_pieces_that_a_kill_can_fall_between() -> None:
    async def main() -> None:
        disk = Disk()
        rig = Rig(Upstream(shut), disk=disk, spool={"threshold": "100%"}, queue={"max_bytes": "64MiB"})
        for number in range(1, 60):
            rig.post(body=otlp_spans(range(number * 5000, number * 5000 + 5000), b"x" * 80))
        rig.pipeline.write_all()
        rig.pipeline.abandon()
        await rig.running
        assert disk.largest <= 16 << 20, disk.largest

    run(main())


def test_a_post_whose_pledge_is_broken_is_not_known_as_durable_in_the_next_life() -> None:
    """One destination's part is on disk, the other's is not."""

    async def main() -> None:
        told: list[bool] = []
        first, second = Disk(), Disk(max_bytes=0)
        posts: list[Any] = []
        write = first.write
        first.write = lambda each: (posts.extend(each.posts), write(each))[1]  # type: ignore[method-assign, func-returns-value]
        one, other = Rig(Upstream(shut), disk=first), Rig(Upstream(shut), disk=second)
        pledge = Pledge(told.append, (b"agent", b"1"))
        for rig in (one, other):
            rig.memory.reserve(100)
            body = otlp_spans([1])
            rig.intake.offer("otlp_protobuf", body, FORMATS["otlp_protobuf"].scan(body), "a", 100, pledge)
        pledge.close()
        await asyncio.sleep(1.0)
        assert told == [False]
        assert not posts, "the post is remembered as durable, and half of it is not"
        one.crash()
        other.crash()

    run(main())


def test_what_is_durable_makes_room_by_leaving_memory_and_not_by_being_dropped() -> None:
    async def main() -> None:
        disk = Disk()
        rig = Rig(
            Upstream(shut),
            disk=disk,
            spool={"mode": "always", "threshold": "100%"},
            queue={"max_spans": 10, "when_full": "drop_oldest"},
            batch={"max_spans": 5},
        )
        for _ in range(30):
            rig.post()
            await asyncio.sleep(1.0)  # durable by now
        rig.crash()
        assert rig.books().get("dropped_queue_full", 0) == 0, rig.books()

    run(main())


def test_a_row_that_a_damaged_disk_lost_before_it_was_replaced_is_not_counted_as_lost_spans() -> None:
    async def main() -> None:
        disk = Disk()
        rig = Rig(Upserting(shut), disk=disk, spool={"mode": "always"}, **SGP)
        backlog = rig.pipeline.backlog
        assert backlog is not None
        start = b'[{"id":"1","trace_id":"t","name":"n"}]'
        rig.post(format="span_json", body=start)
        await asyncio.sleep(0.5)
        assert len(disk.rows) == 1
        disk.broken = Trouble("corrupt", "damaged")
        rig.post(format="span_json", body=json_spans([1]))  # its row takes the place of the start's
        await asyncio.sleep(1.0)
        backlog.lost()
        disk.rows.clear()  # nothing could be salvaged
        disk.broken = None
        watched = backlog.share.watched()
        backlog.share.retry()  # as when it is opened
        await asyncio.sleep(1.0)
        backlog.share.missing(watched, disk.present(watched))
        backlog.found(disk.store.total(), {}, salvaged=True)
        await asyncio.sleep(1.0)
        rig.crash()
        assert rig.pipeline.imbalance() == 0
        assert rig.books().get("dropped_spool_corrupt", 0) == 0, rig.books()

    run(main())


def test_a_copy_that_was_spooled_late_does_not_expire_with_one_that_was_spooled_early() -> None:
    async def main() -> None:
        upstream = Upserting()
        rows = rows_of(range(1, 2), arrived=EPOCH - 3601) | rows_of(range(2, 11), arrived=EPOCH - 5)
        rig = Rig(upstream, disk=Disk(rows), queue={"max_age": "1h"}, **SGP)
        await asyncio.sleep(10.0)
        assert len(upstream.taken) >= 9, rig.books()

    run(main())


def test_chunks_that_were_spooled_late_do_not_expire_with_one_that_was_spooled_early() -> None:
    async def main() -> None:
        upstream = Upstream()
        rows = chunks_of(range(1, 2), arrived=EPOCH - 3601) | chunks_of(range(2, 11), arrived=EPOCH - 5)
        rig = Rig(upstream, disk=Disk(rows), queue={"max_age": "1h"})
        await asyncio.sleep(10.0)
        assert len(upstream.taken) >= 9, rig.books()

    run(main())


def test_a_spool_that_was_full_once_does_not_cost_rows_when_it_has_room_again() -> None:
    async def main() -> None:
        disk = Disk(max_bytes=0)
        upstream = Upstream(shut)
        rig = Rig(
            upstream,
            disk=disk,
            spool={"threshold": "10%", "spill_after": "1h"},
            queue={"max_spans": 100, "when_full": "drop_oldest"},
            batch={"max_spans": 5},
        )
        for _ in range(50):
            rig.post()
        await asyncio.sleep(5.0)
        disk.max_bytes = 1 << 30  # another destination's backlog has gone
        rig.post()
        await asyncio.sleep(30.0)
        rig.crash()
        assert rig.books().get("dropped_spool_full", 0) == 0, rig.books()

    run(main())


def test_what_leaves_quarantine_is_on_disk_or_stays() -> None:
    async def main() -> None:
        disk = Disk(max_bytes=0)
        rig = Rig(Upstream(shut), disk=disk)
        refused = Refused("up", EPOCH, 400, "no", "otlp_protobuf", 1, otlp_spans([7]), "a", 3)
        assert rig.destination.again([refused]) == [] or disk.rows

    run(main())


def test_the_keys_that_were_sent_unseen_are_forgotten_when_nothing_is_on_disk() -> None:
    async def main() -> None:
        disk = Disk(rows_of(range(1, 2)))
        rig = Rig(Upserting(), disk=disk, **SGP)
        backlog = rig.pipeline.backlog
        assert backlog is not None
        disk.broken = Trouble("io", "broken")
        rig.post(format="span_json", body=json_spans([100]))
        await asyncio.sleep(5.0)
        disk.broken = None
        await asyncio.sleep(60.0)
        share = backlog.share
        assert not disk.rows
        assert (backlog.unclaimed, share.stands, share.attached, share.owed, share.origins, share.unwritten) == (
            {},
            {},
            {},
            {},
            {},
            set(),
        )

    run(main())


def test_two_questions_are_never_under_way_at_once() -> None:
    async def main() -> None:
        disk = Disk(rows_of(range(1, 40)))
        rig = Rig(Upserting(), disk=disk, **SGP)
        backlog = rig.pipeline.backlog
        assert backlog is not None
        backlog.unclaimed = {span_json.fingerprint("t\x0039"): (True, 1 << 40)}
        chore = backlog.chore()
        assert chore is not None
        begun: list[bool] = []
        begin = backlog.begin

        def counted() -> None:
            begun.append(backlog.asking)
            begin()

        backlog.begin = counted  # type: ignore[method-assign]
        task = asyncio.create_task(chore)
        rig.pipeline._start()  # in the same turn of the loop
        await task
        await asyncio.sleep(5.0)
        assert not any(begun)

    run(main())


def test_a_pledge_is_not_kept_for_spans_that_were_dropped_before_they_were_durable() -> None:
    async def main() -> None:
        told: list[bool] = []
        disk = Disk()
        disk.hung = True
        rig = Rig(
            Upstream(shut), disk=disk, queue={"max_spans": 10, "when_full": "drop_oldest"}, batch={"max_spans": 5}
        )
        rig.destination.queue.wake = lambda: None  # they wait, as they do at a busy upstream
        pledge = Pledge(told.append, (b"agent", b"1"))
        body = otlp_spans([1])
        assert rig.memory.reserve(len(body))
        rig.intake.offer("otlp_protobuf", body, FORMATS["otlp_protobuf"].scan(body), "a", len(body), pledge)
        pledge.close()
        for _ in range(20):
            rig.post()
        assert rig.books()["dropped_queue_full"] > 0
        disk.hung = False
        disk._work()
        await asyncio.sleep(1.0)
        rig.crash()
        assert told == [False]

    run(main())


def test_after_a_kill_in_trouble_nothing_comes_back_that_had_its_fate() -> None:
    """Of one span a start is on disk; two later copies could not be put in its place, and the last was delivered."""

    async def main() -> None:
        disk = Disk()
        rules: list[Any] = [shut]
        upstream = Upserting(lambda up, ids: [rule(up, ids) for rule in rules] and None)  # type: ignore[func-returns-value]
        settings = {"upsert": {"hold_open": 100.0}, **SGP}
        rig = Rig(upstream, disk=disk, spool={"mode": "always"}, **settings)
        for number in range(3):
            if number == 1:
                await asyncio.sleep(0.5)
                disk.broken = Trouble("io", "broken")
            start = b'[{"id":"1","trace_id":"t","name":"%d"}]' % number
            rig.post(format="span_json", body=start)
            await asyncio.sleep(0.5)
        rules.clear()
        rig.destination.waiting.stop_holding()
        rig.pipeline.wake()
        await asyncio.sleep(30.0)
        assert upstream.taken == [1], rig.books()
        page = rig.crash()
        await asyncio.sleep(1.0)
        again = Rig(upstream, disk=Disk(disk.rows), former=page, **settings)
        await asyncio.sleep(30.0)
        assert again.books().get("recovered", 0) == page.held(), (again.books(), page.rows)

    run(main())


def test_what_is_fresh_is_sent_by_a_single_slot_while_the_disk_hangs() -> None:
    async def main() -> None:
        disk = Disk(chunks_of(range(1, 4)))
        disk.hung = True
        upstream = Upstream()
        rig = Rig(upstream, disk=disk, concurrency=1)
        await asyncio.sleep(1.0)
        rig.post(body=otlp_spans([100]))
        await asyncio.sleep(60.0)
        assert upstream.taken == [100]

    run(main())


def test_a_row_larger_than_a_batch_is_cut_before_it_is_sent() -> None:
    async def main() -> None:
        upstream = Upstream()
        row = Row(1, "up", "otlp_protobuf", 500, EPOCH, "a", otlp_spans(range(500)))
        Rig(upstream, disk=Disk({1: row}), batch={"max_spans": 100})
        await asyncio.sleep(60.0)
        assert sorted(upstream.taken) == list(range(500))
        assert max(map(len, upstream.requests)) <= 100

    run(main())


def test_a_spool_without_room_costs_an_offer_no_more_than_one_with_room() -> None:
    """Rows are made of 20,000 spans at each offer, and thrown away again."""

    async def main() -> None:
        disk = Disk(max_bytes=0)
        rig = Rig(Upserting(shut), 1 << 30, disk=disk, queue={"max_spans": 40_000}, **SGP)
        for number in range(35):
            rig.post(format="span_json", body=json_spans(range(number * 1000, number * 1000 + 1000)))
        made = 0
        wall = rig.destination.journal.wall  # type: ignore[union-attr]

        def counted(arrived: float) -> float:
            nonlocal made
            made += 1
            return wall(arrived)

        rig.destination.journal.wall = counted  # type: ignore[union-attr, method-assign]
        for number in range(100):
            rig.post(format="span_json", body=json_spans([100_000 + number]))
        rig.crash()
        assert made <= 300, f"{made} bundles made into rows by 100 offers"

    run(main())
