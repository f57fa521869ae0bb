"""When what waits in memory goes to disk: past a threshold, at a gate that stays closed, and before the end."""

from typing import Final

from inspan_collector.chunk import Chunk
from inspan_collector.config.model import SpoolConfig
from inspan_collector.formats import span_patch
from inspan_collector.pipeline.backlog import Backlog
from inspan_collector.pipeline.destination import Destination
from inspan_collector.pledge import Pledge
from inspan_collector.queue.bundle import Copies
from inspan_collector.queue.journal import put_fitting, row_of
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
        self.writing = False  # a slab is on its way
        self.in_vain = False  # nothing was to be written when it was last looked: not again for each offer
        self.refused = False  # for want of room, since the last look: to make rows of all that waits takes long
        self.few_spans = destination.queue.max_spans * config.threshold
        self.few_bytes = destination.queue.max_bytes * config.threshold
        self.shut = False  # the gate has been closed for too long: nothing is kept in memory that waits
        destination.filled = self.relieve
        share.changed = self._changed

    def __repr__(self) -> str:
        return f"<Overflow {self.destination.name}{' shut' if self.shut else ''}>"

    def look(self) -> None:
        """Once in a while: is the gate closed for too long?"""
        gate = self.destination.gate
        closed = gate.state != "open" and self.destination.clock() - gate.since >= self.config.spill_after
        self.shut = closed and self.backlog.open
        self.refused = False
        self._changed()

    def _changed(self) -> None:
        """Rows are durable now, or could not be written, or time has passed."""
        self.in_vain = False
        self.relieve()

    def relieve(self) -> None:
        """Let go of what is on disk, and write more, as far as memory is over its threshold."""
        queue = self.destination.queue
        if queue.held_spans <= self.few_spans and queue.held_bytes <= self.few_bytes and not self.shut:
            return  # asked at each offer, and nearly always all is well
        part = 0.0 if self.shut else self.config.threshold
        if not self.backlog.open or queue.fill() <= part:
            return
        spans = queue.held_spans - queue.max_spans * part * ENOUGH
        size = queue.held_bytes - queue.max_bytes * part * ENOUGH
        gone = queue.let_go(spans, size)
        if gone:
            self.destination.poke()
        if not self.writing and not self.in_vain and not self.refused and queue.fill() > part:
            self._write(min(spans, SLAB_SPANS), min(size, SLAB))

    def _write(self, spans: float, size: float) -> None:
        self.writing = True
        before = len(self.share.unwritten)
        pledge = Pledge(self._landed)
        written = self.destination.queue.write(max(spans, 1), max(size, 1), pledge)
        pledge.close()
        self.in_vain = len(self.share.unwritten) == before
        self.refused = not written
        self.backlog.full = False
        if not written and self.destination.config.queue.when_full == "drop_oldest":
            self.backlog.full = True

    def _landed(self, kept: bool) -> None:
        """The slab is on disk, or cannot be."""
        del kept
        self.writing = False

    def write_all(self, in_flight: list[Chunk]) -> None:
        """Everything that is held gets a row: what waits, and what is in flight. They stay where they are."""
        rows: list[Row] = []
        for chunk in in_flight:
            if chunk.format == span_patch.name:
                continue  # the next life ends these spans, if we cannot
            if isinstance(chunk, Copies):
                rows += rows_of_copies(chunk, self.share)
            elif not self.share.has_row(chunk.seqs[0]):
                rows.append(row_of(chunk, self.share))
        if rows:
            put_fitting(rows, self.share)
        self.destination.queue.write(float("inf"), float("inf"))
