"""The arithmetic of the goals of custody."""

import msgspec
from bench.acks import Acks
from bench.beside import Figure
from bench.custody_report import ALWAYS, CONTROL, NONE, OVERFLOW, RELAY, goals, ratios, report
from bench.durable import Figure as Acked
from bench.durable import Level
from bench.recovery import Figure as Recovered

BESIDE = Figure(spans=1000, own=1.0, wall=2.0, peak=1, disk=0, refused=0, lost=0)
MODES = {
    NONE: [BESIDE, msgspec.structs.replace(BESIDE, own=2.0)],
    OVERFLOW: [msgspec.structs.replace(BESIDE, own=1.25), msgspec.structs.replace(BESIDE, own=2.0)],
    CONTROL: [BESIDE] * 2,
    ALWAYS: [BESIDE] * 2,
}
LEVEL = Level(
    Acks(posts=3000, refused=0, p50=0.001, p99=0.004, most=0.01, cpu=0.5, wall=2.0),
    spans=300_000, own=1.0, lags=[0.001] * 98 + [0.009] * 2, disk=1, lost=0,
)  # fmt: skip
ACKED = [Acked({"accepted": LEVEL, "durable": LEVEL}, [0.001])]
RECOVERED = {RELAY: [Recovered(1_000_000, 1.3, 0.1, 2.0, 3.0, [0.1, 0.2], 3.0, 1, 0)]}


def test_a_share_is_of_the_run_s_own_figure_without_a_spool() -> None:
    assert ratios(MODES, OVERFLOW) == [0.8, 1.0]


def test_a_lag_is_that_of_the_slowest_hundredth() -> None:
    assert LEVEL.lag == 0.009


def test_goals_are_judged_by_medians() -> None:
    found = {goal.what: goal.row() for goal in goals(ACKED, {"100x358": MODES}, RECOVERED)}
    assert [row[-1] for row in found.values()] == ["yes", "yes", "NO", "yes", "yes"]
    assert found["100x358: overflow / no spool"][1] == "0.900"


def test_what_was_not_measured_is_said_to_be_so() -> None:
    assert "not measured" in report([], {}, {})
    assert "at rest p99 1.00 ms" in report(ACKED, {"100x358": MODES}, RECOVERED)
