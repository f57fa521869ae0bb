"""The batcher of one destination: a slot, then a batch, then a delivery."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from inspan_collector.batch import Batch
from inspan_collector.ledger import DROPPED_SHUTDOWN, SPOOLED
from inspan_collector.pipeline.backlog import Backlog
from inspan_collector.pipeline.delivery import Delivery
from inspan_collector.pipeline.destination import Destination
from inspan_collector.pipeline.overflow import Overflow

PROBES: Final = 2  # batches that wait at a closed gate, where one at a time may try: two even where there is a single
#            slot, so that probes can take turns, and one batch that always fails cannot keep all others waiting
LOOK: Final = 1.0  # s between looks for spans over max_age, and for what should go to disk


class Pipeline:
    """Runs one destination until it is drained or abandoned. backlog, overflow: where there is a disk behind it."""

    def __init__(
        self, destination: Destination, backlog: Backlog | None = None, overflow: Overflow | None = None
    ) -> None:
        self.destination = destination
        self.backlog = backlog
        self.overflow = overflow
        self.deliveries: dict[Delivery, asyncio.Task[None]] = {}
        self.reading: asyncio.Task[None] | None = None
        self.claims: set[asyncio.Task[None]] = set()
        self.draining = False
        self.abandoned = False
        self.woken: asyncio.Future[None] | None = None
        self.looking: asyncio.TimerHandle | None = None
        self.chores: set[asyncio.Task[None]] = set()
        destination.queue.wake = self.wake
        destination.poked = self.wake

    def __repr__(self) -> str:
        return f"<Pipeline {self.destination!r} {len(self.deliveries)} of {self.destination.config.concurrency} slots>"

    def in_flight(self) -> int:
        """Spans in the slots, counted independently of the ledger."""
        return sum(delivery.held() for delivery in self.deliveries)

    def imbalance(self) -> int:
        """Spans by which the books differ from what the queue, the slots and the disk hold."""
        ledger, backlog = self.destination.ledger, self.backlog
        # What is on disk is known when the disk can be read; until then the books are all there is.
        spooled = backlog.share.spooled() if backlog is not None and backlog.open else ledger.balances[SPOOLED]
        return ledger.imbalance(self.destination.queue.waiting.count(), self.in_flight(), spooled)

    def oldest(self) -> float | None:
        """Loop time at which the oldest span in memory arrived, waiting or in flight; None while there is none.

        A batch that is tried again and again is in flight all the time.
        """
        held = [piece.arrived for delivery in self.deliveries for piece in delivery.pieces()]
        waiting = self.destination.waiting.oldest()
        return min(held if waiting is None else [*held, waiting], default=None)

    def safe(self) -> int:
        """Spans without a fate that are on disk, whether in memory too or not."""
        backlog = self.backlog
        return 0 if backlog is None else backlog.spans() + backlog.share.durable_spans

    def wake(self) -> None:
        """Something changed: look again whether a batch can be taken."""
        if self.woken is not None and not self.woken.done():
            self.woken.set_result(None)

    # The end

    def write_all(self) -> None:
        """Everything held is written to disk, where there is one; it stays in memory too."""
        if self.overflow is not None:
            held = [piece for delivery in self.deliveries for piece in delivery.pieces()]
            self.overflow.write_all([chunk for piece in held for chunk in piece.chunks])

    def drain(self) -> None:
        """Send what is held without lingering, cut waits short, and let `run` end when nothing is held."""
        self.draining = True
        if self.backlog is not None and self.backlog.config.lifetime == "persistent":
            self.backlog.held_back = True  # nothing is at risk there, and somebody waits for us to end
        self.destination.queue.waiting.stop_holding()
        self.destination.gate.hurry(self.destination.clock())
        self.destination.line.rearm()
        self.wake()

    def abandon(self) -> None:
        """The deadline has come: what has no fate and is not on disk is dropped, reason shutdown."""
        self.abandoned = True
        self.destination.line.close()
        for delivery in self.deliveries:
            delivery.abandon()
        for question in (self.reading, *self.claims):  # the disk may never answer
            if question is not None:
                question.cancel()
        if spans := self.destination.queue.empty(DROPPED_SHUTDOWN):
            message = "still queued at the drain deadline"
            self.destination.events.record("dropped", self.destination.name, message, spans=spans)
        self.wake()

    async def run(self) -> None:
        """Take batches until a drain has emptied everything. Returns with nothing held in memory."""
        self._look()
        while not self._finished():
            left = self._time_left()
            if left is not None and left <= 0:
                self._start()
            else:
                await self._sleep(left)
        if self.looking is not None:
            self.looking.cancel()

    def _finished(self) -> bool:
        if self.deliveries or self.reading is not None:
            return False
        waiting = self.destination.queue.waiting
        held = waiting.spans or waiting.time_left(self.destination.clock()) is not None
        held = held or (self.backlog is not None and self.backlog.is_ready())
        return self.abandoned or (self.draining and not held)

    # Taking

    def _time_left(self) -> float | None:
        """Seconds until a batch can be taken or read; None until something changes."""
        if self.abandoned or len(self.deliveries) + (self.reading is not None) >= self._places():
            return None
        return 0.0 if self._can_read() else self._fresh_left()

    def _fresh_left(self) -> float | None:
        """Seconds until a batch can be taken from memory; None until something changes."""
        destination, backlog = self.destination, self.backlog
        if backlog is not None and backlog.asking and backlog.must_look_up():
            return None
        left = destination.queue.waiting.time_left(destination.clock())
        return 0.0 if self.draining and left is not None else left

    def _can_read(self) -> bool:
        """Whether the backlog may have a place. Where there are several, one is always left to fresh spans."""
        if self.backlog is None or self.reading is not None or not self.backlog.is_ready():
            return False
        return sum(delivery.read_back for delivery in self.deliveries) < max(1, self._places() - 1)

    def _places(self) -> int:
        """Deliveries that there may be. Did those that wait for a witness take them all, none could come and be it."""
        if self.destination.gate.state != "open":
            return PROBES + sum(delivery.isolation.acquitted for delivery in self.deliveries)
        waiting = any(delivery.isolation.patience is not None for delivery in self.deliveries)
        return max(self.destination.config.concurrency, PROBES if waiting else 1)

    def _start(self) -> None:
        left = self._fresh_left()
        fresh = left is not None and left <= 0
        backlog, possible = self.backlog, self._can_read()
        if backlog is not None and backlog.spans() and fresh:
            possible = backlog.turn(possible=possible)
        if backlog is not None and possible:
            backlog.begin()
            self.reading = asyncio.create_task(self._read(backlog))
            self.reading.add_done_callback(self._was_read)  # also where it is cancelled before its first turn
        elif fresh:
            self._take()

    def _take(self) -> None:
        destination, backlog = self.destination, self.backlog
        max_bytes = min(destination.max_batch_bytes, destination.learned_bytes)
        chunks = destination.queue.take(max_bytes, destination.clock())
        delivery = Delivery(destination, Batch(chunks))
        if backlog is not None:
            backlog.pass_by(chunks)
        if backlog is not None and backlog.must_wait(chunks):
            look_up = backlog.must_look_up()
            if look_up:
                backlog.begin()
            self._run(delivery, self._claimed(delivery, partial(self._claim, delivery, backlog, look_up=look_up)))
        else:
            self._run(delivery, delivery.run())

    async def _claimed(self, delivery: Delivery, claiming: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Of no span in it an older copy is on disk, or it is not sent before that."""
        claim = asyncio.create_task(claiming())
        self.claims.add(claim)
        await asyncio.wait({claim})
        self.claims.discard(claim)
        if not claim.cancelled():
            claim.result()
        self.wake()
        await delivery.run()

    async def _claim(self, delivery: Delivery, backlog: Backlog, *, look_up: bool) -> None:
        """It may be cancelled at any turn of the loop: what the delivery holds is true at each."""
        taken = delivery.work[0].chunks
        left = await backlog.claim(taken) if look_up else taken
        delivery.work.clear()
        if left:
            delivery.work.append(Batch(left))
        await backlog.share.replaced([seq for chunk in left for seq in chunk.seqs])

    async def _read(self, backlog: Backlog) -> None:
        for batch in await backlog.read():
            delivery = Delivery(self.destination, batch, read_back=True)
            self._run(delivery, delivery.run())

    def _was_read(self, task: "asyncio.Task[None]") -> None:
        del task
        self.reading = None
        self.wake()

    def _run(self, delivery: Delivery, running: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(running)
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

    # Once in a while

    def _look(self) -> None:
        destination = self.destination
        self.looking = asyncio.get_running_loop().call_later(LOOK, self._look)
        max_age = destination.config.queue.max_age
        if max_age is not None and (spans := destination.queue.expire(destination.clock() - max_age)):
            destination.events.record("dropped", destination.name, f"older than max_age ({max_age})", spans=spans)
        if destination.trail is not None:
            destination.trail.trail.prune(destination.clock())
        if self.overflow is not None:
            self.overflow.look()
        if self.backlog is not None and (chore := self.backlog.chore()) is not None:
            task = asyncio.create_task(chore)
            self.chores.add(task)
            task.add_done_callback(self.chores.discard)
