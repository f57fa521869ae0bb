"""What is odd is told with its evidence, and what is not is not."""

from bench.harness.systems import NOTHING
from bench.pages.anomalies import anomalies, reached
from bench.pages.medians import Taken
from tests.bench.made import row, runs, scenario

QUIET = [*runs("inspan", [100, 101, 99, 100, 100]), *runs("rotel", [40, 41, 40, 40, 39])]


def test_a_quiet_scenario_has_none() -> None:
    assert anomalies(Taken(scenario(), QUIET)) == []


def test_a_goal_that_is_missed_is_one() -> None:
    taken = Taken(scenario(), [*runs("inspan", [70] * 5), *runs("rotel", [40] * 5)])
    assert reached(taken, taken.scenario.goals[0]) == (1.75, False)
    assert "Goal missed" in anomalies(taken)[0]


def test_a_goal_whose_peer_was_not_measured_is_neither_reached_nor_missed() -> None:
    taken = Taken(scenario(), QUIET[:5])
    assert reached(taken, taken.scenario.goals[0]) is None
    assert anomalies(taken) == []


def test_runs_that_lie_apart_are_one() -> None:
    found = anomalies(Taken(scenario(), [*runs("inspan", [100, 100, 100, 100, 150]), *QUIET[5:]]))
    assert found == ["runs lie over 20% apart in 1 of 2 medians of speed; most of all inspan at 1 spans, 50%."]


def test_too_few_runs_are_no_result() -> None:
    assert "only 2 runs" in anomalies(Taken(scenario(), [*runs("inspan", [100, 100])]))[0]


def test_a_run_that_was_disturbed_to_the_end_is_told_with_its_reason() -> None:
    rows = [row(found={"steal": 0.3}, disturbed="30% stolen", run=number) for number in range(5)]
    found = anomalies(Taken(scenario(), [*rows, row(kept=False, disturbed="30% stolen")]))
    assert found[0] == "1 runs were disturbed and repeated."
    assert "5 of 5 runs" in found[1]
    assert "30% stolen" in found[1]


def test_lost_spans_are_told_once_a_system_and_case() -> None:
    rows = [row(found={"spans": 10, "cpu": 1.0, "lost": 2}, run=number) for number in range(5)]
    found = anomalies(Taken(scenario(), rows))
    assert found == ["books: inspan at 1 spans, in 5 of 5 runs: 2 of 10 acknowledged spans never came."]


def test_a_system_as_fast_as_nothing_shows_the_limit_of_the_harness() -> None:
    paced = {"cpu": 1.0, "load_wall": 1.0, "spans": 100}
    rows = [row(found=paced, system=name, run=number) for name in ("inspan", NOTHING) for number in range(5)]
    assert "near its limit" in anomalies(Taken(scenario(), rows))[0]
