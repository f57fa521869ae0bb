"""What of a destination is on disk alone: read back in the order of arrival, beside what is fresh."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Coroutine, Hashable, Mapping, Sequence
from typing import Final, Protocol, TypeVar, cast

import msgspec

from inspan_collector.batch import Batch
from inspan_collector.chunk import Chunk
from inspan_collector.config.model import SpoolConfig
from inspan_collector.errors import UNSENT
from inspan_collector.formats import span_json
from inspan_collector.ledger import (
    DROPPED_CRASH,
    DROPPED_EXPIRED,
    DROPPED_SPOOL_CORRUPT,
    DROPPED_SPOOL_FULL,
    MERGED,
    QUARANTINED,
    QUEUED,
    RECOVERED,
    REPLAYED,
    SPOOLED,
)
from inspan_collector.pipeline.destination import Destination
from inspan_collector.queue.bundle import Bundle, Copies
from inspan_collector.queue.posting import rows_of, rows_of_copies
from inspan_collector.queue.rejoin import chunks_of, claim, rejoin
from inspan_collector.queue.upserts import Upserts
from inspan_collector.row import Refused, Row, Total, Trouble
from inspan_collector.spool.share import NEVER, Share
from inspan_collector.spool.store import Store

T = TypeVar("T")

MOST_CREDIT: Final = 4.0  # batches
ROOM: Final = 0.02  # of the spool, that is made at once where the oldest give way: a few hundred rows, some ms
AHEAD: Final = 1_000  # rows, under a millisecond of the index: where two formats came in turns, batches are full still
PATIENCE: Final = 1.0  # s for an answer of the disk: a page takes ms, and fresh spans may wait for it
REMEMBERED: Final = 100_000  # keys; 10 MB. Past it a row may be sent after a later copy of its span


class Spooled(Protocol):
    """The disk of all destinations, as far as a backlog asks it."""

    async def ask(self, question: Callable[[Store], T]) -> T:
        """Its answer, from the writer's thread. Raises Trouble."""
        ...


class Former(msgspec.Struct, frozen=True):
    """What a former life's books say of this destination.

    held: spans without a fate. gone: rows of which all spans had one. again: of rows that will be sent once more, the
    spans that had one. noted: how many notes these are. spooled: of what was held, what was on disk alone.
    """

    held: int = 0
    gone: frozenset[int] = frozenset()
    again: Mapping[int, int] = {}
    noted: int = 0
    spooled: int = 0


class Backlog:
    """Decides when rows are read, and what they meet.

    One question at a time is under way where copies of a span can meet: what is taken from memory is looked up on disk
    before anything else is read or taken, so that a copy never overtakes an earlier one of its span.
    """

    def __init__(self, destination: Destination, share: Share, disk: Spooled, config: SpoolConfig) -> None:
        self.destination = destination
        self.share = share
        self.disk = disk
        self.config = config
        self.opened = 0  # times that it was found, or lost
        self.open = False  # whether the disk can be read, and its books are settled
        self.asking = False
        self.credit = 0.0
        self.waking: asyncio.Task[None] | None = None  # waits for a disk that hangs
        self.unclaimed: dict[bytes, int] = {}  # by key, the seq of a copy that was sent while the disk was in trouble
        self.held_back = False  # a drain that leaves what is on disk to the next life
        self.full = False  # room is to be made for fresh spans
        self.former = Former()
        self.reopened: Callable[[], None] = lambda: None  # told when the disk works again
        self.settled = False  # whether what a former life left is in the books

    def __repr__(self) -> str:
        return f"<Backlog {self.destination.name} {self.spans()} spans{' asking' if self.asking else ''}>"

    def spans(self) -> int:
        """Spans on disk alone."""
        return self.destination.ledger.balances[SPOOLED]

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

    def must_look_up(self) -> bool:
        """Whether what is taken may have an older copy on disk, and the disk can say so."""
        return self.open and isinstance(self.destination.waiting, Upserts) and self.spans() > 0

    def pass_by(self, chunks: Sequence[Chunk]) -> None:
        """These are sent although the disk cannot be read: nobody waits for one that is opened for minutes."""
        if not self.open and isinstance(self.destination.waiting, Upserts) and self.spans() > 0:
            self._remember(cast(Sequence[Copies], chunks))

    # Reading

    def begin(self) -> None:
        """A question will be put: until it is answered there is no other. The caller sees to it that it is put."""
        self.asking = True
        self.share.ask()

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
        if self.unclaimed:
            sound = self._overtaken(sound)
        return self._rejoin(sound) if sound else []

    async def _ask(self, question: Callable[[Store], T]) -> T:
        """Raises Trouble, also where the disk hangs: then it is asked once whether it is back, and nothing else."""
        opened = self.opened
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await self.disk.ask(question)
            if opened != self.opened:
                raise Trouble("io", "the answer is of a disk that was lost meanwhile")
            return answer
        except TimeoutError:
            self.open = False
            self.waking = asyncio.create_task(self._wake())
            raise Trouble("io", "the disk does not answer") from None

    async def _wake(self) -> None:
        with contextlib.suppress(Trouble):  # it is opened again then, and `found` says so
            await self.disk.ask(lambda _: None)
            self.open = self.settled
        self.destination.poke()

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

    def _lost(self, lost: Mapping[int, Hashable | None]) -> None:
        """Rows lost to what waits, which is written in their place: they must not come back after it was sent."""
        upserts, share = cast(Upserts, self.destination.waiting), self.share
        self.destination.ledger.move(SPOOLED, MERGED, len(lost))
        for row, key in lost.items():
            share.take_over(None if key is None else upserts.seqs[key], row)
        rows = [
            row
            for key in {key for key in lost.values() if key is not None and not share.has_row(upserts.seqs[key])}
            for row in rows_of(cast(Bundle, upserts.by_key[key]), [key], upserts.seqs, share)
        ]
        if rows:
            share.put(rows, {})
        self.destination.ledger.publish()

    # Looking up

    def must_wait(self, chunks: Sequence[Chunk]) -> bool:
        """Whether taken copies have to be claimed before they are sent."""
        if self.must_look_up():
            return True
        replacing = self.share.replacing
        return bool(replacing) and any(seq in replacing for chunk in chunks for seq in chunk.seqs)

    async def claim(self, chunks: list[Chunk]) -> list[Chunk]:
        """What is left to send of taken copies, when those that are on disk have met them. After `begin`. Cancelled
        while the disk is asked, it has changed nothing."""
        copies = cast(list[Copies], chunks)
        keys = {span_json.fingerprint(key): key for chunk in copies for key in chunk.keys}
        name = self.destination.name
        try:
            found = await self._ask(lambda store: store.look_up(name, list(keys)))
        except Trouble:
            self.share.answered(())
            self._remember(copies)
            return chunks  # live relay goes on; what is on disk is judged when it can be read
        finally:
            self.asking = False
        noticed = self.share.noticed or set()
        self.share.answered(())
        if not self.spans():
            self.unclaimed.clear()
        spooled = sorted(
            (seq, keys[key], ended) for key, seq, ended in found if seq not in noticed and self.share.is_spooled(seq)
        )
        if not spooled:
            return chunks
        made = claim(copies, [(key, seq, ended) for seq, key, ended in spooled])
        self.destination.ledger.move(SPOOLED, MERGED, len(made.lost))
        for row, winner in made.lost.items():
            self.share.take_over(winner, row)
        winners = set(made.lost.values())
        left = [row for chunk in made.chunks for row in rows_of_copies(cast(Copies, chunk), self.share)]
        if rows := [row for row in left if row.seq in winners]:
            self.share.put(rows, {})
        if made.late:
            self.destination.queue.settle(made.late, MERGED, self.destination.clock())
        self.destination.ledger.publish()
        return made.chunks

    def _remember(self, chunks: Sequence[Copies]) -> None:
        """These are sent without having been looked up: rows that are older have lost to them."""
        if len(self.unclaimed) < REMEMBERED:
            for chunk in chunks:
                self.unclaimed |= dict(zip(map(span_json.fingerprint, chunk.keys), chunk.seqs, strict=True))

    async def _catch_up(self) -> None:
        """The disk can be read again: what is older than what was sent meanwhile is not sent any more."""
        if self.asking or not self.open:
            return  # a question was put since this was found to be due
        name, sent = self.destination.name, self.unclaimed
        self.begin()
        try:
            found = await self._ask(lambda store: store.look_up(name, list(sent)))
        except Trouble:
            self.share.answered(())
            return
        finally:
            self.asking = False
            self.destination.poke()
        noticed = self.share.noticed or set()
        self.share.answered(())
        self.unclaimed = {}
        self._lost(
            {
                seq: None
                for key, seq, _ in found
                if seq < sent[key] and seq not in noticed and self.share.is_spooled(seq)
            }
        )

    def _overtaken(self, rows: Sequence[Row]) -> list[Row]:
        """The rows without those whose span was sent again since, while the disk could not be read."""
        late = {row.seq: None for row in rows if row.key is not None and row.seq < self.unclaimed.get(row.key, row.seq)}
        self._lost(late)
        return [row for row in rows if row.seq not in late]

    # Leaving without being sent

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
        try:
            found = await self._ask(question)
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
        self.share.settle_spooled(rows)
        self.destination.ledger.publish()
        self.destination.events.record("dropped", self.destination.name, message, spans=spans)

    # A former life, and a disk that works again

    def inherit(self, former: Former) -> None:
        """What the former life held is taken over, as if it were on disk: that is known when the disk can be read."""
        self.former = former
        self.destination.ledger.move(RECOVERED, SPOOLED, former.held)

    def asked(self) -> Sequence[int]:
        """Rows of a former life of which it must be known whether they are there."""
        return [] if self.settled else [*self.former.gone, *self.former.again]

    def found(self, total: Total, present: Mapping[int, int], *, salvaged: bool, damaged: int = 0) -> None:
        """The disk can be read: bring the books in line with what is there.

        total: of this destination, all rows. present: spans by seq, of those rows asked about that are there.
        damaged: spans of rows that were read, and could not be understood: they are in quarantine.
        """
        ledger, share, name = self.destination.ledger, self.share, self.destination.name
        share.disk_spans = total.spans
        if not self.settled:
            self._settle_former(present)
        lost = ledger.balances[SPOOLED] - share.spooled()
        lost -= self._book_damaged(min(damaged, lost))
        if lost > 0:
            self._book_lost(lost, 0 if salvaged or self.settled else self.former.held - self.former.spooled)
        elif lost < 0:
            ledger.move(RECOVERED, SPOOLED, -lost)
        if not self.settled and self.spans():
            self.destination.events.record("backlog", name, "spans of a former life are on disk", spans=self.spans())
        again, self.settled = self.settled, True
        self.opened += 1
        self.open = True
        share.cursor = 0
        ledger.publish()
        if again and (salvaged or share.always):
            self.reopened()
        self.destination.poke()

    def _book_damaged(self, spans: int) -> int:
        if spans <= 0:
            return 0
        self.destination.ledger.move(SPOOLED, QUARANTINED, spans)
        message = "rows of a damaged spool cannot be understood any more"
        self.destination.events.record("quarantined", self.destination.name, message, spans=spans)
        return spans

    def _book_lost(self, spans: int, in_memory: int) -> None:
        """These are not on disk. in_memory: how many of them may never have been, as memory died with a process."""
        crashed = min(spans, in_memory)
        for lost, fate, message in (
            (crashed, DROPPED_CRASH, "was in memory alone when inspan was killed"),
            (spans - crashed, DROPPED_SPOOL_CORRUPT, "could not be read back from the spool"),
        ):
            if lost:
                self.destination.ledger.move(SPOOLED, fate, lost)
                self.destination.events.record("dropped", self.destination.name, message, spans=lost)

    def lost(self) -> None:
        """The disk cannot be read any more, for now."""
        self.opened += 1
        self.open = False
        self.full = False  # it had no room because of that

    def _settle_former(self, present: Mapping[int, int]) -> None:
        former, share = self.former, self.share
        share.bequeathed({seq: spans for seq, spans in present.items() if seq in former.gone}, former.noted)
        again = sum(spans for seq, spans in former.again.items() if seq in present and seq not in former.gone)
        if again:
            self.destination.ledger.move(RECOVERED, SPOOLED, again)
            message = "spans with a fate are in rows that are sent again"
            self.destination.events.record("sent_again", self.destination.name, message, spans=again)

    def replayed(self, spans: int) -> None:
        """Spans were put back on disk by command."""
        self.destination.ledger.move(REPLAYED, SPOOLED, spans)
        self.destination.ledger.publish()
        self.share.cursor = 0
        self.destination.poke()


def memory_lost(destination: Destination, held: int) -> None:
    """Without a spool: all that the former life held was in memory alone."""
    if held:
        destination.ledger.move(RECOVERED, DROPPED_CRASH, held)
        destination.ledger.publish()
        destination.events.record("dropped", destination.name, "was in memory when inspan was killed", spans=held)
