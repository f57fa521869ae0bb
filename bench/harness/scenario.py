"""A question: what is varied, how one run answers, what may spoil it, and what counts."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from bench.harness.risk import Risk
from bench.harness.row import Measures, Row
from bench.harness.settings import Case
from bench.harness.stage import Stage


class Figure(msgspec.Struct, frozen=True):
    """One number of a run. less: the smaller the better. scale: from the row's units to those that are shown."""

    name: str
    unit: str
    of: Callable[[Row], float | None]
    less: bool = False
    scale: float = 1
    show: str = ",.0f"


class Goal(msgspec.Struct, frozen=True):
    """The medians' ratio of the first figure, inspan by `beside`, in a case: at least so much."""

    case: str
    beside: str
    least: float


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """figures: the first is drawn. systems: names, in the order of the results. quick: the cases of the short run.

    run: is given one of its systems. chart: `bars` a case, or `lines` over x, whose name is `axis`. seconds: of load in
    a run. tried: what was tried where a goal was missed, and what came of it.
    """

    name: str
    asks: str
    how: str
    cases: tuple[Case, ...]
    quick: tuple[str, ...]
    systems: tuple[str, ...]
    run: Callable[[Stage, Any, Case], Measures]
    figures: tuple[Figure, ...]
    risks: tuple[Risk, ...]
    goals: tuple[Goal, ...] = ()
    chart: Literal["bars", "lines"] = "bars"
    axis: str = ""
    tried: tuple[str, ...] = ()
    seconds: float = 2.0

    def case(self, name: str) -> Case:
        """Raises LookupError."""
        return next(case for case in self.cases if case.name == name)


SPEED = Figure("speed", "spans per CPU-second", lambda row: row.speed)
COST = Figure(
    "cost of a million spans", "CPU-seconds", lambda row: 1e6 / row.speed if row.speed else None, less=True, show=",.2f"
)
PEAK = Figure("peak memory", "MiB", lambda row: row.found.peak, less=True, scale=2**-20, show=",.0f")
