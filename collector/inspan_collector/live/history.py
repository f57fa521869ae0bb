"""Depth and flow of the last minutes: a ring of plain ints for each destination."""

from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Final

DEPTH: Final = 600  # samples, one a second: ten minutes show when it began, and take 29 KB a destination

# Of one destination, in spans. filled: thousandths of the fuller bound of its queue, what is in flight included.
# delivered, dropped: since the life began, so that differences are exact over any time.
COLUMNS: Final = ("queued", "in_flight", "spooled", "filled", "delivered", "dropped")


class History:
    """The last `depth` samples. names: of the destinations."""

    def __init__(self, names: Sequence[str], depth: int = DEPTH) -> None:
        self.depth = depth
        self.taken = 0
        self.at = array("d", bytes(8 * depth))
        self.columns = {name: [array("q", bytes(8 * depth)) for _ in COLUMNS] for name in names}

    def __repr__(self) -> str:
        return f"<History {len(self)} of {self.depth} samples, {len(self.columns)} destinations>"

    def __len__(self) -> int:
        return min(self.taken, self.depth)

    def add(self, at: float, samples: Mapping[str, Sequence[int]]) -> None:
        """One more sample, in place of the oldest. at: seconds since the epoch. samples: by name, as COLUMNS are."""
        place = self.taken % self.depth
        self.taken += 1
        self.at[place] = at
        for name, values in samples.items():
            for column, value in zip(self.columns[name], values, strict=True):
                column[place] = value

    def shown(self) -> dict[str, Any]:
        """The samples, the oldest first: the times, and a list for each column of each destination."""
        return {
            "at": self._in_order(self.at),
            "destinations": {
                name: {what: self._in_order(column) for what, column in zip(COLUMNS, columns, strict=True)}
                for name, columns in self.columns.items()
            },
        }

    def _in_order(self, ring: "array[Any]") -> list[Any]:
        end = self.taken % self.depth
        return (ring[end:] + ring[:end]).tolist() if self.taken > self.depth else ring[: self.taken].tolist()
