"""What is published in one instant, although a kill may come between any two instructions.

Two slots and a word that says which of them holds. The slot not in use is written, then the word: one aligned store,
which has happened or has not. So a reader finds all numbers as they were at one `publish`.
"""

from array import array
from collections import deque
from typing import Final

from inspan_collector.mirror.layout import ENDS, ENTRY, WORD

_HEAD: Final = -2  # entries that the ring ever got; the last of the page's numbers, whatever its accounts
_TAIL: Final = -1  # entries that were forgotten again


class Book:
    """Numbers that are published together, 0.1 µs a time. Nobody sees what `numbers` says until then."""

    __slots__ = ("flip", "numbers", "slots", "turn")

    def __init__(self, region: memoryview, count: int) -> None:
        """region: of the file, as int64. count: numbers in the book."""
        # A view of an array: a store takes 0.03 µs less than into the array itself, which parses it as an argument.
        self.numbers = memoryview(array("q", bytes(count * WORD)))
        self.turn = 0
        self.move(region)

    def move(self, region: memoryview) -> None:
        """Publish to this region from now on, which holds what the former one held."""
        count = len(self.numbers)
        self.flip = region[:1]
        self.slots = (region[1 : 1 + count], region[1 + count : 1 + 2 * count])

    def publish(self) -> None:
        """Let the numbers, as they are now, be what survives."""
        turn = self.turn + 1
        self.slots[turn & 1][:] = self.numbers
        self.flip[0] = turn
        self.turn = turn


def published(region: memoryview, count: int) -> list[int]:
    """The numbers of a book as they were published last; zeros where they never were."""
    start = 1 + (region[0] & 1) * count
    return list(region[start : start + count])


class Page(Book):
    """A destination's balances, and the rows whose spans have their fate in them while the row may be on disk still.

    A row that a later life finds both here and on disk is not counted twice. `overflowed`: rows that found the ring
    full; after a kill they count as not settled, and are sent again.
    """

    __slots__ = ("called", "forgotten", "limit", "lost", "overflowed", "ring", "size")

    def __init__(self, region: memoryview, ring: memoryview, accounts: int) -> None:
        super().__init__(region, accounts + ENDS)
        self.ring = ring
        self.size = len(ring) // ENTRY
        self.limit = self.size
        self.called = 0
        self.forgotten = 0
        self.lost: deque[tuple[int, int]] = deque()  # which calls found it full: from, up to
        self.overflowed = 0

    def __repr__(self) -> str:
        return f"<Page {self.numbers[_HEAD] - self.numbers[_TAIL]} rows of {self.size}, {self.overflowed} overflowed>"

    def settled(self, seq: int, spans: int, again: bool = False) -> None:
        """Note a row whose spans have their fate; part of the next publish.

        again: not all of them have, and the row is sent again if it is found.
        """
        head = self.numbers[_HEAD]
        if head >= self.limit:
            # What is forgotten and not published yet must not be overwritten: a kill would find it in the ring.
            self.limit = self.slots[self.turn & 1][_TAIL] + self.size
        if head < self.limit:
            at = head % self.size * ENTRY
            self.ring[at] = seq
            self.ring[at + 1] = spans << 1 | again
            self.numbers[_HEAD] = head + 1
        else:
            self._lose()
        self.called += 1

    def forget(self, count: int) -> None:
        """The erasures of the `count` oldest rows that were settled are durable; part of the next publish.

        Those that found the ring full count too, so that the caller need not know of it.
        """
        end = min(self.forgotten + count, self.called)
        found = end - self.forgotten
        while self.lost and self.lost[0][0] < end:
            first, last = self.lost.popleft()
            found -= min(last, end) - first
            if last > end:
                self.lost.appendleft((end, last))
        self.forgotten = end
        self.numbers[_TAIL] += found

    def _lose(self) -> None:
        self.overflowed += 1
        first = self.called
        if self.lost and self.lost[-1][1] == first:
            first, _ = self.lost.pop()
        self.lost.append((first, self.called + 1))
