"""How agents share a load, and what is made of their accounts."""

import msgspec
import pytest
from bench.agents import Load
from bench.fleet import parts, together
from bench.outcome import Lag, Ran

LOAD = Load(rate=2100, seconds=8, seed=20, cores=(0, 1), processes=4)
RAN = Ran(began=10, finished=90, behind=0.1, cpu=1.5, copies=100, missed=1, reposts=2, dropped=3, closing=0.5)


def test_the_parts_of_a_load_have_its_rate_in_all_and_no_seed_twice() -> None:
    found = parts(LOAD)
    assert sum(part.rate for part in found) == pytest.approx(2100)
    assert len({part.seed for part in found}) == len(found) == 4
    assert {part.processes for part in found} == {1}


def test_a_load_of_one_process_is_its_own_part() -> None:
    alone = msgspec.structs.replace(LOAD, processes=1)
    assert parts(alone) == [alone]


def test_counts_are_summed_and_the_worst_is_kept() -> None:
    other = Ran(began=5, finished=80, behind=0.7, cpu=0.5, copies=50, missed=4, reposts=0, dropped=1, closing=0.2)
    assert together([RAN, other]) == Ran(
        began=5, finished=90, behind=0.7, cpu=2.0, copies=150, missed=5, reposts=2, dropped=4, closing=0.5, processes=2
    )


def test_the_lag_is_that_of_the_worst_loop() -> None:
    calm, late = Lag(0.1, 0.2, 0.9, 100), Lag(0.1, 0.3, 0.4, 100)
    rans = [msgspec.structs.replace(RAN, lag=lag) for lag in (calm, late, None)]
    assert together(rans).lag == late
    assert together([RAN, RAN]).lag is None
