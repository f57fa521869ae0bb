"""Short runs of real processes at a rate, through an outage, and beyond their bounds."""

import msgspec
import pytest
from bench.harness.outage import outage
from bench.harness.overloaded import overloaded
from bench.harness.paced import paced
from bench.harness.settings import Case, Load, given
from bench.harness.stage import Stage
from bench.harness.started import started
from bench.harness.systems import LIMIT, OURS, SYSTEMS
from bench.process import cores

STEADY = Load(spans=10, connections=4, rate=200)


def test_a_steady_load_is_answered_and_arrives_and_both_have_their_times() -> None:
    with Stage(*cores(), 0.3) as stage:
        found = paced(stage, SYSTEMS[OURS], Case(name="c", x=1, load=STEADY))
    assert found.lost == 0
    assert found.posts is not None
    assert found.missed is not None
    assert found.posts + found.missed == 60
    assert found.arrival_p50 is not None
    assert found.answer_p99 is not None
    assert found.arrival_p50 > found.answer_p99 / 100
    assert 0 < found.arrival_p50 < 5


def test_an_agent_that_posts_so_seldom_that_nothing_is_due_at_first_is_measured_all_the_same() -> None:
    case = Case(name="c", x=1, load=Load(spans=10, connections=1, rate=2))
    with Stage(*cores(), 0.6) as stage:
        found = paced(stage, SYSTEMS[OURS], case)
    assert (found.posts, found.lost) == (1, 0)
    assert found.spans == 11  # its only post is marked


def test_a_share_of_capacity_is_far_more_than_a_small_rate() -> None:
    case = Case(name="c", x=50, load=msgspec.structs.replace(STEADY, rate=None, share=0.5))
    with Stage(*cores(), 0.3) as stage:
        found = paced(stage, SYSTEMS[LIMIT], case)
    assert found.posts is not None
    assert found.posts > 60
    assert found.lost == 0


def test_what_was_posted_in_an_outage_arrives_when_it_is_over() -> None:
    with Stage(*cores(), 0.3) as stage:
        found = outage(stage, SYSTEMS[OURS], Case(name="c", x=0.3, load=STEADY))
    assert found.spans
    assert found.lost == 0
    assert found.recovered is not None
    assert 0 < found.recovered < 5


@pytest.mark.parametrize(("times", "refuses"), [(0.5, False), (2.0, True)])
def test_posts_beyond_the_queue_are_refused_and_those_within_are_not(times: float, refuses: bool) -> None:
    settings = given(queue_bytes=8 << 20, batch_bytes=1 << 20)
    load = Load(spans=100, span_bytes=1000, connections=4)
    with Stage(*cores(), 0.4) as stage:
        found = overloaded(stage, SYSTEMS[OURS], Case(name="c", x=times, load=load, settings=settings))
        assert stage.upstream.seen().spans == 0
    assert bool(found.refused) is refuses
    assert found.peak is not None
    assert found.idle is not None
    assert found.peak > found.idle


def test_a_start_is_timed() -> None:
    with Stage(*cores(), 0.1) as stage:
        found = started(stage, SYSTEMS[LIMIT], Case(name="c", x=0))
    assert found.ready is not None
    assert 0 < found.ready < 15
    assert found.idle
