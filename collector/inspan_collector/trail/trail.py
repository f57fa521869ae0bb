"""What became of every copy, one entry a chunk and step: append-only, bounded in bytes and in age.

One writer, the loop. The keys of a chunk are packed once, in one go: what a chunk costs is a part of an entry, and no
turn of a Python loop for each copy. Entries share them, as those of a batch that is put off for an hour.
"""

from collections import deque
from collections.abc import Hashable, Sequence
from sys import getsizeof
from typing import Final

import msgspec

from inspan_collector.formats import Head
from inspan_collector.trail.blocks import Block, Blocks, Part

# Bytes of memory, CPython 3.11 on 64 bits; a test compares their sum with what Python allocates.
ENTRY: Final = 300  # an entry with its numbers, its time, and its place in the line
PART: Final = 90  # a part with its numbers, and its slot in a tuple
PRINT: Final = 40  # a fingerprint, an int of two digits, with its slot

DETAIL: Final = 200  # characters: an answer's first line


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A step that some copies took together.

    number: of its first copy; the others follow it. at: loop time in seconds. count: copies. begins: whether its part
    is heads; else the parts are keys, those of a chunk each. A key is one of formats.span_json, or its fingerprint,
    where no more is known. blocks: of the parts. attempt: from 1, 0 where there is none. detail: an answer or a reason.
    prints: fingerprints of what is sent, for each chunk in the order of its keys. size: bytes of memory, without
    the blocks.
    """

    number: int
    at: float
    status: str
    count: int
    begins: bool
    parts: tuple[Part, ...]
    blocks: tuple[Block, ...]
    attempt: int
    detail: str
    prints: tuple[Sequence[int], ...]
    size: int


class Trail:
    """The last steps of all copies of one destination.

    max_bytes: of memory. max_age: seconds. pruned: entries that were kept once and are not any more.
    """

    def __init__(self, max_bytes: int, max_age: float) -> None:
        self.max_bytes = max_bytes
        self.max_age = max_age
        self.entries: deque[Entry] = deque()
        self.blocks = Blocks(max_bytes)
        self.entry_bytes = 0
        self.pruned = 0
        self.number = 1  # of the next copy's step

    def __repr__(self) -> str:
        return f"<Trail {len(self.entries)} entries {self.size >> 10} KiB of {self.max_bytes >> 10}>"

    @property
    def size(self) -> int:
        """Of memory."""
        return self.entry_bytes + self.blocks.size

    def begin(self, at: float, status: str, heads: Sequence[Head], detail: str = "") -> None:
        """Copies come in: what people know them by is kept with the step."""
        part = self.blocks.heads(heads)
        size = ENTRY + PART + (getsizeof(detail) if detail else 0)
        self._append(Entry(self.number, at, status, len(heads), True, (part,), (part.block,), 0, detail, (), size))

    def keys(self, keys: Sequence[Hashable]) -> Part:
        """Keys, for every step that they take together."""
        return self.blocks.keys(keys)

    def note(
        self,
        at: float,
        status: str,
        parts: Sequence[Part],
        *,
        attempt: int = 0,
        detail: str = "",
        prints: Sequence[Sequence[int]] = (),
    ) -> None:
        """Copies took a step. parts: their keys, of `keys`; not empty."""
        count = sum([part.count for part in parts])
        size = ENTRY + PART * len(parts)
        if detail:
            detail = detail[:DETAIL]
            size += getsizeof(detail)
        if prints:
            size += PRINT * count
        blocks = tuple({part.block for part in parts})
        self._append(
            Entry(self.number, at, status, count, False, tuple(parts), blocks, attempt, detail, tuple(prints), size)
        )

    def _append(self, entry: Entry) -> None:
        self.number += entry.count
        self.entries.append(entry)
        self.entry_bytes += entry.size
        self.blocks.use(entry.blocks)
        if self.size > self.max_bytes or entry.at - self.entries[0].at > self.max_age:
            self.prune(entry.at)

    def prune(self, now: float) -> None:
        """Let go of what is too old or too much, oldest first; also to be called while nothing comes."""
        entries, before = self.entries, now - self.max_age
        while entries and (self.size > self.max_bytes or entries[0].at < before):
            gone = entries.popleft()
            self.pruned += 1
            self.entry_bytes -= gone.size
            self.blocks.drop(gone.blocks)

    def oldest(self) -> float | None:
        """When the first step that is kept was taken; None while none is."""
        return self.entries[0].at if self.entries else None
