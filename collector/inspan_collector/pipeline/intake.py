"""Where a scanned request becomes chunks: one for each destination that takes its format."""

from collections.abc import Callable, Hashable, Sequence

from inspan_collector.chunk import Chunk, Custody
from inspan_collector.formats import FORMATS, Scan, span_json
from inspan_collector.ledger import QueueRefusal
from inspan_collector.memory import Memory
from inspan_collector.pipeline.destination import Destination
from inspan_collector.pledge import Pledge


class Intake:
    """Offers bodies to the destinations and answers for all of them.

    clock: loop time in seconds. remember: writes down which post it is that a pledge was given for, behind its spans.
    """

    def __init__(
        self,
        destinations: Sequence[Destination],
        memory: Memory,
        clock: Callable[[], float],
        remember: Callable[[Pledge], None] = lambda _: None,
    ) -> None:
        self.remember = remember
        self.memory = memory
        self.clock = clock
        self.unkept = 0  # spans accepted without an end, where no destination can update them: their end will come
        self.takers = {
            name: [destination for destination in destinations if name in destination.exporter.formats]
            for name in FORMATS
        }

    def formats(self) -> list[str]:
        """Formats that at least one destination takes."""
        return [name for name, takers in self.takers.items() if takers]

    def fill(self) -> float:
        """0.0 to 1.0: how full the emptiest destination is; what an agent should heed."""
        fills = [taker.queue.fill() for takers in self.takers.values() for taker in takers]
        return min(fills, default=1.0)

    def offer(
        self, format: str, body: bytes, scan: Scan, agent: Hashable, reserved: int, pledge: Pledge | None = None
    ) -> QueueRefusal | None:
        """Give a scanned body to every destination that takes its format.

        reserved: bytes of custody that the caller holds for it. pledge: that every destination which takes it has it on
        disk; the caller closes it. Returns None where at least one took it (or none had
        a use for it yet): the reservation is ours then. Else the refusal, and the reservation stays the caller's.
        """
        custody = Custody(reserved, self.memory.release)
        custody.holders = 1  # ours, until everyone has been asked
        refusal: QueueRefusal | None = None
        turned_away: list[tuple[Destination, int]] = []
        taken = False
        for taker in self.takers[format]:
            chunk, merged = self._chunk_for(taker, format, body, scan, agent, custody)
            if chunk is None:
                continue
            refused = taker.offer(chunk, scan.heads, pledge)
            if refused is None:
                taken = True
                taker.merge(merged)
            else:
                # One that has room later is worth waiting for, whatever the others will never take.
                refusal = refused if refusal in (None, "too_large") else refusal
                turned_away.append((taker, chunk.spans + merged))
                chunk.keeper.let_go(chunk)
        if refusal and not taken:
            return refusal
        if not taken:
            self.unkept += scan.spans
        for taker, spans in turned_away:
            taker.turn_away(spans, scan.heads)
            if pledge is not None:  # it was offered to one that has it neither in memory nor on disk
                pledge.expect()
                pledge.settle(kept=False)
        if pledge is not None and pledge.post is not None and not pledge.broken:
            self.remember(pledge)
        custody.drop()
        return None

    def _chunk_for(
        self, taker: Destination, format: str, body: bytes, scan: Scan, agent: Hashable, custody: Custody
    ) -> tuple[Chunk | None, int]:
        """What this destination is offered, and how many copies were left out of it as merged.

        None where it has no use for it: a start, where it cannot be updated.
        """
        now = self.clock()
        if format != span_json.name or taker.exporter.upserts:
            return custody.chunk(format, body, scan.spans, agent=agent, arrived=now), 0
        if scan.unended == scan.spans:
            return None, 0
        ended, spans, merged = span_json.ended(body, scan.heads)
        if ended is not body:
            self.memory.charge(len(ended))  # a second body: it was not foreseen, and it is smaller than the first
            custody = Custody(len(ended), self.memory.release)
        return custody.chunk(format, ended, spans, agent=agent, arrived=now), merged
