"""What merging should reach, beside what it does reach."""

from collections.abc import Sequence
from typing import Final

from bench.goals import Goal
from bench.holding import Holding
from bench.table import median
from bench.traced import Figure
from bench.waiting import Waiting

INSPAN: Final = "inspan"
END_ONLY: Final = "AsyncSpanQueue"
STARTS_TOO: Final = "AsyncSpanQueue, starts too"

WRITES: Final = 0.03  # of a span; an open copy that has waited long enough is not always on its way at once
UNMERGED: Final = 25  # copies a request, where starts and ends of 50 events are sent apart
FEWER: Final = 8  # times fewer requests than that
MERGING: Final = 1.2e-6  # s of CPU a copy, beside a queue that sends every copy as it came
KEY: Final = 600  # bytes


def most_writes(longer: float) -> float:
    """Of a span, where this share takes longer than hold_open: those are written open, and when they end."""
    return 1 + longer + WRITES


def most_requests(copies: float) -> float:
    """Per second, for so many copies per second."""
    return copies / UNMERGED / FEWER


def goals(rate: float, figures: Sequence[Figure], holding: Holding) -> list[Goal]:
    """Every goal of inspan at one rate, measured or not."""
    found = [figure.outcome for figure in figures]
    writes = median([most_writes(each.longer) for each in found])
    requests = median([most_requests(each.copies) for each in found])
    sides = [figure.side for figure in figures if figure.side]
    at = f"{rate:g}/s: "
    longest = f"{holding.longest:g} s"
    return [
        Goal(at + "writes a span", [each.writes for each in found], writes, at_least=False, show=",.3f"),
        Goal(at + "requests per second", [each.requests for each in found], requests, at_least=False),
        _none(at + f"ran, and not seen {longest} after their start", [each.late for each in found]),
        _none(at + "spans lost", [each.lost for each in found]),
        _none(at + "open copies after their end", [each.overtaken for each in found]),
        _none(at + "imbalance of the closing ledger", [side.imbalance for side in sides]),
    ]


def waiting_goals(waiting: Waiting) -> list[Goal]:
    """What it may cost that copies wait by key."""
    most = max(waiting.held, waiting.ready, waiting.alone)
    return [
        Goal("CPU of merging, a copy", waiting.merging, MERGING, at_least=False, scale=1e6, unit=" µs"),
        Goal("memory of a waiting key beside its body", [most], KEY, at_least=False, show=",.0f", unit=" bytes"),
    ]


def _none(what: str, values: Sequence[int]) -> Goal:
    return Goal(what, [abs(value) for value in values], 0, at_least=False, show=",.0f")
