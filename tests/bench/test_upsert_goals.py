"""The arithmetic of the goals of merging."""

import msgspec
import pytest
from bench.holding import Holding
from bench.outcome import Outcome, Ran
from bench.schedule import longer_than
from bench.traced import Figure, Side
from bench.upsert_goals import goals, most_requests, most_writes

HOLDING = Holding(hold_open=2.0, linger=0.25)
OUTCOME = Outcome(
    spans=100, unended=0, lost=0, unseen=0, overtaken=0, writes=1.38, longer=0.36, running=30, late=0, lateness=0.1,
    requests=5.0, copies=1008, size=1, delays=[],
)  # fmt: skip
RAN = Ran(began=0, finished=1, behind=0, cpu=1, copies=200, missed=0)
FIGURE = Figure(RAN, OUTCOME, sink=0, side=Side(cpu=1, peak=1, saved={}))


def _reached(figure: Figure) -> list[bool]:
    return [goal.row()[-1] == "yes" for goal in goals(42, [figure], HOLDING)]


def test_a_span_is_written_once_and_once_more_where_it_outlasts_hold_open() -> None:
    assert most_writes(0) == pytest.approx(1.03)
    assert most_writes(longer_than(2.0)) == pytest.approx(1.392, abs=0.001)


def test_requests_are_an_eighth_of_those_with_25_copies() -> None:
    assert most_requests(42 * 12 * 2) == pytest.approx(5.04)
    assert most_requests(420 * 12 * 2) == pytest.approx(50.4)


def test_every_goal_is_reached_by_a_good_figure() -> None:
    assert all(_reached(FIGURE))


@pytest.mark.parametrize(
    ("changed", "place"),
    [({"writes": 1.40}, 0), ({"requests": 5.1}, 1), ({"late": 1}, 2), ({"lost": 1}, 3), ({"overtaken": 1}, 4)],
)
def test_a_figure_that_is_over_its_bound_misses_its_goal_and_no_other(changed: dict[str, float], place: int) -> None:
    outcome = msgspec.structs.replace(OUTCOME, **changed)
    reached = _reached(msgspec.structs.replace(FIGURE, outcome=outcome))
    assert [index for index, each in enumerate(reached) if not each] == [place]


@pytest.mark.parametrize("imbalance", [1, -1])
def test_books_that_do_not_balance_miss_their_goal_on_either_side(imbalance: int) -> None:
    side = Side(cpu=1, peak=1, saved={}, imbalance=imbalance)
    assert _reached(msgspec.structs.replace(FIGURE, side=side)) == [True] * 5 + [False]


def test_what_was_not_measured_reaches_nothing() -> None:
    assert all(goal.row()[1] == "not measured" for goal in goals(42, [], HOLDING))
