"""Who had the cores is read from the kernel's counts."""

import os

import pytest
from bench.harness.cores import Times, now, shares, times
from bench.process import TICK

STAT = """cpu  400 0 100 1000 0 0 0 60
cpu0 300 0 50 500 20 3 4 40 11 0
cpu1 100 5 50 500 0 0 0 20 0 0
intr 1 2 3
"""


def test_only_the_cores_that_are_watched_count() -> None:
    found = times(STAT, [0])
    assert found.steal == pytest.approx(40 * TICK)
    assert found.busy == pytest.approx((300 + 50 + 3 + 4) * TICK)
    assert found.total == pytest.approx((300 + 50 + 500 + 20 + 3 + 4 + 40) * TICK)
    assert times(STAT, [0, 1]).steal == pytest.approx(60 * TICK)


def test_what_is_busy_and_not_ours_is_of_others() -> None:
    before, after = Times(busy=10, steal=1, total=100), Times(busy=14, steal=1.5, total=110)
    found = shares(before, after, ours=3)
    assert found.others == pytest.approx(0.1)
    assert found.steal == pytest.approx(0.05)


def test_ticks_that_were_counted_late_make_nobody_owe_time() -> None:
    assert shares(Times(10, 0, 100), Times(11, 0, 110), ours=1.02).others == 0
    assert shares(Times(10, 0, 100), Times(10, 0, 100), ours=0) == (0, 0)


def test_this_machine_says_what_its_cores_did() -> None:
    found = now(sorted(os.sched_getaffinity(0)))
    assert 0 < found.busy < found.total
