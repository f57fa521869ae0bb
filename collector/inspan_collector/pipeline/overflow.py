"""When what waits in memory goes to disk: past a threshold, at a gate that stays closed, and before the end."""

from typing import Final

from inspan_collector.chunk import Chunk
from inspan_collector.config.model import SpoolConfig
from inspan_collector.pipeline.backlog import Backlog
from inspan_collector.pipeline.destination import Destination
from inspan_collector.queue.bundle import Copies
from inspan_collector.queue.journal import row_of
from inspan_collector.queue.posting import rows_of_copies
from inspan_collector.row import Row
from inspan_collector.spool.share import Share

SLAB: Final = 8 << 20  # bytes that are on their way to disk at once: 30 ms of a disk, and of memory to be let go
SLAB_SPANS: Final = 20_000
ENOUGH: Final = 0.9  # of the threshold: what is a little under it is not worth a write for each post


class Overflow:
    """Writes first, and lets go of memory when it is written: until then everything can still be sent from there."""

    def __init__(self, destination: Destination, share: Share, backlog: Backlog, config: SpoolConfig) -> None:
        self.destination = destination
        self.share = share
        self.backlog = backlog
        self.config = config
        self.shut = False  # the gate has been closed for too long: nothing is kept in memory that waits
        destination.filled = self.relieve
        share.changed = self.relieve

    def __repr__(self) -> str:
        return f"<Overflow {self.destination.name}{' shut' if self.shut else ''}>"

    def look(self) -> None:
        """Once in a while: is the gate closed for too long?"""
        gate = self.destination.gate
        closed = gate.state != "open" and self.destination.clock() - gate.since >= self.config.spill_after
        self.shut = closed and self.backlog.open
        self.relieve()

    def relieve(self) -> None:
        """Let go of what is on disk, and write more, as far as memory is over its threshold."""
        queue = self.destination.queue
        part = 0.0 if self.shut else self.config.threshold
        if not self.backlog.open or queue.fill() <= part:
            return
        spans = queue.held_spans - queue.max_spans * part * ENOUGH
        size = queue.held_bytes - queue.max_bytes * part * ENOUGH
        gone = queue.let_go(spans, size)
        if gone:
            self.destination.poke()
        if not self.share.is_writing() and queue.fill() > part:
            self._write(min(spans, SLAB_SPANS), min(size, SLAB))

    def _write(self, spans: float, size: float) -> None:
        queue = self.destination.queue
        if queue.write(max(spans, 1), max(size, 1)):
            return
        if self.destination.config.queue.when_full == "drop_oldest":
            self.backlog.full = True

    def write_all(self, in_flight: list[Chunk]) -> None:
        """Everything that is held gets a row: what waits, and what is in flight. They stay where they are."""
        rows: list[Row] = []
        for chunk in in_flight:
            if isinstance(chunk, Copies):
                rows += rows_of_copies(chunk, self.share)
            elif not self.share.has_row(chunk.seqs[0]):
                rows.append(row_of(chunk, self.share))
        if rows:
            self.share.put(rows, {})
        self.destination.queue.write(float("inf"), float("inf"))
