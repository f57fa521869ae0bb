"""Quarantine in memory: where there is no spool, and for what the disk does not take."""

import itertools
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

from inspan_collector.quarantine.kept import MEMORY, Again, Entry, bounded
from inspan_collector.row import Refused

MAX_BYTES: Final = 4 << 20  # a destination; enough to look at, little beside the memory budget

COUNTER: Final = itertools.count(MEMORY + 1)  # of the process: an id alone says which entry of which destination


class MemoryQuarantine:
    """The newest refused spans of one destination, in memory. See Quarantine.

    again: gives spans to the destination, and returns the ids of those that it took. An entry larger than the whole
    bound is evicted at once: it is counted, and its reason is in the events.
    """

    def __init__(self, again: Again, max_bytes: int = MAX_BYTES, counter: Iterator[int] = COUNTER) -> None:
        self.again = again
        self.max_bytes = max_bytes
        self.counter = counter
        self.kept: dict[int, Refused] = {}  # oldest first
        self.bytes = 0
        self.spans = 0
        self.evicted = 0

    def __repr__(self) -> str:
        return f"<MemoryQuarantine {self.spans} spans {self.bytes} of {self.max_bytes} bytes, {self.evicted} evicted>"

    def put(self, refused: Refused, erase: Sequence[int] = ()) -> None:
        """See Quarantine."""
        del erase  # nothing is on disk
        kept = bounded(refused)
        kept.id = next(self.counter)
        self.kept[kept.id] = kept
        self.bytes += len(kept.body)
        self.spans += kept.spans
        while self.bytes > self.max_bytes:
            self.evicted += self._forget(next(iter(self.kept))).spans

    def _forget(self, number: int) -> Refused:
        gone = self.kept.pop(number)
        self.bytes -= len(gone.body)
        self.spans -= gone.spans
        return gone

    async def entries(self, after: int, limit: int) -> list[Entry]:
        """See Quarantine."""
        numbers = list(self.kept)
        start = bisect_right(numbers, after)
        return [Entry.of(self.kept[number]) for number in numbers[start : start + limit]]

    async def one(self, number: int) -> Refused | None:
        """See Quarantine."""
        return self.kept.get(number)

    async def drop(self, numbers: Sequence[int]) -> list[int]:
        """See Quarantine."""
        return [self._forget(number).id for number in dict.fromkeys(numbers) if number in self.kept]

    async def replay(self, numbers: Sequence[int]) -> list[int]:
        """See Quarantine."""
        taken = self.again([self.kept[number] for number in dict.fromkeys(numbers) if number in self.kept])
        return [self._forget(number).id for number in taken]
