"""The one buffer of a destination. `offer` answers at once and never awaits; everything has a bound."""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Final

from inspan_collector.batch import Limits
from inspan_collector.chunk import Chunk
from inspan_collector.ledger import (
    DROPPED_EXPIRED,
    DROPPED_QUEUE_FULL,
    ENQUEUED,
    IN_FLIGHT,
    QUEUED,
    Ledger,
    QueueRefusal,
)

PRESSURE: Final = 0.5  # of a bound; below it there is room for everyone and nobody is compared
SHARE: Final = 8  # times the free room is what one agent may hold: alone it gets 8/9, two get 8/17 each,
#                   and a newcomer always finds room (dynamic thresholds, Choudhury and Hahne 1998)


class Lane:
    """The waiting chunks of one format: only these can share a body."""

    __slots__ = ("chunks", "size", "spans")

    def __init__(self) -> None:
        self.chunks: deque[Chunk] = deque()
        self.spans = 0
        self.size = 0

    def append(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)
        self.spans += chunk.spans
        self.size += chunk.size

    def popleft(self) -> Chunk:
        chunk = self.chunks.popleft()
        self.spans -= chunk.spans
        self.size -= chunk.size
        return chunk

    def put_back(self, chunks: list[Chunk]) -> None:
        """At the front, in their order."""
        self.chunks.extendleft(reversed(chunks))
        self.spans += sum(chunk.spans for chunk in chunks)
        self.size += sum(chunk.size for chunk in chunks)


class Queue:
    """Chunks that wait, bounded together with those in flight: a chunk counts until its fate.

    max_spans, max_bytes: the bounds. evict: make room by dropping the oldest waiting chunks instead of refusing.
    crowded: whether more than one agent is connected. wake: called when a lane stops being empty or holds a full batch.
    evicted: told how many spans made room.
    """

    def __init__(
        self,
        ledger: Ledger,
        limits: Limits,
        *,
        max_spans: int,
        max_bytes: int,
        evict: bool,
        crowded: Callable[[], bool],
    ) -> None:
        self.ledger = ledger
        self.limits = limits
        self.max_spans = max_spans
        self.max_bytes = max_bytes
        self.evict = evict
        self.crowded = crowded
        self.wake: Callable[[], None] = lambda: None
        self.evicted: Callable[[int], None] = lambda _: None
        self.lanes: dict[str, Lane] = {}
        self.held_spans = 0
        self.held_bytes = 0
        self.held_by: dict[Hashable, int] = {}  # bytes of each agent that holds any

    def __repr__(self) -> str:
        chunks = sum(len(lane.chunks) for lane in self.lanes.values())
        return (
            f"<Queue {self.ledger.destination} {chunks} chunks {self.held_spans} spans"
            f" {self.held_bytes >> 10} KiB of {self.max_bytes >> 20} MiB>"
        )

    def fill(self) -> float:
        """0.0 to 1.0: how full the fuller of the two bounds is."""
        return max(self.held_spans / self.max_spans, self.held_bytes / max(1, self.max_bytes))

    def offer(self, chunk: Chunk) -> QueueRefusal | None:
        """Take the chunk, or say why not."""
        refusal = self._refusal(chunk)
        if refusal and not (self.evict and refusal == "queue_full" and self._make_room(chunk)):
            return refusal
        self.ledger.move(ENQUEUED, QUEUED, chunk.spans)
        self.held_spans += chunk.spans
        self.held_bytes += chunk.size
        self.held_by[chunk.agent] = self.held_by.get(chunk.agent, 0) + chunk.size
        lane = self.lanes.get(chunk.format)
        if lane is None:
            lane = self.lanes[chunk.format] = Lane()
        lane.append(chunk)
        # Only these two change what the batcher waits for; waking it at each chunk doubles the cost of an offer.
        if len(lane.chunks) == 1 or lane.spans >= self.limits.max_spans or lane.size >= self.limits.max_bytes:
            self.wake()
        return None

    def _refusal(self, chunk: Chunk) -> QueueRefusal | None:
        if chunk.spans > self.max_spans or chunk.size > self.max_bytes:
            return "too_large"
        free_spans = self.max_spans - self.held_spans
        free_bytes = self.max_bytes - self.held_bytes
        if chunk.spans > free_spans or chunk.size > free_bytes:
            return "queue_full"
        if (free_bytes < self.max_bytes * PRESSURE or free_spans < self.max_spans * PRESSURE) and self.crowded():
            free = min(free_bytes / self.max_bytes, free_spans / self.max_spans)
            if self.held_by.get(chunk.agent, 0) / self.max_bytes > SHARE * free:
                return "fair_share"
        return None

    def _make_room(self, chunk: Chunk) -> bool:
        """Drop waiting chunks, oldest first, until the new one fits; False, and nothing dropped, where it cannot."""
        waiting_spans = sum(lane.spans for lane in self.lanes.values())
        waiting_bytes = sum(lane.size for lane in self.lanes.values())
        if (
            self.held_spans - waiting_spans + chunk.spans > self.max_spans
            or self.held_bytes - waiting_bytes + chunk.size > self.max_bytes
        ):
            return False
        while self.held_spans + chunk.spans > self.max_spans or self.held_bytes + chunk.size > self.max_bytes:
            lane = min((lane for lane in self.lanes.values() if lane.chunks), key=lambda lane: lane.chunks[0].arrived)
            oldest = lane.popleft()
            self.settle(oldest, QUEUED, DROPPED_QUEUE_FULL)
            self.evicted(oldest.spans)
        return True

    def waiting(self) -> int:
        """Spans that wait for a batch: the independent count of what the ledger calls queued."""
        return sum(chunk.spans for lane in self.lanes.values() for chunk in lane.chunks)

    def oldest(self) -> float | None:
        """Loop time at which the oldest waiting chunk arrived; None while nothing waits."""
        return min((lane.chunks[0].arrived for lane in self.lanes.values() if lane.chunks), default=None)

    def time_left(self, now: float) -> float | None:
        """Seconds until a batch must go, 0 where one is full or due; None while nothing waits."""
        left: float | None = None
        for lane in self.lanes.values():
            if lane.chunks:
                due = self._time_left_of(lane, now)
                left = due if left is None else min(left, due)
        return left

    def _time_left_of(self, lane: Lane, now: float) -> float:
        if lane.spans >= self.limits.max_spans or lane.size >= self.limits.max_bytes:
            return 0.0
        return max(0.0, lane.chunks[0].arrived + self.limits.linger - now)

    def take(self, max_bytes: int, now: float) -> list[Chunk]:
        """The chunks of the next batch, of one format, in order: the most urgent, of those whose first span is oldest.

        max_bytes: what the destination has been seen to accept, never more than the configured limit. The first chunk
        may be over a limit by itself: the caller cuts it and puts the rest back.
        """
        lane = min(
            (lane for lane in self.lanes.values() if lane.chunks),
            key=lambda lane: (self._time_left_of(lane, now), lane.chunks[0].arrived),
        )
        chunks = [lane.popleft()]
        spans, size = chunks[0].spans, chunks[0].size
        while lane.chunks:
            spans += lane.chunks[0].spans
            size += lane.chunks[0].size
            if spans > self.limits.max_spans or size > max_bytes:
                break
            chunks.append(lane.popleft())
        self.ledger.move(QUEUED, IN_FLIGHT, sum(chunk.spans for chunk in chunks))
        return chunks

    def put_back(self, chunks: list[Chunk]) -> None:
        """Taken chunks wait again, in front of all others."""
        self.lanes[chunks[0].format].put_back(chunks)
        self.ledger.move(IN_FLIGHT, QUEUED, sum(chunk.spans for chunk in chunks))

    def replace(self, chunk: Chunk, parts: list[tuple[bytes, int]]) -> list[Chunk]:
        """Cut a held chunk: the parts (body, spans) take its place in the bounds too."""
        made = chunk.cut(parts)
        grown = sum(part.size for part in made) - chunk.size
        self.held_bytes += grown
        self._credit(chunk.agent, -grown)
        return made

    def settle(self, chunk: Chunk, place: int, fate: int) -> None:
        """A held chunk reaches its fate and leaves the bounds."""
        self.ledger.move(place, fate, chunk.spans)
        self.release(chunk)

    def release(self, chunk: Chunk) -> None:
        """A chunk whose spans are booked leaves the bounds."""
        self.held_spans -= chunk.spans
        self.held_bytes -= chunk.size
        self._credit(chunk.agent, chunk.size)
        chunk.custody.drop()

    def expire(self, before: float) -> int:
        """Drop waiting chunks that arrived before this loop time. Returns spans."""
        spans = 0
        for lane in self.lanes.values():
            while lane.chunks and lane.chunks[0].arrived < before:
                chunk = lane.popleft()
                spans += chunk.spans
                self.settle(chunk, QUEUED, DROPPED_EXPIRED)
        return spans

    def empty(self, fate: int) -> int:
        """Give every waiting chunk one fate, at the end of a drain. Returns spans."""
        spans = 0
        for lane in self.lanes.values():
            while lane.chunks:
                chunk = lane.popleft()
                spans += chunk.spans
                self.settle(chunk, QUEUED, fate)
        return spans

    def _credit(self, agent: Hashable, size: int) -> None:
        left = self.held_by[agent] - size
        if left > 0:
            self.held_by[agent] = left
        else:
            del self.held_by[agent]  # no agent is remembered for having been here
