"""What the measurements with tables of their own should reach, and whether they do."""

from collections.abc import Sequence

import msgspec

from bench.table import median, spread


class Goal(msgspec.Struct, frozen=True):
    """One line: what was measured in each run, and the bound. at_least: or else at most. scale, show: for people."""

    what: str
    values: Sequence[float]
    bound: float
    at_least: bool
    show: str = ",.2f"
    scale: float = 1
    unit: str = ""
    middle: float | None = None

    def row(self) -> list[str]:
        """Cells of a table."""
        goal = f"{'≥' if self.at_least else '≤'} {self._shown(self.bound)}"
        if not self.values:
            return [self.what, "not measured", "", goal, ""]
        value = median(self.values) if self.middle is None else self.middle
        reached = value >= self.bound if self.at_least else value <= self.bound
        lowest = spread(self.values, self.show, self.scale)
        return [self.what, self._shown(value), lowest, goal, "yes" if reached else "NO"]

    def _shown(self, value: float) -> str:
        return f"{format(value * self.scale, self.show)}{self.unit}"
