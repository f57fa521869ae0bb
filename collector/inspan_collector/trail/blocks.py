"""Where packed heads and keys lie: one behind the other in blocks, each of which goes when its last use is gone.

Were each an object of its own, its memory would have to be found anew for each post, long after it was used last: that
costs as much as to pack it.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Final

import msgspec

from inspan_collector.formats import Head
from inspan_collector.trail.packing import pack, pack_keys

BLOCK: Final = 1 << 16  # bytes; a hundredth of what is usual for a trail, and some twenty posts of a dozen copies
SMALL: Final = 16  # blocks at least, of a trail that is small: what is pruned goes a block at a time
BESIDE: Final = 150  # bytes of memory of a block beside its data
KEPT: Final = 1 << 16  # bytes of what is packed at once, for which room is kept until the next time


class Block(msgspec.Struct, gc=False, eq=False):
    """filled: bytes of its data that are taken. uses: by entries that are kept."""

    data: bytearray
    filled: int = 0
    uses: int = 0

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return len(self.data) + BESIDE


class Part(msgspec.Struct, gc=False, eq=False, frozen=True):
    """What was packed in one go: data[begin:end] of its block. count: heads or keys. prints: fingerprints for keys."""

    block: Block
    begin: int
    end: int
    count: int
    prints: bool

    def packed(self) -> bytearray:
        """For `unpack` or `unpack_keys`; a copy."""
        return self.block.data[self.begin : self.end]

    def holds(self, text: bytes) -> bool:
        """Whether this text is in it."""
        return self.block.data.find(text, self.begin, self.end) >= 0


class Blocks:
    """The blocks of one trail. max_bytes: of the trail. size: bytes of memory of those that are in use."""

    def __init__(self, max_bytes: int) -> None:
        self.full = min(BLOCK, max_bytes // SMALL)
        self.size = 0
        self.block = Block(bytearray())
        self.desk = bytearray()

    def heads(self, heads: Sequence[Head]) -> Part:
        """Put heads into a block."""
        pack(heads, self.desk)
        return self._put(len(heads), prints=False)

    def keys(self, keys: Sequence[Hashable]) -> Part:
        """Put keys into a block."""
        pack_keys(keys, self.desk)
        return self._put(len(keys), prints=isinstance(keys[0], bytes))

    def _put(self, count: int, *, prints: bool) -> Part:
        block, size = self.block, len(self.desk)
        begin, end = block.filled, block.filled + size
        if end > len(block.data):
            block = self.block = Block(bytearray(max(self.full, size)))
            begin, end = 0, size
        block.data[begin:end] = self.desk
        block.filled = end
        if size > KEPT:
            self.desk = bytearray()
        return Part(block, begin, end, count, prints)

    def use(self, blocks: Iterable[Block]) -> None:
        """An entry needs them."""
        for block in blocks:
            if not block.uses:
                self.size += block.size
            block.uses += 1

    def drop(self, blocks: Iterable[Block]) -> None:
        """An entry that needed them is gone."""
        for block in blocks:
            block.uses -= 1
            if not block.uses:
                self.size -= block.size
