"""What a quarantine is: what can be put into it and asked of it, however it is kept.

An id says where an entry is: those on disk have the store's, those in memory begin above MEMORY and are written `m1`,
`m2`, …; these do not outlive the process.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from inspan_collector.row import Refused

MAX_MESSAGE: Final = 500  # characters of the upstream's words that are kept
MEMORY: Final = 1 << 62  # ids above are of memory; no store counts so far
MAX_DIGITS: Final = 18  # of an id that is read: below 2 ** 60

Again = Callable[[list[Refused]], list[int]]


class Entry(msgspec.Struct, frozen=True):
    """An entry as it is listed: all but the spans themselves. at: seconds since the epoch; the rest: see Refused."""

    id: int
    destination: str
    at: float
    status: int
    message: str
    format: str
    spans: int
    bytes: int
    agent: str

    @classmethod
    def of(cls, refused: Refused) -> "Entry":
        """What is said of these spans in a list."""
        return cls(
            refused.id,
            refused.destination,
            refused.at,
            refused.status,
            refused.message,
            refused.format,
            refused.spans,
            len(refused.body),
            refused.agent,
        )


def shown_id(number: int) -> str:
    """An id as people write it."""
    return f"m{number - MEMORY}" if number > MEMORY else str(number)


def read_id(text: str) -> int | None:
    """The id that somebody wrote; None where it is none."""
    digits = text.removeprefix("m")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= MAX_DIGITS):
        return None
    return int(digits) + (MEMORY if text[0] == "m" else 0)


class Quarantine(Protocol):
    """The refused spans of one destination: the newest, up to a bound; the oldest make room and are counted.

    spans, bytes: kept now. evicted: spans that made room since the start.
    """

    @property
    def spans(self) -> int: ...

    @property
    def bytes(self) -> int: ...

    @property
    def evicted(self) -> int: ...

    def put(self, refused: Refused, erase: Sequence[int] = ()) -> None:
        """Keep refused spans. erase: seqs of the rows that stood for them."""
        ...

    async def entries(self, after: int, limit: int) -> list[Entry]:
        """Those with an id above `after`, oldest first, `limit` at most."""
        ...

    async def one(self, number: int) -> Refused | None:
        """One entry with its body; None where it is not here (any more)."""
        ...

    async def drop(self, numbers: Sequence[int]) -> list[int]:
        """Forget entries. Returns the ids of those that were here."""
        ...

    async def replay(self, numbers: Sequence[int]) -> list[int]:
        """Give entries to the destination again. Returns those that it took and that are not here any more.

        Where its queue is full the rest stays.
        """
        ...


def bounded(refused: Refused) -> Refused:
    """A copy with a message that is not too long."""
    return msgspec.structs.replace(refused, message=refused.message[:MAX_MESSAGE])
