"""Rows of one scenario put together: the median of each figure, and how far its runs lie apart."""

import statistics
from collections.abc import Sequence

import msgspec

from bench.harness.row import Row
from bench.harness.scenario import Figure, Scenario


class Median(msgspec.Struct, frozen=True):
    """Of several runs, in the units that are shown."""

    middle: float
    lowest: float
    highest: float
    runs: int

    @property
    def spread(self) -> float:
        """From the lowest to the highest, as a share of the middle."""
        return (self.highest - self.lowest) / self.middle if self.middle else 0.0


class Taken(msgspec.Struct, frozen=True):
    """A scenario and the rows that there are of it."""

    scenario: Scenario
    rows: Sequence[Row]

    @property
    def cases(self) -> list[str]:
        """Those with rows, in the scenario's order."""
        there = {row.case for row in self.rows}
        return [case.name for case in self.scenario.cases if case.name in there]

    @property
    def systems(self) -> list[str]:
        """Those with rows, in the scenario's order."""
        there = {row.system for row in self.rows}
        return [name for name in self.scenario.systems if name in there]

    def kept(self, case: str, system: str) -> list[Row]:
        """The runs that count."""
        return [row for row in self.rows if row.kept and row.case == case and row.system == system]

    def median(self, figure: Figure, case: str, system: str) -> Median | None:
        """None where it was not measured."""
        found = [figure.of(row) for row in self.kept(case, system)]
        values = [value * figure.scale for value in found if value is not None]
        return Median(statistics.median(values), min(values), max(values), len(values)) if values else None
