"""What must still be taken away from the disk, and could not be yet."""

from collections.abc import Iterable
from typing import Final

from inspan_collector.row import Write

OWED: Final = 1 << 18  # rows, 50 MB at most; a spool of 1 GiB holds fewer, unless its rows are below 4 KB


class Debts:
    """Writes that only take away, in their order."""

    def __init__(self) -> None:
        self.writes: list[Write] = []
        self.rows = 0

    def __repr__(self) -> str:
        return f"<Debts {self.rows} rows>"

    def owe(self, writes: Iterable[Write]) -> list[Write]:
        """Keep them, and return those for which there is no room."""
        over = []
        for write in writes:
            rows = len(write.erase) + len(write.release)
            if self.rows + rows > OWED:
                over.append(write)
            else:
                self.writes.append(write)
                self.rows += rows
        return over

    def claim(self) -> list[Write]:
        """All of them; nothing is owed any more."""
        writes, self.writes, self.rows = self.writes, [], 0
        return writes
