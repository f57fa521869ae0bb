"""What of a destination is on disk alone: read back in the order of arrival, beside what is fresh."""

from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

from inspan_collector.batch import Batch
from inspan_collector.chunk import Chunk
from inspan_collector.config.model import SpoolConfig
from inspan_collector.errors import UNSENT
from inspan_collector.ledger import (
    DROPPED_EXPIRED,
    DROPPED_SPOOL_CORRUPT,
    DROPPED_SPOOL_FULL,
    QUARANTINED,
    QUEUED,
    SPOOLED,
)
from inspan_collector.pipeline.claims import Claims
from inspan_collector.pipeline.destination import Destination
from inspan_collector.pipeline.questions import Spooled
from inspan_collector.queue.rejoin import chunks_of, rejoin
from inspan_collector.queue.upserts import Upserts
from inspan_collector.row import Refused, Row, Trouble
from inspan_collector.spool.share import Share
from inspan_collector.spool.store import Store
from inspan_collector.spool.written import NEVER

MOST_CREDIT: Final = 4.0  # batches
ROOM: Final = 0.02  # of the spool, that is made at once where the oldest give way: a few hundred rows, some ms
AHEAD: Final = 1_000  # rows, under a millisecond of the index: where two formats came in turns, batches are full still


class Backlog(Claims):
    """Decides when rows are read, and which are not worth it any more."""

    def __init__(self, destination: Destination, share: Share, disk: Spooled, config: SpoolConfig) -> None:
        super().__init__(destination, share, disk)
        self.config = config
        self.credit = 0.0
        self.held_back = False  # a drain that leaves what is on disk to the next life
        self.full = False  # room is to be made for fresh spans

    def __repr__(self) -> str:
        return f"<Backlog {self.destination.name} {self.spans()} spans{' asking' if self.asking else ''}>"

    def is_ready(self) -> bool:
        """Whether a batch can be read now."""
        return self.open and not self.asking and not self.held_back and self.spans() > 0 and self._room() > 0

    def _room(self) -> int:
        """Bytes that may be read: memory for what was accepted long ago, but not all that fresh spans need."""
        queue, memory = self.destination.queue, self.destination.room.memory
        free = min(queue.max_bytes - queue.held_bytes, memory.custody_limit - memory.custody)
        most = min(self.destination.max_batch_bytes, self.destination.learned_bytes)
        return most if free >= most or not queue.held_spans else 0

    def turn(self, *, possible: bool) -> bool:
        """A batch can be taken from memory: whether the backlog goes first. possible: a read is.

        What it could not use it may catch up on, but not for long.
        """
        self.credit = min(self.credit + self.config.recovery_share, MOST_CREDIT)
        if self.credit < 1 or not possible:
            return False
        self.credit -= 1
        return True

    # Reading

    async def read(self) -> list[Batch]:
        """The next rows as batches in flight; empty where the disk had none, or is in trouble. After `begin`."""
        destination, share = self.destination, self.share
        max_spans, max_bytes, after = destination.config.batch.max_spans, self._room(), share.cursor
        try:
            page = await self._ask(
                lambda store: store.page(
                    destination.name, after, max_spans=max_spans, max_bytes=max_bytes, skip=share.attached, ahead=AHEAD
                )
            )
        except Trouble:
            share.answered(())
            return []
        finally:
            self.asking = False
        rows = share.answered(page.rows)
        if share.passed <= page.last:
            return []  # an earlier copy of a span may have been let go: it goes first
        share.cursor = page.last
        if not page.rows and not page.more:
            share.cursor = 0  # what is left was put before it
            if after == 0 and share.passed == NEVER:
                self._vanished()
        sound = self._young(self._sound(rows))
        if self.unclaimed or self.unsettled:
            sound = self._overtaken(sound)
        return self._rejoin(sound) if sound else []

    def _vanished(self) -> None:
        """The books know of spans on disk, and there are none: a file that changed under our hands."""
        spans = self.spans()
        self.share.disk_spans -= self.share.spooled()
        self.destination.ledger.move(SPOOLED, DROPPED_SPOOL_CORRUPT, spans)
        self.destination.ledger.publish()
        message = "rows of the spool are not there any more"
        self.destination.events.record("dropped", self.destination.name, message, spans=spans)

    def _sound(self, rows: Sequence[Row]) -> list[Row]:
        """The rows that can be understood. The others are kept where somebody can look at them."""
        for row in rows:
            row.fault = row.fault or self._unfit(row)
        broken = [row for row in rows if row.fault]
        for row in broken:
            self.destination.ledger.move(SPOOLED, QUARANTINED, row.spans)
            if self.destination.trail is not None and row.key is not None:
                self.destination.trail.fate_of_keys(QUARANTINED, [row.key], row.fault)
            self.share.owed[row.seq] = row.spans
            self.share.page.settled(row.seq, row.spans, True)
            refused = Refused(
                row.destination,
                self.destination.events.wall(),
                UNSENT,
                row.fault,
                row.format,
                row.spans,
                row.body,
                row.agent,
            )
            self.destination.quarantine.put(refused, [row.seq])
            message = f"a row of the spool cannot be understood any more: {row.fault}"
            self.destination.events.record("quarantined", self.destination.name, message, spans=row.spans)
        self.destination.ledger.publish()
        return [row for row in rows if not row.fault]

    def _unfit(self, row: Row) -> str:
        """Why it cannot be sent from here, where the destination was of another kind when it was written; else empty.

        Out of quarantine it is offered anew, and taken apart where that is possible.
        """
        if row.format not in self.destination.exporter.formats:
            return f"this destination does not take {row.format}, as it did when the row was written"
        if isinstance(self.destination.waiting, Upserts) and row.key is None:
            return "it was written when this destination took posts whole; replay it"
        return ""

    def _young(self, rows: Sequence[Row]) -> list[Row]:
        """The rows without those that are too old to be sent."""
        max_age, now = self.destination.config.queue.max_age, self.destination.clock()
        if max_age is None:
            return list(rows)
        old = {row.seq: row.spans for row in rows if now - self._arrived(row.arrived) > max_age}
        if old:
            spans = sum(old.values())
            self.destination.ledger.move(SPOOLED, DROPPED_EXPIRED, spans)
            if self.destination.trail is not None:
                keys = [row.key for row in rows if row.seq in old and row.key is not None]
                self.destination.trail.fate_of_keys(DROPPED_EXPIRED, keys)
            self.share.settle_spooled(old)
            message = f"older than max_age ({max_age})"
            self.destination.events.record("dropped", self.destination.name, message, spans=spans)
        return [row for row in rows if row.seq not in old]

    def _arrived(self, wall: float) -> float:
        """The loop time of a time of the wall clock, never in the future."""
        now = self.destination.clock()
        return min(now, now - (self.share.wall(now) - wall))

    def _rejoin(self, rows: Sequence[Row]) -> list[Batch]:
        destination, share = self.destination, self.share
        waiting = destination.waiting
        if isinstance(waiting, Upserts):
            came = rejoin(waiting, rows, self._arrived)
        else:
            came = chunks_of(rows, destination.room.memory, self._arrived)
        share.attach([*came.sent, *came.behind])
        destination.ledger.move(SPOOLED, QUEUED, len(came.behind))
        self._lost(came.lost)
        destination.queue.rejoined(came)
        return self._batches(came.send)

    def _batches(self, chunks: Sequence[Chunk]) -> list[Batch]:
        """What fits one request together, and what was larger than one cut until it does."""
        config = self.destination.config.batch
        most = min(self.destination.max_batch_bytes, self.destination.learned_bytes)
        whole: list[Chunk] = []
        cut: list[Batch] = []
        todo = deque(chunks)
        while todo:
            chunk = todo.popleft()
            if chunk.spans > 1 and (chunk.spans > config.max_spans or chunk.size > most):
                todo.extendleft(reversed(self.destination.queue.cut(chunk)))
            elif chunk.spans + sum(each.spans for each in whole) > config.max_spans:
                cut.append(Batch([chunk]))
            else:
                whole.append(chunk)
        return ([Batch(whole)] if whole else []) + cut

    # Leaving without being sent

    def lost(self) -> None:
        """See Questions."""
        super().lost()
        self.full = False  # it had no room because of that

    def chore(self) -> Coroutine[None, None, None] | None:
        """What is to be done once in a while, where there is something."""
        if not self.open or self.asking:
            return None
        if not self.spans():
            self.unclaimed.clear()
            return None
        if self.unclaimed:
            return self._catch_up()
        if self.full:
            self.full = False
            return self.make_room()
        if self.config.max_age is not None:
            return self.expire(self.share.wall(self.destination.clock()) - self.config.max_age)
        return None

    async def expire(self, before: float) -> None:
        """Rows that arrived before, in seconds since the epoch, are dropped."""
        name = self.destination.name
        await self._drop(
            lambda store: store.expired(name, before, self.share.attached),
            DROPPED_EXPIRED,
            f"older than spool.max_age ({self.config.max_age})",
        )

    async def make_room(self) -> None:
        """The oldest rows are dropped: the spool is full, and the configuration prefers fresh spans."""
        name, size = self.destination.name, int(self.config.max_bytes * ROOM)
        await self._drop(
            lambda store: store.oldest(name, size, self.share.attached),
            DROPPED_SPOOL_FULL,
            "the spool is full: the oldest spans made room",
        )

    async def _drop(self, question: Callable[[Store], list[tuple[int, str, int]]], fate: int, message: str) -> None:
        if self.asking or not self.open:
            return
        self.begin()
        trail = self.destination.trail
        try:
            found, keys = await self._ask(lambda store: _keyed(store, question(store), wanted=trail is not None))
        except Trouble:
            self.share.answered(())
            return
        finally:
            self.asking = False
            self.destination.poke()
        noticed = self.share.noticed or set()
        self.share.answered(())
        rows = {seq: spans for seq, _, spans in found if seq not in noticed and self.share.is_spooled(seq)}
        spans = sum(rows.values())
        if not spans:
            return
        self.destination.ledger.move(SPOOLED, fate, spans)
        if trail is not None:
            trail.fate_of_keys(fate, [keys[seq] for seq in rows if seq in keys])
        self.share.settle_spooled(rows)
        self.destination.ledger.publish()
        self.destination.events.record("dropped", self.destination.name, message, spans=spans)


def _keyed(
    store: Store, found: list[tuple[int, str, int]], *, wanted: bool
) -> tuple[list[tuple[int, str, int]], dict[int, bytes]]:
    """Rows, and where that is wanted what is known of their keys: fingerprints."""
    return found, store.keys_of([seq for seq, _, _ in found]) if wanted else {}
