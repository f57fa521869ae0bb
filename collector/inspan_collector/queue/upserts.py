"""Copies that wait by key, for an upstream where a later copy of a span replaces the earlier one.

An agent posts a span when it starts and again when it ends. Here the two become one write where they can, and never
pass each other where they cannot. Three rules:

* One key waits at most once. Of two copies the ended one stays, else the later; the other one is *merged*.
* An open copy is *held* for its end, `hold_open` seconds from its arrival at most: it starts no batch and delays none.
* A key is in one attempt at a time. Its next copy waits *behind* the one in flight until that has its fate.
"""

from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from itertools import islice
from typing import Final, cast

from inspan_collector.batch import Limits
from inspan_collector.chunk import Chunk, Copy, OwnBytes
from inspan_collector.formats import Head, span_json
from inspan_collector.memory import Memory
from inspan_collector.queue.waiting import Added

COMMA: Final = 1  # byte that a copy adds to a body beside its own


class Upserts:
    """See Waiting. Each copy is in one of three places: `holding`, `behind` or `ready`; `by_key` has them all.

    hold_open: seconds. memory: charged for the bytes of the copies.
    """

    def __init__(self, limits: Limits, hold_open: float, memory: Memory) -> None:
        self.limits = limits
        self.hold_open = hold_open
        self.memory = memory
        self.custody = OwnBytes(memory.release)
        self.by_key: dict[Hashable, Copy] = {}
        self.holding: dict[Hashable, Copy] = {}  # in the order of their arrival
        self.behind: dict[Hashable, Copy] = {}
        self.ready: deque[Copy] = deque()
        self.in_flight: set[Hashable] = set()
        self.size = 0
        self.ready_size = 0
        self.merged_bytes = 0  # that will never be sent
        self.posts = 0  # chunks taken in

    def __repr__(self) -> str:
        return f"<Upserts {len(self.ready)} ready, {len(self.holding)} held, {len(self.behind)} behind>"

    @property
    def spans(self) -> int:
        return len(self.by_key)

    def count(self) -> int:
        return len(self.ready) + len(self.holding) + len(self.behind)

    # Coming in

    def add(self, chunk: Chunk, heads: Sequence[Head]) -> Added:
        """Take the chunk apart: from here on its copies are on their own, each with bytes of its own."""
        was_ready, was_holding = bool(self.ready), bool(self.holding)
        form, agent, arrived, custody = chunk.format, chunk.agent, chunk.arrived, self.custody
        by_key, holding = self.by_key, self.holding
        grown = merged = 0
        freed: dict[Hashable, int] = {}
        for key, end, body in span_json.copies(chunk.body, heads):
            size = len(body) + COMMA
            waiting = by_key.get(key)
            if waiting is None:
                copy = by_key[key] = Copy(form, body, size, 1, agent, arrived, custody, key, end is not None, arrived)
                grown += size
                if end is None:
                    holding[key] = copy
                else:
                    self._let_go(copy)
            else:
                merged += 1
                if end is None and waiting.ended:
                    self.merged_bytes += size
                else:
                    grown += size - waiting.size
                    self._replace(waiting, body, end is not None, chunk, freed)
        self.posts += 1
        self.size += grown
        chunk.custody.let_go(chunk)
        self.memory.charge(grown)
        wake = self._full() or bool(self.ready) > was_ready or bool(holding) > was_holding
        return Added(grown + sum(freed.values()), merged, freed, wake)

    def _replace(self, copy: Copy, body: bytes, ended: bool, chunk: Chunk, freed: dict[Hashable, int]) -> None:
        """A better copy of a span that waits takes its place."""
        key, before = copy.key, copy.size
        self.merged_bytes += before
        if copy.agent != chunk.agent:
            freed[copy.agent] = freed.get(copy.agent, 0) + before
            copy.agent = chunk.agent
        copy.body, copy.size = body, len(body) + COMMA
        if ended and not copy.ended:
            copy.ended, copy.arrived = True, chunk.arrived
            if self.holding.pop(key, None) is not None:
                copy.since = chunk.arrived
                self._let_go(copy)
                return
        if key not in self.holding and key not in self.behind:
            self.ready_size += copy.size - before

    def _let_go(self, copy: Copy) -> None:
        """A copy that need not be held may be sent, or waits behind an earlier one of its key."""
        if copy.key in self.in_flight:
            self.behind[copy.key] = copy
        else:
            self.ready.append(copy)
            self.ready_size += copy.size

    # Going out

    def oldest(self) -> float | None:
        fronts = self._fronts()
        return min((copy.arrived for copy in fronts), default=None)

    def _fronts(self) -> Iterable[Copy]:
        return [*islice(self.holding.values(), 1), *islice(self.behind.values(), 1), *islice(self.ready, 1)]

    def _full(self) -> bool:
        return len(self.ready) >= self.limits.max_spans or self.ready_size >= self.limits.max_bytes

    def time_left(self, now: float) -> float | None:
        if self._full():
            return 0.0
        since = [copy.since for copy in islice(self.ready, 1)]
        since += [copy.arrived + self.hold_open for copy in islice(self.holding.values(), 1)]
        return max(0.0, min(since) + self.limits.linger - now) if since else None

    def take(self, max_bytes: int, now: float) -> list[Chunk]:
        """Every copy that is ready, or held for long enough, as many as go into one body."""
        self._ripen(now)
        ready = self.ready
        copies: list[Chunk] = []
        size = 0
        while ready and len(copies) < self.limits.max_spans and (size + ready[0].size <= max_bytes or not copies):
            copy = ready.popleft()
            size += copy.size
            copies.append(copy)
            del self.by_key[copy.key]
            self.in_flight.add(copy.key)
        self.size -= size
        self.ready_size -= size
        return copies

    def _ripen(self, now: float) -> None:
        """What was held for its time is ready."""
        due = []
        for copy in self.holding.values():
            if copy.arrived + self.hold_open > now:
                break
            due.append(copy)
        for copy in due:
            del self.holding[copy.key]
            copy.since = copy.arrived + self.hold_open
            self._let_go(copy)

    def hurry(self) -> None:
        """A drain: no end will come that is worth waiting for."""
        self.hold_open = 0.0

    def relieve(self, spans: float, size: float) -> None:
        """Held copies are let go, oldest first, until enough can leave: what waits for its end must not fill us up."""
        while self.holding and (len(self.ready) < spans or self.ready_size < size):
            self._let_go(self.holding.pop(next(iter(self.holding))))

    def put_back(self, chunks: Sequence[Chunk]) -> None:
        for copy in reversed(cast(Sequence[Copy], chunks)):  # of no other kind are those that `take` returned
            self.in_flight.discard(copy.key)
            self.by_key[copy.key] = copy
            self.ready.appendleft(copy)
            self.size += copy.size
            self.ready_size += copy.size

    def gone(self, chunks: Sequence[Chunk], *, delivered: bool, now: float) -> list[Chunk]:
        """What waited behind these is next; but an open copy that comes after its own end is pointless."""
        late: list[Chunk] = []
        for copy in cast(Sequence[Copy], chunks):
            self.in_flight.discard(copy.key)
            if (waiting := self.by_key.get(copy.key)) is None:
                continue
            if delivered and copy.ended and not waiting.ended:
                late += self._forget([waiting])
                self.merged_bytes += waiting.size
            elif self.behind.pop(copy.key, None) is not None:
                waiting.since = now
                self._let_go(waiting)
        return late

    # Leaving without being sent

    def evict(self) -> Chunk:
        copy = min(self._fronts(), key=lambda copy: copy.arrived)
        self._forget([copy])
        return copy

    def expire(self, before: float) -> list[Chunk]:
        return self._forget([copy for copy in self.by_key.values() if copy.arrived < before])

    def empty(self) -> list[Chunk]:
        return self._forget(list(self.by_key.values()))

    def _forget(self, copies: list[Copy]) -> list[Chunk]:
        for copy in copies:
            del self.by_key[copy.key]
            self.size -= copy.size
            if self.holding.pop(copy.key, None) is None and self.behind.pop(copy.key, None) is None:
                self.ready_size -= copy.size
        if copies and len(self.ready) + len(self.holding) + len(self.behind) > len(self.by_key):
            self.ready = deque(copy for copy in self.ready if copy.key in self.by_key)
        return [*copies]
