"""When the spans of many turns start and end, while the turns go on. Pure: told the time, in nanoseconds."""

from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

import msgspec

from inspan_collector.demo.agents.story import Span


class Copy(NamedTuple):
    """A span as it is told of at one time: when it starts, without an end, or when it has ended."""

    span: Span
    ended: bool


class Timeline:
    """What happens next. A parent starts before its children."""

    def __init__(self) -> None:
        self._next: list[tuple[int, int, Copy]] = []
        self._order = count()  # of what happens at the same time

    def __repr__(self) -> str:
        return f"<Timeline {len(self._next)} copies to come>"

    def begin(self, turn: Sequence[Span], now: int) -> None:
        """A turn as `story.turn` tells it afterwards, its whole last, starts now."""
        later = now - turn[-1].start
        for told in (turn[-1], *turn[:-1]):
            span = msgspec.structs.replace(told, start=told.start + later, end=told.end + later)
            heappush(self._next, (span.start, next(self._order), Copy(span, ended=False)))
            heappush(self._next, (span.end, next(self._order), Copy(span, ended=True)))

    def due(self, now: int) -> list[Copy]:
        """What has happened since this was last asked, in order."""
        happened = []
        while self._next and self._next[0][0] <= now:
            happened.append(heappop(self._next)[2])
        return happened

    def close(self, now: int) -> list[Copy]:
        """All that has started ends now, what has not never will. Call `due` with the same time before."""
        copies = [copy for _, _, copy in self._next if copy.ended and copy.span.start <= now]
        self._next.clear()
        return [Copy(msgspec.structs.replace(copy.span, end=now), ended=True) for copy in copies]
