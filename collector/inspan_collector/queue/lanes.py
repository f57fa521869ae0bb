"""Chunks that wait in the order in which they came, those of each format in a lane of their own."""

from collections import deque
from collections.abc import Iterator, Sequence
from heapq import merge

from inspan_collector.batch import Limits
from inspan_collector.chunk import Chunk
from inspan_collector.formats import Head
from inspan_collector.pledge import Pledge
from inspan_collector.queue.journal import Journal, put_fitting, row_of
from inspan_collector.queue.waiting import Added, Cut


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

    def appendleft(self, chunks: Sequence[Chunk]) -> None:
        """At the front, in their order."""
        self.chunks.extendleft(reversed(chunks))
        self.spans += sum(chunk.spans for chunk in chunks)
        self.size += sum(chunk.size for chunk in chunks)


class Lanes:
    """See Waiting. What is posted is sent: first come, first served, and nothing replaces anything."""

    overhead = 0

    def __init__(self, limits: Limits, journal: Journal | None = None) -> None:
        self.limits = limits
        self.journal = journal
        self.by_format: dict[str, Lane] = {}

    def __repr__(self) -> str:
        return f"<Lanes {sum(len(lane.chunks) for lane in self._lanes())} chunks>"

    def _lanes(self) -> Iterator[Lane]:
        """Those in which something waits."""
        return (lane for lane in self.by_format.values() if lane.chunks)

    @property
    def spans(self) -> int:
        return sum(lane.spans for lane in self.by_format.values())

    @property
    def size(self) -> int:
        return sum(lane.size for lane in self.by_format.values())

    def count(self) -> int:
        return sum(chunk.spans for lane in self._lanes() for chunk in lane.chunks)

    def add(self, chunk: Chunk, heads: Sequence[Head], pledge: Pledge | None = None) -> Added:
        del heads
        journal = self.journal
        if journal is not None:
            chunk.seqs = (journal.number(1),)
            if journal.eager(pledge):
                journal.put([row_of(chunk, journal)], {}, pledge)
        lane = self.by_format.get(chunk.format)
        if lane is None:
            lane = self.by_format[chunk.format] = Lane()
        lane.append(chunk)
        full = lane.spans >= self.limits.max_spans or lane.size >= self.limits.max_bytes
        return Added({chunk.agent: chunk.size}, 0, wake=full or len(lane.chunks) == 1)

    def oldest(self) -> float | None:
        return min((lane.chunks[0].arrived for lane in self._lanes()), default=None)

    def time_left(self, now: float) -> float | None:
        return min((self._time_left_of(lane, now) for lane in self._lanes()), default=None)

    def _time_left_of(self, lane: Lane, now: float) -> float:
        if lane.spans >= self.limits.max_spans or lane.size >= self.limits.max_bytes:
            return 0.0
        return max(0.0, lane.chunks[0].arrived + self.limits.linger - now)

    def take(self, max_bytes: int, now: float, cut: Cut) -> list[Chunk]:
        """The most urgent lane's; of several, that whose first span is oldest."""
        lane = min(self._lanes(), key=lambda lane: (self._time_left_of(lane, now), lane.chunks[0].arrived))
        chunk = lane.popleft()
        while chunk.spans > 1 and (chunk.spans > self.limits.max_spans or chunk.size > max_bytes):
            chunk, *rest = cut(chunk)
            lane.appendleft(rest)
        chunks = [chunk]
        spans, size = chunk.spans, chunk.size
        while lane.chunks:
            spans += lane.chunks[0].spans
            size += lane.chunks[0].size
            if spans > self.limits.max_spans or size > max_bytes:
                break
            chunks.append(lane.popleft())
        return chunks

    def gone(self, chunks: Sequence[Chunk], *, fate: int, took_all: bool, now: float) -> list[Chunk]:
        """Nothing waited for them."""
        del chunks, fate, took_all, now
        return []

    def stop_holding(self) -> None:
        """Nothing waits for anything but its batch."""

    def relieve(self, spans: float, size: float, now: float) -> bool:
        """Everything here is ready to go as it is."""
        del spans, size, now
        return False

    def write(self, spans: float, size: float, pledge: Pledge | None = None) -> bool:
        journal = self.journal
        if journal is None:
            return False
        rows = []
        for chunk in self._oldest_first():
            if spans <= 0 and size <= 0:
                break
            spans -= chunk.spans
            size -= chunk.size
            if not journal.has_row(chunk.seqs[0]):
                rows.append(row_of(chunk, journal))
        return put_fitting(rows, journal, pledge)

    def _oldest_first(self) -> Iterator[Chunk]:
        return merge(*(lane.chunks for lane in self._lanes()), key=lambda chunk: chunk.arrived)

    def let_go(self, spans: float, size: float) -> list[Chunk]:
        gone: list[Chunk] = []
        while (spans > 0 or size > 0) and self.journal is not None and self.spans:
            lane = min(self._lanes(), key=lambda lane: lane.chunks[0].arrived)
            if not self.journal.is_durable(lane.chunks[0].seqs[0]):
                break
            chunk = lane.popleft()
            gone.append(chunk)
            spans -= chunk.spans
            size -= chunk.size
        return gone

    def evict(self) -> Chunk:
        return min(self._lanes(), key=lambda lane: lane.chunks[0].arrived).popleft()

    def expire(self, before: float) -> list[Chunk]:
        gone = []
        for lane in self._lanes():
            while lane.chunks and lane.chunks[0].arrived < before:
                gone.append(lane.popleft())
        return gone

    def empty(self) -> list[Chunk]:
        return [lane.popleft() for lane in self.by_format.values() for _ in range(len(lane.chunks))]
