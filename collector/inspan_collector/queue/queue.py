"""The one buffer of a destination. `offer` answers at once and never awaits; everything has a bound."""

from collections.abc import Callable, Hashable, Sequence
from typing import Final

from inspan_collector.batch import Limits
from inspan_collector.chunk import Chunk
from inspan_collector.formats import FORMATS, Head, span_patch
from inspan_collector.ledger import (
    DELIVERED,
    DROPPED_BUG,
    DROPPED_EXPIRED,
    DROPPED_QUEUE_FULL,
    DROPPED_REJECTED,
    ENQUEUED,
    IN_FLIGHT,
    MERGED,
    QUEUED,
    SPOOLED,
    SYNTHESIZED,
    Ledger,
    QueueRefusal,
)
from inspan_collector.pledge import Pledge
from inspan_collector.queue.journal import Journal, row_of
from inspan_collector.queue.noting import Noting
from inspan_collector.queue.rejoin import RECOVERED, Rejoined
from inspan_collector.queue.waiting import Waiting
from inspan_collector.trail import statuses

PRESSURE: Final = 0.5  # of a bound; below it there is room for everyone and nobody is compared
SHARE: Final = 8  # times the free room is what one agent may hold: alone it gets 8/9, two get 8/17 each,
#                   and a newcomer always finds room (dynamic thresholds, Choudhury and Hahne 1998)


class Queue:
    """Chunks that wait, bounded together with those in flight: a chunk counts until its fate.

    waiting: in which order they go. limits: of a batch. max_spans, max_bytes: the bounds. evict: make room by dropping
    the oldest waiting chunks instead of refusing. crowded: whether more than one agent is connected. journal: the disk
    behind it. wake: called when what the batcher waits for has changed. evicted: told how many spans made room.
    """

    def __init__(
        self,
        ledger: Ledger,
        waiting: Waiting,
        limits: Limits,
        *,
        max_spans: int,
        max_bytes: int,
        evict: bool,
        crowded: Callable[[], bool],
        journal: Journal | None = None,
    ) -> None:
        self.ledger = ledger
        self.journal = journal
        self.waiting = waiting
        self.limits = limits
        self.max_spans = max_spans
        self.max_bytes = max_bytes
        self.evict = evict
        self.crowded = crowded
        self.wake: Callable[[], None] = lambda: None
        self.evicted: Callable[[int], None] = lambda _: None
        self.trail: Noting | None = None
        self.held_spans = 0
        self.held_bytes = 0
        self.held_by: dict[Hashable, int] = {}  # bytes of each agent that holds any

    def __repr__(self) -> str:
        return (
            f"<Queue {self.ledger.destination} {self.waiting!r} {self.held_spans} spans"
            f" {self.held_bytes >> 10} KiB of {self.max_bytes >> 20} MiB>"
        )

    def fill(self) -> float:
        """0.0 to 1.0: how full the fuller of the two bounds is."""
        return max(self.held_spans / self.max_spans, self.held_bytes / max(1, self.max_bytes))

    def offer(self, chunk: Chunk, heads: Sequence[Head], pledge: Pledge | None = None) -> QueueRefusal | None:
        """Take the chunk, or say why not. heads: of its spans, where its format has any. pledge: see Waiting.add."""
        refusal = self._refusal(chunk)
        if refusal and not (self.evict and refusal == "queue_full" and self._make_room(chunk)):
            return refusal
        if self.trail is not None:
            self.trail.begin(heads)
        added = self.waiting.add(chunk, heads, pledge)
        self.ledger.move(ENQUEUED, QUEUED, chunk.spans)
        self.ledger.move(QUEUED, MERGED, added.merged)
        self.held_spans += chunk.spans - added.merged
        for agent, size in added.grown.items():
            self._hold(agent, size)
        self.ledger.publish()
        over = (self.held_spans - self.max_spans * PRESSURE, self.held_bytes - self.max_bytes * PRESSURE)
        relieved = max(over) > 0 and self.waiting.relieve(*over, chunk.arrived)
        # A batcher that is woken at each chunk doubles the cost of an offer.
        if added.wake or relieved:
            self.wake()
        return None

    def fits(self, chunk: Chunk) -> bool:
        """Whether it would be taken without anything else making room."""
        return self._refusal(chunk) is None

    def _hold(self, agent: Hashable, size: int) -> None:
        """What this agent holds has grown by so many bytes."""
        self.held_bytes += size
        held = self.held_by.get(agent, 0) + size
        if held > 0:
            self.held_by[agent] = held
        else:
            self.held_by.pop(agent, None)  # no agent is remembered for having been here

    def _weight(self, chunk: Chunk) -> int:
        """Bytes of memory that a chunk takes: what the bounds and the shares of agents count."""
        return chunk.size + self.waiting.overhead * chunk.spans

    def _refusal(self, chunk: Chunk) -> QueueRefusal | None:
        size = self._weight(chunk)
        if chunk.spans > self.max_spans or size > self.max_bytes:
            return "too_large"
        free_spans = self.max_spans - self.held_spans
        free_bytes = self.max_bytes - self.held_bytes
        if chunk.spans > free_spans or size > free_bytes:
            return "queue_full"
        if (free_bytes < self.max_bytes * PRESSURE or free_spans < self.max_spans * PRESSURE) and self.crowded():
            more = max(size / self.max_bytes, chunk.spans / self.max_spans)
            free = min(free_bytes / self.max_bytes, free_spans / self.max_spans) - more
            if self._part(chunk, size) > SHARE * free:
                return "fair_share"
        return None

    def _part(self, chunk: Chunk, size: int) -> float:
        """How much of the fuller bound its agent would hold, where spans are as large as they are on average."""
        mine = self.held_by.get(chunk.agent, 0)
        spans = mine / max(1, self.held_bytes) * self.held_spans + chunk.spans
        return max((mine + size) / self.max_bytes, spans / self.max_spans)

    def _make_room(self, chunk: Chunk) -> bool:
        """Drop waiting chunks, oldest first, until the new one fits; False, and nothing dropped, where it cannot."""
        size, waiting = self._weight(chunk), self.waiting
        if (
            self.held_spans - waiting.spans + chunk.spans > self.max_spans
            or self.held_bytes - waiting.size - waiting.overhead * waiting.spans + size > self.max_bytes
        ):
            return False
        if self.journal is not None:  # what is safe on disk need not be dropped
            self.let_go(self.held_spans + chunk.spans - self.max_spans, self.held_bytes + size - self.max_bytes)
        while self.held_spans + chunk.spans > self.max_spans or self.held_bytes + size > self.max_bytes:
            oldest = waiting.evict()
            self.evicted(self._leave([oldest], DROPPED_QUEUE_FULL))
        return True

    def take(self, max_bytes: int, now: float) -> list[Chunk]:
        """The chunks of the next batch, of one format, in order: only where `waiting.time_left` is a number.

        max_bytes: what the destination has been seen to accept, never more than the configured limit.
        """
        chunks = self.waiting.take(max_bytes, now, self.cut)
        if chunks and chunks[0].format == span_patch.name:
            self.admit(chunks, SYNTHESIZED)
            if self.trail is not None:
                self.trail.chunks(statuses.SYNTHESIZED, chunks)
        else:
            self.ledger.move(QUEUED, IN_FLIGHT, sum([chunk.spans for chunk in chunks]))
        self.ledger.publish()  # before anything is sent: after a kill the books say what the upstream may have
        return chunks

    def cut(self, chunk: Chunk) -> list[Chunk]:
        """Cut a held chunk of several spans in two; the parts take its place in the bounds."""
        parts = FORMATS[chunk.format].split(chunk.body, (chunk.spans + 1) // 2, 2 * chunk.size)
        made = chunk.keeper.cut(chunk, parts)
        if self.journal is not None and len(chunk.seqs) == 1:
            self._cut_row(chunk, made, self.journal)
        self._hold(chunk.agent, sum(part.size for part in made) - chunk.size)
        return made

    def _cut_row(self, chunk: Chunk, parts: list[Chunk], journal: Journal) -> None:
        """Each part has a row of its own where the whole had one: they will have different fates."""
        first = journal.number(len(parts))
        for index, part in enumerate(parts):
            part.seqs = (first + index,)
        journal.cut(chunk.seqs[0], [row_of(part, journal) for part in parts])

    def settle(
        self,
        chunks: Sequence[Chunk],
        fate: int,
        now: float,
        *,
        rejected: int = 0,
        needless: int = 0,
        why: str = "",
    ) -> None:
        """Chunks in flight reach their fate and leave the bounds; what had to wait for that may go.

        now: loop time in seconds. rejected: spans of delivered chunks that the upstream threw away. needless:
        those that lost to what it has. why: for the trail.
        """
        if self.trail is not None:
            self.trail.fate(fate, chunks, why, rejected=rejected, needless=needless)
        self.ledger.move(IN_FLIGHT, DROPPED_REJECTED, rejected)
        self.ledger.move(IN_FLIGHT, MERGED, needless)
        self.ledger.move(IN_FLIGHT, fate, sum([chunk.spans for chunk in chunks]) - rejected - needless)
        self._release(chunks, fate)
        took_all = fate == DELIVERED and not rejected and not needless
        late = self.waiting.gone(chunks, fate=fate, took_all=took_all, now=now)
        self._leave(late, MERGED)
        self.ledger.publish()
        self.wake()

    def _leave(self, chunks: Sequence[Chunk], fate: int) -> int:
        """Chunks reach their fate without having been sent. Returns spans."""
        if self.trail is not None:
            self.trail.fate(fate, chunks)
        spans = sum([chunk.spans for chunk in chunks])
        self.ledger.move(QUEUED, fate, spans)
        self._release(chunks, fate)
        self.ledger.publish()
        return spans

    def _release(self, chunks: Sequence[Chunk], fate: int) -> None:
        """Chunks whose spans are booked leave the bounds, and the disk."""
        if self.journal is not None:
            seqs = (seq for chunk in chunks for seq in chunk.seqs)  # not looked at where nothing is on disk
            self.journal.erase(seqs, lost=fate >= DROPPED_QUEUE_FULL)
        self._let_go(chunks)

    def _let_go(self, chunks: Sequence[Chunk]) -> None:
        """Chunks leave the bounds."""
        sizes: dict[Hashable, int] = {}
        for chunk in chunks:
            self.held_spans -= chunk.spans
            sizes[chunk.agent] = sizes.get(chunk.agent, 0) + self._weight(chunk)
            chunk.keeper.let_go(chunk)
        for agent, size in sizes.items():
            self._hold(agent, -size)

    # Between memory and disk

    def write(self, spans: float, size: float, pledge: Pledge | None = None) -> bool:
        """See that the oldest, so many spans and bytes of them, have rows on disk. False where there is no room."""
        return self.waiting.write(spans, size, pledge)

    def let_go(self, spans: float, size: float) -> int:
        """The oldest whose rows are durable leave memory, so many spans and bytes of them. Returns spans."""
        chunks = self.waiting.let_go(spans, size)
        if chunks:
            self.abandon(chunks, QUEUED, DROPPED_BUG)
        return sum([chunk.spans for chunk in chunks])

    def abandon(self, chunks: Sequence[Chunk], place: int, fate: int) -> int:
        """Chunks leave memory from this place: what is safe on disk is spooled, the rest has this fate. Returns that.

        Those in flight leave where nothing will be sent any more, and nothing waits behind them.
        """
        kept = 0
        spooled: list[int] = []
        ends = [chunk for chunk in chunks if chunk.format == span_patch.name]
        for chunk in chunks:
            safe = [seq for seq in chunk.seqs if self.journal is not None and self.journal.is_safe(seq)]
            kept += len(safe) * chunk.spans // max(1, len(chunk.seqs))
            spooled += safe
            if self.journal is not None:
                self.journal.keep(safe)
                self.journal.erase(chunk.seqs, lost=True)  # of those that are not safe: they may be on their way
        spans = sum([chunk.spans for chunk in chunks])
        self.ledger.move(place, SPOOLED, kept)
        unmade = sum([chunk.spans for chunk in ends])
        self.ledger.move(place, SYNTHESIZED, unmade)  # they never were: the next life makes them
        kept += unmade
        self.ledger.move(place, fate, spans - kept)
        if self.trail is not None:
            self.trail.parted([chunk for chunk in chunks if chunk not in ends], spooled, fate)
        self._let_go(chunks)
        if place == IN_FLIGHT:
            self.waiting.gone(chunks, fate=fate, took_all=False, now=0.0)
        self.ledger.publish()
        return spans - kept

    def admit(self, chunks: Sequence[Chunk], source: int) -> None:
        """Chunks that did not wait here are in flight, and in the bounds, whatever room there is: what was on disk was
        accepted long ago, and ends for dead agents are few and small."""
        self.ledger.move(source, IN_FLIGHT, sum([chunk.spans for chunk in chunks]))
        for chunk in chunks:
            self.held_spans += chunk.spans
            self._hold(chunk.agent, self._weight(chunk))

    def rejoined(self, came: Rejoined) -> None:
        """Rows have come back: what is to be sent is in flight, what follows it waits."""
        if self.trail is not None:
            self.trail.begin(came.heads, statuses.RECOVERED)
            self.trail.note(statuses.MERGED, came.lost_keys)
        self.admit(came.send, SPOOLED)
        if came.behind:
            self.held_spans += len(came.behind)
            self._hold(RECOVERED, came.grown)
        self._leave(came.late, MERGED)

    def expire(self, before: float) -> int:
        """Drop waiting chunks that arrived before this loop time. Returns spans."""
        return self._leave(self.waiting.expire(before), DROPPED_EXPIRED)

    def empty(self, fate: int) -> int:
        """At the end of a drain: every waiting chunk that is not safe on disk has this fate. Returns spans."""
        return self.abandon(self.waiting.empty(), QUEUED, fate)
