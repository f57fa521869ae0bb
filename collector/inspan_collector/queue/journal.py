"""What a queue asks of the disk behind it: to write down what it holds, and to forget it again."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from inspan_collector.chunk import Chunk
from inspan_collector.pledge import Pledge
from inspan_collector.row import Row

PIECE: Final = 1 << 20  # bytes that are written together or not at all, where nothing asks for more


class Journal(Protocol):
    """Knows which row on disk stands for what is held in memory. Nothing here waits for the disk.

    What is held is called by its seq, its place in the order of arrival. A row stands for it from the moment it is
    given to the disk; *durable* it is later, or never, where the disk is in trouble.
    """

    def has_room(self, size: int) -> bool:
        """Whether rows of so many bytes can be written now."""
        ...

    def number(self, count: int) -> int:
        """The first of `count` new seqs."""
        ...

    def eager(self, pledge: Pledge | None) -> bool:
        """Whether what is offered now is to be written at once."""
        ...

    @property
    def destination(self) -> str:
        """Whose rows these are."""
        ...

    def wall(self, arrived: float) -> float:
        """Seconds since the epoch, of a loop time."""
        ...

    def put(self, rows: Sequence[Row], replaces: Mapping[int, int], pledge: Pledge | None = None) -> bool:
        """Write rows; False where the spool has no room for them, and nothing is written.

        replaces: by seq, that of which the row stood for it until now (it lost to it): erased in the same moment.
        """
        ...

    def inherit(self, losers: Mapping[int, int]) -> None:
        """By seq, that which lost to it: the row of that one, if any, stands for what is held in its place."""
        ...

    def holds_any(self) -> bool:
        """Whether any row stands for anything that is held."""
        ...

    def has_row(self, seq: int) -> bool:
        """Whether its own row is on disk, or on its way."""
        ...

    def stood(self, seq: int) -> bool:
        """Whether any row stands for it, on disk or on its way."""
        ...

    def is_durable(self, seq: int) -> bool:
        """Whether its own row is on disk for sure."""
        ...

    def is_safe(self, seq: int) -> bool:
        """Whether any row stands for it on disk for sure."""
        ...

    def erase(self, seqs: Iterable[int], *, lost: bool = False) -> None:
        """These have their fate. lost: they were dropped, and no pledge can be kept for them."""
        ...

    def surrender(self, seqs: Iterable[int], *, again: bool = False) -> list[int]:
        """These have their fate: the rows that stand for them, which the caller erases. again: see Page.settled."""
        ...

    def keep(self, seqs: Iterable[int]) -> None:
        """These are held no more, and their rows, which are durable, stay: they are spooled."""
        ...

    def cut(self, seq: int, rows: Sequence[Row]) -> None:
        """What had this seq is held as these parts now."""
        ...


def row_of(chunk: Chunk, journal: Journal) -> Row:
    """A chunk that was not taken apart, as a row."""
    return Row(
        chunk.seqs[0],
        journal.destination,
        chunk.format,
        chunk.spans,
        journal.wall(chunk.arrived),
        str(chunk.agent),
        chunk.body,
    )


def put_fitting(rows: Sequence[Row], journal: Journal, pledge: Pledge | None = None) -> bool:
    """Write the first of these that find room, in pieces: a kill falls between two, and costs one. False: not all."""
    small = len(rows) <= 1 or sum([row.size for row in rows]) <= PIECE
    if not rows or (small and journal.put(rows, {}, pledge)):
        return True
    half = len(rows) // 2
    return half > 0 and put_fitting(rows[:half], journal, pledge) and put_fitting(rows[half:], journal, pledge)
