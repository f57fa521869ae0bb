"""The batcher of one destination: a slot, then a batch, then a delivery."""

import asyncio

from inspan_collector.batch import Batch
from inspan_collector.ledger import DROPPED_SHUTDOWN
from inspan_collector.pipeline.delivery import Delivery
from inspan_collector.pipeline.destination import Destination

PROBES = 2  # batches that wait at a closed gate, where one at a time may try: two even where there is a single slot, so
#            that probes can take turns, and one batch that always fails cannot keep all others waiting
EXPIRE = 1.0  # s between looks for spans over max_age


class Pipeline:
    """Runs one destination until it is drained or abandoned."""

    def __init__(self, destination: Destination) -> None:
        self.destination = destination
        self.deliveries: dict[Delivery, asyncio.Task[None]] = {}
        self.draining = False
        self.abandoned = False
        self.woken: asyncio.Future[None] | None = None
        self.expiring: asyncio.TimerHandle | None = None
        destination.queue.wake = self.wake
        destination.poked = self.wake

    def __repr__(self) -> str:
        return f"<Pipeline {self.destination!r} {len(self.deliveries)} of {self.destination.config.concurrency} slots>"

    def in_flight(self) -> int:
        """Spans in the slots, counted independently of the ledger."""
        return sum(delivery.held() for delivery in self.deliveries)

    def imbalance(self) -> int:
        """Spans by which the books differ from what the queue and the slots hold."""
        return self.destination.ledger.imbalance(self.destination.queue.waiting.count(), self.in_flight())

    def wake(self) -> None:
        """Something changed: look again whether a batch can be taken."""
        if self.woken is not None and not self.woken.done():
            self.woken.set_result(None)

    def drain(self) -> None:
        """Send what is held without lingering, cut waits short, and let `run` end when nothing is held."""
        self.draining = True
        self.destination.queue.waiting.stop_holding()
        self.destination.gate.hurry(self.destination.clock())
        self.destination.line.rearm()
        self.wake()

    def abandon(self) -> None:
        """The deadline has come: what has no fate is dropped, reason shutdown."""
        self.abandoned = True
        self.destination.line.close()
        for delivery in self.deliveries:
            delivery.abandon()
        if spans := self.destination.queue.empty(DROPPED_SHUTDOWN):
            message = "still queued at the drain deadline"
            self.destination.events.record("dropped", self.destination.name, message, spans=spans)
        self.wake()

    async def run(self) -> None:
        """Take batches until a drain has emptied everything. Returns with nothing held."""
        if self.destination.config.queue.max_age is not None:
            self._expire(self.destination.config.queue.max_age)
        while not self._finished():
            left = self._time_left()
            if left is not None and left <= 0:
                self._start()
            else:
                await self._sleep(left)
        if self.expiring is not None:
            self.expiring.cancel()

    def _finished(self) -> bool:
        if self.deliveries:
            return False
        return self.abandoned or (self.draining and not self.destination.queue.waiting.spans)

    def _time_left(self) -> float | None:
        """Seconds until a batch can be taken; None until something changes."""
        destination = self.destination
        if self.abandoned or len(self.deliveries) >= self._places():
            return None
        left = destination.queue.waiting.time_left(destination.clock())
        return 0.0 if self.draining and left is not None else left

    def _places(self) -> int:
        """Deliveries that there may be. Did those that wait for a witness take them all, none could come and be it."""
        if self.destination.gate.state != "open":
            return PROBES + sum(delivery.isolation.acquitted for delivery in self.deliveries)
        waiting = any(delivery.isolation.patience is not None for delivery in self.deliveries)
        return max(self.destination.config.concurrency, PROBES if waiting else 1)

    def _start(self) -> None:
        destination = self.destination
        max_bytes = min(destination.max_batch_bytes, destination.learned_bytes)
        delivery = Delivery(destination, Batch(destination.queue.take(max_bytes, destination.clock())))
        task = asyncio.create_task(delivery.run())
        self.deliveries[delivery] = task
        task.add_done_callback(lambda _: self._done(delivery))

    def _done(self, delivery: Delivery) -> None:
        task = self.deliveries.pop(delivery)
        self.wake()
        if (error := task.exception()) is not None:
            delivery.fail(error)

    async def _sleep(self, seconds: float | None) -> None:
        loop = asyncio.get_running_loop()
        self.woken = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, self.wake)
        await self.woken
        if timer is not None:
            timer.cancel()

    def _expire(self, max_age: float) -> None:
        destination = self.destination
        if spans := destination.queue.expire(destination.clock() - max_age):
            destination.events.record("dropped", destination.name, f"older than max_age ({max_age})", spans=spans)
        self.expiring = asyncio.get_running_loop().call_later(EXPIRE, self._expire, max_age)
