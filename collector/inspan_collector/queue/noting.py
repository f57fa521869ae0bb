"""Where the books move, the trail is told: in the words of the queue and of its chunks."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import cast

from inspan_collector.chunk import Chunk
from inspan_collector.formats import Head
from inspan_collector.queue.bundle import Copies
from inspan_collector.trail import Part, Trail
from inspan_collector.trail.statuses import ACCEPTED, MERGED, SPOOLED, of_fate


class Noting:
    """Writes in the trail of one destination, whose chunks are Copies. clock: loop time in seconds."""

    def __init__(self, trail: Trail, clock: Callable[[], float]) -> None:
        self.trail = trail
        self.clock = clock

    def __repr__(self) -> str:
        return f"<Noting {self.trail!r}>"

    def begin(self, heads: Sequence[Head], status: str = ACCEPTED, detail: str = "") -> None:
        """Copies with these heads are here."""
        if heads:
            self.trail.begin(self.clock(), status, heads, detail)

    def note(self, status: str, keys: Iterable[Hashable], detail: str = "") -> None:
        """Copies of these keys took a step; a key may be there several times, or be a fingerprint."""
        listed = list(keys)
        if listed:
            self.trail.note(self.clock(), status, [self.trail.keys(listed)], detail=detail)

    def chunks(self, status: str, chunks: Sequence[Chunk], *, attempt: int = 0, detail: str = "") -> None:
        """The copies of these chunks took a step. attempt: which one of theirs, from 1."""
        copies = cast(Sequence[Copies], chunks)
        parts = [chunk.part or self._part(chunk) for chunk in copies]
        if parts:
            marked = attempt > 0 and all(chunk.prints for chunk in copies)
            prints = [chunk.prints for chunk in copies] if marked else ()
            self.trail.note(self.clock(), status, parts, attempt=attempt, detail=detail, prints=prints)

    def _part(self, chunk: Copies) -> Part:
        """Its keys, once for all steps that it takes."""
        chunk.part = self.trail.keys(chunk.keys)
        return chunk.part

    def fate(self, fate: int, chunks: Sequence[Chunk], why: str = "", *, rejected: int = 0, needless: int = 0) -> None:
        """The copies of these chunks reached it. rejected, needless: of those that were delivered, see Queue.settle."""
        spans = sum([chunk.spans for chunk in chunks]) if rejected or needless else 0
        status, detail = of_fate(fate, why, spans=spans, rejected=rejected, needless=needless)
        self.chunks(status, chunks, detail=detail)

    def fate_of_keys(self, fate: int, keys: Iterable[Hashable], why: str = "") -> None:
        """Copies of these keys reached it on disk; see `note`."""
        status, detail = of_fate(fate, why)
        self.note(status, keys, detail)

    def parted(self, chunks: Sequence[Chunk], safe: Iterable[int], fate: int) -> None:
        """The copies of these chunks left memory: those with a seq in `safe` are on disk alone, the rest has a fate."""
        on_disk = set(safe)
        spooled: list[Hashable] = []
        lost: list[Hashable] = []
        for chunk in cast(Sequence[Copies], chunks):
            for index, key in enumerate(chunk.keys):
                (spooled if chunk.seqs and chunk.seqs[index] in on_disk else lost).append(key)
        status, detail = of_fate(fate)
        self.note(SPOOLED, spooled)
        self.note(status, lost, detail)

    def lost(self, keys: Sequence[Hashable]) -> None:
        """Of copies of one post with these keys one of each stays, and the others lost to it."""
        staying = set(keys)
        lost: list[Hashable] = []
        for key in keys:
            if key in staying:
                staying.remove(key)
            else:
                lost.append(key)
        self.note(MERGED, lost)
