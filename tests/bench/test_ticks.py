"""How late a loop is, in virtual time."""

import asyncio

import pytest
from bench.ticks import PERIOD, Ticks
from tests.virtual_time import VirtualLoop, run


async def _noted(ticks: Ticks, seconds: float, stops: float = 0) -> None:
    """stops: seconds for which the loop stands still, once half of the time is over."""
    async with ticks.noted():
        await asyncio.sleep(seconds / 2)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.virtual.now += stops
        await asyncio.sleep(seconds / 2)


def test_a_loop_that_has_nothing_to_do_is_never_late() -> None:
    ticks = Ticks()
    run(_noted(ticks, 1.0))
    assert max(ticks.late) == pytest.approx(0, abs=1e-9)
    assert len(ticks.late) == pytest.approx(1 / PERIOD, abs=2)


def test_each_tick_that_falls_due_while_the_loop_stands_still_is_late() -> None:
    ticks = Ticks()
    run(_noted(ticks, 0.1, stops=0.05))
    late = sorted(value for value in ticks.late if value > PERIOD / 2)
    assert len(late) == pytest.approx(0.05 / PERIOD, abs=2)
    assert late[-1] == pytest.approx(0.05, abs=PERIOD)
    assert late[len(late) // 2] == pytest.approx(0.025, abs=2 * PERIOD)


def test_what_it_says_is_of_the_ticks_in_order() -> None:
    ticks = Ticks()
    ticks.late.extend(number / 1000 for number in reversed(range(100)))
    assert ticks.said() == {"p50": 0.05, "p99": 0.099, "most": 0.099, "ticks": 100}
