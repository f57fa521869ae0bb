"""The schedule of an agent: drawn once, the same for all."""

import pytest
from bench.schedule import LONGEST, SHORTEST, SPANS, Planned, events, longer_than, plan


def test_one_seed_draws_one_schedule_and_another_seed_another() -> None:
    assert plan(42, 5, seed=1) == plan(42, 5, seed=1)
    assert plan(42, 5, seed=1) != plan(42, 5, seed=2)


def test_requests_come_at_the_rate_with_twelve_spans_each() -> None:
    spans = plan(100, 200, seed=3)
    assert len({span.trace_id for span in spans}) == pytest.approx(100 * 200, rel=0.03)  # 3 % is over four sigma
    assert len(spans) == pytest.approx(100 * 200 * SPANS, rel=0.03)


def test_a_parent_is_an_earlier_span_of_the_same_trace() -> None:
    spans = plan(42, 20, seed=4)
    for span in spans:
        parent = span if span.parent is None else spans[span.parent]
        assert parent.trace_id == span.trace_id
        assert parent.start <= span.start


def test_every_start_lies_within_the_load_and_every_duration_within_its_bounds() -> None:
    for span in plan(42, 20, seed=5):
        assert 0 < span.start < 20
        assert SHORTEST <= round(span.end - span.start, 9) <= LONGEST


def test_a_schedule_of_short_spans_has_the_same_requests_and_no_longer_spans() -> None:
    short = plan(42, 20, seed=5, longest=1.0)
    assert max(span.end - span.start for span in short) <= 1.0 + 1e-9
    assert len(short) == len(plan(42, 20, seed=5))


@pytest.mark.parametrize("seconds", [0.01, 0.5, 2.0, 20.0])
def test_the_share_of_longer_spans_is_what_the_distribution_says(seconds: float) -> None:
    spans = plan(420, 20, seed=6)
    longer = sum(span.end - span.start > seconds for span in spans) / len(spans)
    assert longer == pytest.approx(longer_than(seconds), abs=0.01)  # of 100,000 spans: over six sigma


def test_all_spans_take_longer_than_the_shortest_and_none_longer_than_the_longest() -> None:
    assert longer_than(0) == longer_than(SHORTEST) == 1
    assert longer_than(LONGEST) == longer_than(LONGEST + 1) == 0
    assert longer_than((SHORTEST * LONGEST) ** 0.5) == pytest.approx(0.5)


def test_events_are_in_order_and_a_span_that_outlasts_the_load_does_not_end() -> None:
    spans = [Planned("t", None, 1.0, 9.0), Planned("t", 0, 1.5, 2.0)]
    found = [(event.at, event.position, event.ends) for event in events(spans, seconds=5)]
    assert found == [(1.0, 0, False), (1.5, 1, False), (2.0, 1, True)]
