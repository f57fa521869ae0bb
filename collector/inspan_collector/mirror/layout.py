"""Where in the file which number is. All are int64 of this machine; positions and lengths count them, not bytes.

head    magic, version, length of the file and of the names in bytes, crc32 of the names, whether clean, 2 spare
names   JSON, so that a life with another configuration, or more accounts, finds what it knows by name
books   of each destination, then of each dialect: a flip word and two slots
rings   of each destination: (seq, spans << 1 | again)
"""

from collections.abc import Sequence
from typing import Annotated, Final
from zlib import crc32

import msgspec
from msgspec import Meta, Struct

from inspan_collector.ledger import ACCOUNTS, COUNTS, SOURCES

WORD: Final = 8  # bytes; one aligned store, which a kill cannot divide
MAGIC: Final = int.from_bytes(b"inspan\x00\x7f", "big")  # in this machine's order; a file of the other order differs
VERSION: Final = 1
HEAD: Final = 8
CLEAN: Final = 5  # where in the head it says that the books were closed
ENDS: Final = 2  # numbers of a page beside its balances: how many entries its ring ever got, and lost again
ENTRY: Final = 2
LINE: Final = 8  # a book begins on a cache line, so that two of them do not share one
PAGE: Final = 512  # rings begin on a page of memory: one that is never used never becomes dirty
# Settled rows whose erasures are on the way to the disk: three seconds of the 19,600 chunks/s that a disk was measured
# to take, where one group commit is milliseconds. 1 MiB a destination.
RING: Final = 65_536
MAX_RING: Final = 1 << 20


class Names(Struct, frozen=True, forbid_unknown_fields=True):
    """What the numbers are called. accounts: sources, kept negative, first. counts: of a dialect. ring: entries."""

    destinations: tuple[str, ...]
    dialects: tuple[str, ...]
    sources: Annotated[int, Meta(ge=0)]
    accounts: tuple[str, ...]
    counts: tuple[str, ...]
    ring: Annotated[int, Meta(ge=1, le=MAX_RING)]

    def __post_init__(self) -> None:
        """Errors: ValueError."""
        if self.sources > len(self.accounts) or self.counts[:2] != COUNTS[:2]:
            raise ValueError("accounts that cannot be")


class Layout:
    """The file of a life with these names."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.text = msgspec.json.encode(names)
        self.numbers = len(names.accounts) + ENDS  # of a page
        at = _up(HEAD + _up(len(self.text), WORD) // WORD, LINE)
        self.pages, at = _regions(names.destinations, at, _up(1 + 2 * self.numbers, LINE))
        self.receptions, at = _regions(names.dialects, at, _up(1 + 2 * len(names.counts), LINE))
        self.rings, self.length = _regions(names.destinations, _up(at, PAGE), ENTRY * names.ring)

    @classmethod
    def of(cls, destinations: Sequence[str], dialects: Sequence[str], ring: int = RING) -> "Layout":
        """The layout that this version writes."""
        return cls(Names(tuple(destinations), tuple(dialects), len(SOURCES), ACCOUNTS, COUNTS, ring))

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return self.length * WORD

    def head(self) -> list[int]:
        """The first words of an open file."""
        return [MAGIC, VERSION, self.size, len(self.text), crc32(self.text), 0, 0, 0]


def _up(count: int, step: int) -> int:
    return -(-count // step) * step


def _regions(names: Sequence[str], at: int, length: int) -> tuple[dict[str, slice], int]:
    """Where each of these is, one after the other, and where the next may begin."""
    starts = range(at, at + length * len(names), length)
    return {name: slice(start, start + length) for name, start in zip(names, starts, strict=True)}, starts.stop
