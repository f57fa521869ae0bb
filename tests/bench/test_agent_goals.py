"""The arithmetic of the goals of the agent's side."""

import msgspec
import pytest
from bench.agent_cost import Cost
from bench.agent_goals import cost_goals, lag_goals, load_goals, most_requests
from bench.agent_lag import HUNG, NOTHING, STANDING
from bench.agent_load import FIRST, INSPAN, delivered_share
from bench.goals import Goal
from bench.outcome import Lag, Outcome, Ran
from bench.recording import Recorded
from bench.traced import Figure
from bench.ways import OTEL, RECORD, SPAN

LINGER = 0.25
OUTCOME = Outcome(
    spans=4000, unended=0, lost=0, unseen=0, overtaken=0, writes=1, longer=0, running=0, late=0, lateness=0,
    requests=5.4, copies=1008, size=1, delays=[0.1, 0.9], delivered=460, together=90,
)  # fmt: skip
RAN = Ran(began=0, finished=8 * 10**9, behind=0, cpu=1, copies=8000, missed=0)
FIGURE = Figure(RAN, OUTCOME, sink=0)


def _recorded(cpu: float, p50: float = 2e-6, p99: float = 9e-6) -> Recorded:
    return Recorded(calls=1000, cpu=cpu, wall=1, p50=p50, p99=p99, most=1e-3, taken=1000, dropped=0)


def _cost(span: float) -> Cost:
    """Of so many seconds of CPU a span, beside a loop of 10 µs."""
    idle, busy = _recorded(0.01), _recorded(0.01 + 1000 * span)
    return Cost(idle, busy, idle, busy)


def _reached(goals: list[Goal]) -> list[bool]:
    return [goal.row()[-1] == "yes" for goal in goals]


def test_the_cpu_of_a_span_is_what_the_loop_alone_does_not_take() -> None:
    assert _cost(5e-6).span == pytest.approx(5e-6)
    assert _cost(5e-6).span_full == pytest.approx(5e-6)


def test_a_client_that_costs_an_eighth_reaches_its_goals_and_one_that_costs_more_does_not() -> None:
    costs = {RECORD: [_cost(5e-6)], SPAN: [_cost(7e-6)], OTEL: [_cost(41e-6)]}
    assert _reached(cost_goals(costs)) == [True] * 6 + [False]


def test_calls_over_their_bounds_miss_their_goals() -> None:
    slow = _recorded(0.01, p50=4e-6, p99=11e-6)
    costs = {RECORD: [Cost(_recorded(0.01), slow, _recorded(0.01), slow)]}
    assert _reached(cost_goals(costs))[:4] == [False] * 4


def test_a_loop_is_as_late_as_the_worst_of_the_three() -> None:
    rans = {name: [_late(p99)] for name, p99 in ((NOTHING, 0.0012), (HUNG, 0.0015), (STANDING, 0.0021))}
    assert _reached(lag_goals(rans)) == [True]
    assert _reached(lag_goals(rans | {STANDING: [_late(0.0023)]})) == [False]


def _late(p99: float) -> Ran:
    return msgspec.structs.replace(RAN, lag=Lag(0, p99, 1, 8000))


def test_the_share_that_is_delivered_is_of_the_spans_that_ended() -> None:
    assert delivered_share(FIGURE) == pytest.approx(460 * 8 / 4000)
    open_at_the_end = msgspec.structs.replace(OUTCOME, unended=320)
    assert delivered_share(Figure(RAN, open_at_the_end, sink=0)) == pytest.approx(1)


def test_requests_are_one_each_linger_and_one_for_each_thousand_spans() -> None:
    assert most_requests(0, LINGER) == 5
    assert most_requests(25_200, LINGER) == pytest.approx(30.2)


def test_a_good_figure_reaches_every_goal_and_peers_have_none() -> None:
    goals = load_goals({(1, INSPAN): [FIGURE], (1, FIRST): [FIGURE]}, LINGER)
    assert _reached(goals) == [True] * 5


@pytest.mark.parametrize(
    ("changed", "place"),
    [({"delivered": 440}, 0), ({"lost": 1}, 1), ({"requests": 6.0}, 3), ({"delays": [0.1, 1.1]}, 4)],
)
def test_a_figure_that_is_over_its_bound_misses_its_goal_and_no_other(changed: dict[str, float], place: int) -> None:
    figure = msgspec.structs.replace(FIGURE, outcome=msgspec.structs.replace(OUTCOME, **changed))
    reached = _reached(load_goals({(1, INSPAN): [figure]}, LINGER))
    assert [index for index, each in enumerate(reached) if not each] == [place]


def test_what_the_client_dropped_misses_its_goal_though_nothing_that_ended_is_lost() -> None:
    figure = msgspec.structs.replace(FIGURE, ran=msgspec.structs.replace(RAN, dropped=1))
    assert _reached(load_goals({(1, INSPAN): [figure]}, LINGER)) == [True, True, False, True, True]
