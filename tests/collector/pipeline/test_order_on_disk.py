"""Randomised runs over a spool, crashes and restarts: no copy of a span is overtaken, and the books close.

As test_order.py; what waits goes to disk and comes back, lives end by a drain or by a kill at any moment, and the disk
is in trouble now and then. Between two lives the sums are exact.
"""

import asyncio
import random

import pytest
from tests.collector.pipeline.disk import ModelDisk, ModelPage
from tests.collector.pipeline.rig import Rig
from tests.collector.pipeline.test_order import Agent, Store
from tests.virtual_time import run

from inspan_collector.formats import span_json
from inspan_collector.ledger import PLACES
from inspan_collector.row import Trouble

SEEDS = 150
LOST = ("dropped_crash", "dropped_queue_full", "dropped_shutdown", "dropped_spool_corrupt", "dropped_spool_full")


class Lives:
    """One upstream and one disk, and a sidecar that ends again and again."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.upstream = Store(rng)
        self.rows: dict[int, object] = {}
        self.next = 1
        self.page: ModelPage | None = None
        self.numbers = 1
        self.books: list[dict[str, int]] = []
        self.again = 0
        self.spool = {
            "mode": rng.choice(["always", "overflow"]),
            "threshold": rng.choice(["50%", "10%", "100%"]),
            "spill_after": rng.choice(["0s", "1s", "1h"]),
            "recovery_share": rng.choice(["1%", "25%", "100%"]),
        }
        self.settings = {
            "kind": "sgp",
            "url": "http://up.example",
            "concurrency": rng.choice([1, 4, 16]),
            "upsert": {"hold_open": rng.choice([0.0, 0.1, 2.0])},
            "batch": {"max_spans": rng.choice([1, 3, 50]), "linger": rng.choice([0.0, 0.05])},
            "queue": {"max_spans": rng.choice([60, 100_000]), "when_full": rng.choice(["refuse", "drop_oldest"])},
            "retry": {"initial": 0.1, "max": rng.choice([0.5, 5.0])},
        }
        self.excused: set[bytes] = set()  # sent while the disk could not be read, and killed before it could again
        self.torn = False
        self.troubles = rng.random() < 0.3
        self.agent: Agent | None = None

    async def live(self, *, last: bool) -> None:
        rng = self.rng
        disk = ModelDisk(rng, self.rows, self.next)  # type: ignore[arg-type]
        rig = Rig(self.upstream, disk=disk, spool=self.spool, former=self.page, **self.settings)
        self.agent = self.agent or Agent(rig, rng)
        self.agent.rig = rig
        check_bequest(self.page, rig)
        for _ in range(rng.randint(1, 60)):
            self.agent.post()
            if self.troubles and rng.random() < 0.1:
                self._toggle(disk, rig)
            if rng.random() < 0.7:
                await asyncio.sleep(rng.expovariate(4))
            check(rig)
        if disk.broken:
            self._toggle(disk, rig)
        if last:
            self.upstream.share = 0.0
            await asyncio.sleep(rng.choice([0.0, 400.0]))
            rig.pipeline.write_all()
            await asyncio.sleep(1.0)
            await rig.drained()
        elif rng.random() < 0.5:
            rig.pipeline.write_all()
            await asyncio.sleep(rng.choice([0.0, 1.0]))
            await rig.drained(deadline=rng.choice([0.0, 1.0]))
            await asyncio.sleep(1.0)  # what is to be erased is erased
        assert rig.pipeline.backlog is not None
        self.excused |= rig.pipeline.backlog.unclaimed.keys() | rig.pipeline.backlog.unsettled.keys()
        # Of two copies the one that stayed may have been in memory alone, and the row of the other stands for it.
        self.torn = self.torn or bool(rig.pipeline.backlog.share.unwritten)
        if self.troubles:  # a copy whose row could not be put in place of an earlier one's was sent all the same
            owed = rig.pipeline.backlog.share.owed
            self.excused |= {row.key for seq, row in disk.rows.items() if seq in owed and row.key is not None}
        self.page = rig.crash()
        self.books.append(self.page.published[0])
        self.again += self.page.published[0]["recovered"]
        self.next = disk.next
        await asyncio.sleep(100.0)  # what of the upstream's is on its way arrives
        self.upstream.in_attempt.clear()

    def _toggle(self, disk: ModelDisk, rig: Rig) -> None:
        disk.broken = None if disk.broken else Trouble("io", "broken")
        backlog = rig.pipeline.backlog
        assert backlog is not None
        if disk.broken:
            backlog.lost()
        else:
            attached = list(backlog.share.attached)
            backlog.share.missing(attached, {seq: ("up", row.spans) for seq, row in disk.rows.items()})
            backlog.found(disk.store.total(), {}, salvaged=False)
            backlog.share.retry()


def check(rig: Rig) -> None:
    queue = rig.destination.queue
    assert rig.pipeline.imbalance() == 0
    assert rig.memory.custody == queue.held_bytes
    assert queue.held_spans == rig.destination.ledger.held() - rig.destination.ledger.snapshot()["spooled"]


def check_bequest(page: ModelPage | None, rig: Rig) -> None:
    """What the former life held is recovered, and what of it was in memory alone is lost."""
    check(rig)
    if page is None:
        return
    now = rig.destination.ledger.snapshot()
    again = sum(spans for seq, spans, again in page.published[1] if again and seq in rig.disk.rows)  # type: ignore
    assert now["recovered"] == page.held() + again
    assert now["recovered"] == now["spooled"] + now["dropped_crash"]


async def scenario(seed: int) -> None:
    lives = Lives(seed)
    count = lives.rng.randint(1, 4)
    for number in range(count):
        await lives.live(last=number == count - 1)
    for key, writes in lives.upstream.writes.items():
        if span_json.fingerprint(f"t\0{key}") in lives.excused:
            continue
        assert [write.number for write in writes] == sorted(write.number for write in writes), key
    assert lives.page is not None and lives.agent is not None
    accepted = sum(books["enqueued"] for books in lives.books)
    handed_on = sum(sum(books[place] for place in PLACES) for books in lives.books)
    fates = sum(count for books in lives.books for name, count in books.items() if is_fate(name))
    assert accepted + sum(books["recovered"] for books in lives.books) == fates + handed_on
    lost = sum(books[reason] for books in lives.books for reason in LOST)
    if not lost and not lives.page.held() and not lives.excused and not lives.torn:
        assert {key: writes[-1] for key, writes in lives.upstream.writes.items()} == lives.agent.last


def is_fate(name: str) -> bool:
    return name.startswith("dropped_") or name in ("delivered", "merged", "quarantined")


@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_copy_is_overtaken_over_disk_crash_and_restart(seed: int) -> None:
    run(scenario(seed))


def test_no_copy_is_overtaken_on_disk_with_a_seed_of_today() -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    run(scenario(seed))
