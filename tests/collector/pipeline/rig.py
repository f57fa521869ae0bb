"""One destination in virtual time, with everything real but the upstream."""

import asyncio
import itertools
import random
from typing import Any

import msgspec
from tests.collector.pipeline.upstream import Upstream, otlp_spans

from inspan_collector.config.destination import DestinationConfig
from inspan_collector.config.values import decode
from inspan_collector.events import Events
from inspan_collector.formats import FORMATS
from inspan_collector.memory import Memory
from inspan_collector.pipeline.destination import Bounds, Destination
from inspan_collector.pipeline.intake import Intake
from inspan_collector.pipeline.pipeline import Pipeline


def config(**overrides: Any) -> DestinationConfig:
    """A destination's configuration, as from a file."""
    tree = {"name": "up", "kind": "otlp", "url": "http://up.example/v1/traces"} | overrides
    return msgspec.convert(tree, DestinationConfig, dec_hook=decode)


class Rig:
    """A pipeline under test. Spans are numbered from 1."""

    def __init__(self, upstream: Upstream, memory_bytes: int = 64 << 20, **overrides: Any) -> None:
        loop = asyncio.get_running_loop()
        self.memory = Memory(memory_bytes, memory_bytes)
        settings = config(**overrides)
        self.destination = Destination(
            settings,
            upstream,
            Bounds(int(settings.queue.max_bytes), memory_bytes),
            memory=self.memory,
            events=Events(wall=loop.time, clock=loop.time),
            crowded=lambda: False,
            clock=loop.time,
        )
        self.destination.gate.uniform = random.Random(0).uniform
        self.pipeline = Pipeline(self.destination)
        self.intake = Intake([self.destination], self.memory, loop.time)
        self.numbers = itertools.count(1)
        self.running = asyncio.create_task(self.pipeline.run())
        self.accepted = 0

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
        """Both laws hold, and no byte is kept."""
        queue = self.destination.queue
        assert self.pipeline.imbalance() == 0
        assert self.destination.ledger.held() == 0
        assert self.books().get("enqueued", 0) == self.accepted
        assert (queue.held_spans, queue.held_bytes, queue.held_by) == (0, 0, {})
        assert (self.memory.custody, self.memory.working, self.destination.room.used) == (0, 0, 0)
        assert not self.destination.line.waiting
        assert not self.pipeline.deliveries
