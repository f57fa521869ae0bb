"""Systems take turns, a disturbed run is made again, and every attempt is a row."""

from typing import Any

from bench.harness.row import Measures, Row
from bench.harness.runner import Plan, Runner, order
from bench.harness.systems import SYSTEMS
from bench.progress import Progress
from tests.bench.made import CASES, MACHINE_OF_TESTS, scenario

PAIR = [(SYSTEMS["inspan"], "1"), (SYSTEMS["rotel"], "2")]


class Stage:
    """Has nothing to offer but how long a run is."""

    seconds = 1.0


def _rows(steals: list[float], attempts: int = 3) -> list[Row]:
    """Of one run, whose attempts lose so much to others."""
    left = iter(steals)

    def run(*_: Any) -> Measures:
        return Measures(spans=1, cpu=1.0, steal=next(left))

    rows: list[Row] = []
    plan = Plan(scenario(run), [CASES[0]], PAIR[:1], 1, attempts)
    Runner(Stage(), MACHINE_OF_TESTS, Progress(plan.size), rows.append).run(plan)  # type: ignore[arg-type]
    return rows


def test_every_run_has_each_system_in_each_case_and_not_always_in_one_order() -> None:
    plan = Plan(scenario(), list(CASES), PAIR, 8)
    turns = [(number, case.name, system.name) for number, case, system, _ in order(plan)]
    assert len(set(turns)) == len(turns) == plan.size == 32
    assert all(turns[at][:2] == turns[at + 1][:2] for at in range(0, len(turns), 2))
    assert {name for _, _, name in turns[::2]} == {"inspan", "rotel"}


def test_a_quiet_run_is_made_once() -> None:
    assert [(row.attempt, row.kept, row.disturbed) for row in _rows([0.0])] == [(1, True, "")]


def test_a_disturbed_run_is_made_again_and_only_the_last_attempt_counts() -> None:
    rows = _rows([0.5, 0.0])
    assert [(row.attempt, row.kept, bool(row.disturbed)) for row in rows] == [(1, False, True), (2, True, False)]


def test_a_run_that_is_always_disturbed_is_kept_and_says_so() -> None:
    rows = _rows([0.5] * 3)
    assert [row.kept for row in rows] == [False, False, True]
    assert "stolen" in rows[-1].disturbed
