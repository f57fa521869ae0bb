"""The recount of the books for those who look each second: a queue at a time, and seldom where it is long.

A recount walks all that waits: 5 ms for 100,000 posts of one span. Of twenty full queues each second that would be a
tenth of a core, and the loop would stand still meanwhile.
"""

from collections.abc import Callable, Sequence
from typing import Final

RESTS: Final = 500  # times as long as a recount took does it rest: two thousandths of a core at most


class Recount:
    """Spans by which books and stages differ, as they were found last.

    counts: one for each book. clock: monotonic seconds.
    """

    def __init__(self, counts: Sequence[Callable[[], int]], clock: Callable[[], float]) -> None:
        self.counts = counts
        self.clock = clock
        self.found = [0] * len(counts)
        self.turn = 0
        self.next = 0.0

    def __repr__(self) -> str:
        return f"<Recount {self.total()} spans off, {len(self.counts)} books>"

    def step(self) -> None:
        """Recount the next book, unless it is too soon."""
        began = self.clock()
        if self.counts and began >= self.next:
            self.found[self.turn] = self.counts[self.turn]()
            self.turn = (self.turn + 1) % len(self.counts)
            ended = self.clock()
            self.next = ended + (ended - began) * RESTS

    def total(self) -> int:
        """0 when all is right."""
        return sum(self.found)
