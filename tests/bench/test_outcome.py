"""What is made of an agent's records and an upstream's rows."""

import math

import pytest
from bench.holding import Holding
from bench.outcome import Outcome, Ran, Span, outcome
from bench.rows import Account, Post, Row

S = 10**9
HOLDING = Holding(hold_open=2.0, linger=0.25)  # and an answer of 0.15 s, transport 0.2: due after 2.6 s


def _outcome(spans: list[Span], rows: dict[str, Row], posts: list[Post] | None = None, overtaken: int = 0) -> Outcome:
    """Of a load of 10 s."""
    copies = sum(1 + (span.ended > 0) for span in spans)
    ran = Ran(began=S, finished=11 * S, behind=0, cpu=0, copies=copies, missed=0)
    return outcome(spans, Account(posts or [], [("t", id_, row) for id_, row in rows.items()], overtaken), ran, HOLDING)


def test_a_span_that_ended_and_never_arrived_ended_is_lost() -> None:
    spans = [Span("t", "a", S, 2 * S), Span("t", "b", S, 2 * S), Span("t", "c", S, 2 * S)]
    found = _outcome(spans, {"a": Row(2 * S, 3 * S, 1), "b": Row(2 * S, 0, 1)})
    assert found.lost == 2


def test_a_span_that_is_open_at_the_end_is_no_loss_and_may_be_unseen() -> None:
    found = _outcome([Span("t", "a", 10 * S, 0), Span("t", "b", 10 * S, 0)], {"a": Row(11 * S, 0, 1)})
    assert (found.unended, found.lost, found.unseen) == (2, 0, 1)


def test_writes_are_those_of_ended_spans_that_arrived() -> None:
    spans = [Span("t", "a", S, 2 * S), Span("t", "b", S, 2 * S), Span("t", "c", S, 0)]
    rows = {"a": Row(2 * S, 2 * S, 1), "b": Row(2 * S, 3 * S, 2), "c": Row(2 * S, 0, 9)}
    assert _outcome(spans, rows).writes == 1.5


def test_the_share_of_longer_spans_is_that_of_ended_ones() -> None:
    spans = [Span("t", "a", S, 2 * S), Span("t", "b", S, 4 * S), Span("t", "c", S, 0)]
    assert _outcome(spans, {}).longer == 0.5


@pytest.mark.parametrize(("seen", "late"), [(3.25, 0), (3.59, 0), (3.61, 1), (8.0, 1)])
def test_a_running_span_is_late_when_it_is_seen_after_it_was_due(seen: float, late: int) -> None:
    found = _outcome([Span("t", "a", S, 9 * S)], {"a": Row(int(seen * S), 9 * S, 2)})
    assert (found.running, found.late) == (1, late)
    assert found.lateness == pytest.approx(seen - 1 - 2.25)


def test_a_running_span_that_is_seen_only_when_it_ended_is_as_late_as_that() -> None:
    found = _outcome([Span("t", "a", S, 9 * S)], {"a": Row(int(9.2 * S), int(9.2 * S), 1)})
    assert (found.running, found.late) == (1, 1)
    assert found.lateness == pytest.approx(9.2 - 1 - 2.25)


def test_a_span_that_is_never_seen_is_as_late_as_the_end_of_the_load() -> None:
    found = _outcome([Span("t", "a", S, 0)], {})
    assert (found.running, found.late) == (1, 1)
    assert found.lateness == pytest.approx(10 - 2.25)


def test_a_span_that_ended_before_it_was_due_need_not_be_seen_while_it_runs() -> None:
    found = _outcome([Span("t", "a", S, int(3.5 * S)), Span("t", "b", 10 * S, 0)], {})
    assert (found.running, found.late) == (0, 0)
    assert math.isnan(found.lateness)


def test_requests_per_second_are_those_of_the_load_and_bytes_those_of_all() -> None:
    posts = [Post(2 * S, 5, 100), Post(3 * S, 5, 100), Post(12 * S, 5, 100)]
    found = _outcome([Span("t", "a", S, 2 * S)], {}, posts)
    assert (found.requests, found.size, found.copies) == (0.2, 300, 0.2)


def test_a_delay_is_from_the_end_to_the_first_copy_with_an_end() -> None:
    spans = [Span("t", str(number), S, 2 * S) for number in range(100)]
    rows = {str(number): Row(S, 2 * S + number * S // 100, 2) for number in range(100)}
    found = _outcome(spans, rows)
    assert (found.delay(0.5), found.delay(0.99)) == (0.5, 0.99)


def test_what_was_overtaken_is_what_the_upstream_says() -> None:
    assert _outcome([], {}, overtaken=3).overtaken == 3


def test_delivered_while_the_load_lasts_are_the_ends_that_came_before_it_was_over() -> None:
    spans = [Span("t", str(number), S, 2 * S) for number in range(3)]
    rows = {"0": Row(2 * S, 3 * S, 1), "1": Row(2 * S, 11 * S, 1), "2": Row(2 * S, 12 * S, 1)}
    assert _outcome(spans, rows).delivered == 0.2  # two in 10 s


def test_together_are_the_copies_of_a_request() -> None:
    assert _outcome([], {}, [Post(2 * S, 5, 100), Post(3 * S, 15, 100)]).together == 10
