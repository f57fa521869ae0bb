"""What the control socket says of one trace: the trails of all destinations, looked through a little at a time."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from inspan_collector.trail import Search, Span, Trail


class Told(msgspec.Struct):
    """Of one destination. since: seconds since the epoch of the oldest step that its trail has; None where it is empty.

    pruned: entries that it had once and let go. left_out: spans of the trace that are too many to be shown.
    """

    spans: list[Span]
    since: float | None
    pruned: int
    left_out: int


class Tracing:
    """Follows traces. trails: of the destinations that have one, by name. now: loop time in seconds."""

    def __init__(self, trails: Callable[[], Mapping[str, Trail]], now: Callable[[], float]) -> None:
        self.trails = trails
        self.now = now

    async def trace(self, trace_id: str, span_id: str | None) -> dict[str, Any]:
        """For JSON: what is known of the spans of a trace, or of one of them, by destination."""
        destinations = {name: await self._told(trail, trace_id, span_id) for name, trail in self.trails().items()}
        return {"now": time.time(), "destinations": destinations}

    async def _told(self, trail: Trail, trace_id: str, span_id: str | None) -> Told:
        epoch = time.time() - self.now()
        # A copy of the list, and not of what is in it: what is pruned meanwhile is held until the end.
        search = Search(list(trail.entries), trace_id, span_id, epoch)
        for _ in search.slices():
            await asyncio.sleep(0)
        spans: list[Span] = []
        for span in search.spans():
            spans.append(span)
            if len(spans) % 500 == 0:  # a millisecond
                await asyncio.sleep(0)
        oldest = trail.oldest()
        return Told(spans, None if oldest is None else round(epoch + oldest, 6), trail.pruned, len(search.left_out))
