import random

import pytest

from inspan_collector.gate import MAX_RETRY_AFTER, PROBE_PAUSED, Gate


def gate(initial: float = 1.0, longest: float = 30.0) -> Gate:
    """Without luck: jitter always gives the longest wait."""
    return Gate(initial, longest, lambda low, high: high)


def test_an_open_gate_lets_all_pass():
    made = gate()
    assert made.wait(0) == 0
    assert [made.enter() for _ in range(3)] == [False] * 3


def test_failures_wait_twice_as_long_each_time_up_to_the_longest():
    made, now, waits = gate(), 100.0, []
    for _ in range(7):
        made.failed(now, "503", probe=True)
        waits.append(made.wait(now))
    assert waits == [1, 2, 4, 8, 16, 30, 30]


def test_jitter_spreads_the_wait_but_never_to_nothing():
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    made = Gate(1.0, 30.0, random.Random(seed).uniform)
    waits = []
    for _ in range(200):
        made.failed(0.0, "503", probe=True)
        waits.append(made.wait(0.0))
    assert all(3.0 <= wait <= 30.0 for wait in waits[10:])
    assert max(waits) - min(waits[10:]) > 20


def test_while_it_is_shut_one_probe_at_a_time_passes():
    made = gate()
    assert made.failed(0, "503")
    assert made.wait(0.5) == 0.5
    assert made.wait(1) == 0
    assert made.enter() is True
    assert made.wait(1) is None
    made.failed(1, "503", probe=True)
    assert made.wait(1) == 2


def test_attempts_that_were_under_way_when_it_shut_tell_nothing_new():
    made = gate()
    assert made.failed(0, "503") is True
    for _ in range(7):
        assert made.failed(0, "503") is False
    assert made.wait(0) == 1


def test_a_probe_that_was_abandoned_makes_room_for_another():
    made = gate()
    made.failed(0, "503")
    made.enter()
    made.withdrawn()
    assert made.wait(5) == 0


def test_success_opens_it_and_forgets_the_backoff():
    made = gate()
    for _ in range(3):
        made.failed(0, "503", probe=True)
    assert made.succeeded(9, probe=True) is True
    assert made.succeeded(9, probe=False) is False
    assert (made.state, made.reason, made.failures, made.wait(9)) == ("open", "", 0, 0)
    made.failed(9, "503")
    assert made.wait(9) == 1


@pytest.mark.parametrize(("asked", "wait"), [(7.0, 7.0), (0.2, 0.2), (3600.0, MAX_RETRY_AFTER), (0.0, 0.1)], ids=str)
def test_retry_after_wins_over_the_backoff_within_bounds(asked: float, wait: float):
    made = gate()
    made.failed(0, "429", retry_after=asked)
    assert made.wait(0) == pytest.approx(wait)


def test_of_several_retry_afters_the_longest_holds():
    made = gate()
    for asked in (5.0, 9.0, 2.0):
        made.failed(0, "429", retry_after=asked)
    assert made.wait(0) == 9


def test_who_always_asks_for_no_wait_at_all_is_still_not_hammered():
    made = gate()
    waits = []
    for _ in range(8):
        made.failed(0, "429", retry_after=0.0, probe=True)
        waits.append(made.wait(0))
    assert waits == sorted(waits) and waits[-1] == 3


def test_a_paused_gate_is_news_once_and_probes_at_its_own_pace():
    made = gate()
    assert made.pause(0, "401") is True
    assert made.wait(0) == PROBE_PAUSED
    assert made.enter() is True
    assert made.pause(30, "401", probe=True) is False
    assert made.wait(30) == PROBE_PAUSED
    assert (made.state, made.reason, made.since) == ("paused", "401", 0)
    assert made.succeeded(60, probe=True) is True


def test_a_drain_cuts_waits_short_whatever_is_asked_for():
    made = gate()
    for _ in range(6):
        made.failed(0, "503", probe=True)
    made.hurry(10)
    assert made.wait(10) == 0
    made.enter()
    made.failed(10, "429", retry_after=300.0, probe=True)
    assert made.wait(10) == 1
    made.failed(11, "503", probe=True)
    assert made.wait(11) == 1


def test_the_state_shows():
    made = gate()
    made.failed(0, "503")
    assert repr(made) == "<Gate shut 1 failures '503'>"
