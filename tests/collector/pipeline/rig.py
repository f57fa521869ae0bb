"""One destination in virtual time, with everything real but the upstream."""

import asyncio
import itertools
import random
from collections import Counter
from typing import Any

import msgspec
from tests.collector.pipeline.disk import ModelDisk, ModelPage
from tests.collector.pipeline.upstream import Upstream, otlp_spans

from inspan_collector.config.destination import DestinationConfig
from inspan_collector.config.spool import SpoolConfig
from inspan_collector.config.values import decode
from inspan_collector.events import Events
from inspan_collector.formats import FORMATS
from inspan_collector.ledger import FATES
from inspan_collector.memory import Memory
from inspan_collector.pipeline.backlog import Backlog
from inspan_collector.pipeline.bequest import Former
from inspan_collector.pipeline.destination import Destination
from inspan_collector.pipeline.intake import Intake
from inspan_collector.pipeline.overflow import Overflow
from inspan_collector.pipeline.pipeline import Pipeline
from inspan_collector.pipeline.portions import Bounds
from inspan_collector.quarantine import SpoolQuarantine
from inspan_collector.spool.refusals import BOUND
from inspan_collector.spool.share import Share
from inspan_collector.trail import Trail

EPOCH = 1e9  # s; what the wall clock shows when the loop begins


def config(**overrides: Any) -> DestinationConfig:
    """A destination's configuration, as from a file."""
    tree = {"name": "up", "kind": "otlp", "url": "http://up.example/v1/traces"} | overrides
    return msgspec.convert(tree, DestinationConfig, dec_hook=decode)


class Rig:
    """A pipeline under test. Spans are numbered from 1."""

    def __init__(
        self,
        upstream: Upstream,
        memory_bytes: int = 64 << 20,
        *,
        disk: ModelDisk | None = None,
        spool: dict[str, Any] | None = None,
        former: ModelPage | None = None,
        **overrides: Any,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.memory = Memory(memory_bytes, memory_bytes)
        settings = config(**overrides)
        self.disk = disk
        self.spool = msgspec.convert(spool or {}, SpoolConfig, dec_hook=decode)
        self.page = ModelPage()
        share = disk and Share("up", disk, always=self.spool.mode == "always", wall=lambda at: EPOCH + at)
        if share:
            share.page = self.page
        self.destination = Destination(
            settings,
            upstream,
            Bounds(int(settings.queue.max_bytes), memory_bytes),
            memory=self.memory,
            events=Events(wall=loop.time, clock=loop.time),
            crowded=lambda: False,
            clock=loop.time,
            journal=share,
        )
        self.destination.gate.uniform = random.Random(0).uniform
        self.pipeline = self._with_disk(disk, share, former) if disk and share else Pipeline(self.destination)
        self.intake = Intake([self.destination], self.memory, loop.time)
        self.numbers = itertools.count(1)
        self.running = asyncio.create_task(self.pipeline.run())
        self.accepted = 0

    def _with_disk(self, disk: ModelDisk, share: Share, former: ModelPage | None) -> Pipeline:
        """As the service puts it together, with the former life's books."""
        backlog = Backlog(self.destination, share, disk, self.spool)
        pipeline = Pipeline(self.destination, backlog, Overflow(self.destination, share, backlog, self.spool))
        disk.share = share
        self.destination.quarantine = SpoolQuarantine("up", share.issue, disk.ask, self.destination.again, BOUND)
        asked: list[int] = []
        if former is not None:
            rows = former.published[1]
            self.page.rows = list(rows)
            backlog.inherit(
                Former(
                    former.held(),
                    frozenset(seq for seq, _, again in rows if not again),
                    {seq: spans for seq, spans, again in rows if again},
                    len(rows),
                )
            )
            asked = [seq for seq, _, _ in rows]
        self.page.watch(self.destination.ledger)
        backlog.found(disk.store.total(), disk.present(asked), salvaged=False)
        return pipeline

    def crash(self) -> ModelPage:
        """Nothing runs any more. Returns what is left of the books."""
        assert self.disk is not None
        self.disk.crashed = True
        pipeline = self.pipeline
        setattr(pipeline, "_done", lambda delivery: None)  # noqa: B010 -- nobody books what becomes of it
        for task in (self.running, pipeline.reading, *pipeline.claims, *pipeline.deliveries.values(), *pipeline.chores):
            if task is not None:
                task.cancel()
        for delivery in pipeline.deliveries:
            if delivery.attempt is not None:
                delivery.attempt.cancel()
        for timer in (pipeline.looking, self.destination.line.timer):
            if timer is not None:
                timer.cancel()
        return self.page

    def post(self, spans: int = 1, format: str = "otlp_protobuf", body: bytes | None = None) -> bool:
        """Offer one request, as the receiver would. False where it was refused."""
        body = body or otlp_spans([next(self.numbers) for _ in range(spans)])
        scan = FORMATS[format].scan(body)
        if not self.memory.reserve(len(body)):
            return False
        if self.intake.offer(format, body, scan, "agent", len(body)) is not None:
            self.memory.release(len(body))
            return False
        self.accepted += scan.spans
        return True

    def books(self) -> dict[str, int]:
        """The accounts that are not 0."""
        return {name: count for name, count in self.destination.ledger.snapshot().items() if count}

    def kinds(self) -> list[str]:
        """The events so far."""
        return [event.kind for event in self.destination.events.kept]

    async def drained(self, deadline: float = 3600.0) -> dict[str, int]:
        """Drain, abandon at the deadline (seconds), and close the books."""
        self.pipeline.drain()
        await asyncio.wait({self.running}, timeout=deadline)
        self.pipeline.abandon()
        await self.running
        self.check_nothing_held()
        return self.books()

    def check_nothing_held(self) -> None:
        """Both laws hold, no byte is kept, and no span but on disk."""
        queue = self.destination.queue
        assert self.pipeline.imbalance() == 0
        assert self.destination.ledger.held() == (self.books().get("spooled", 0) if self.disk else 0)
        assert self.books().get("enqueued", 0) == self.accepted
        assert (queue.held_spans, queue.held_bytes, queue.held_by) == (0, 0, {})
        assert (self.memory.custody, self.memory.working, self.destination.room.used) == (0, 0, 0)
        assert not self.destination.line.waiting
        assert not self.pipeline.deliveries
        if self.destination.trail is not None:
            check_trail(self.destination.trail.trail, self.books())


def check_trail(trail: Trail, books: dict[str, int]) -> None:
    """Of each fate the trail shows as many copies as the books."""
    if trail.pruned:
        return
    shown: Counter[str] = Counter()
    for entry in trail.entries:
        shown[entry.status if entry.status != "dropped" else f"dropped_{entry.detail.partition(':')[0]}"] += entry.count
    ends = {name: count for name, count in shown.items() if name in FATES or name.startswith("dropped_")}
    fates = {name: count for name, count in books.items() if name in FATES or name.startswith("dropped_")}
    for nameless in ("dropped_crash", "dropped_spool_corrupt"):  # of a row that is not there nobody knows whose it was
        fates.pop(nameless, None)
    assert ends == fates, (ends, fates)
    if "recovered" not in books:
        assert shown["accepted"] == books.get("enqueued", 0) + books.get("replayed", 0)
