"""Following a schedule, in virtual time."""

import asyncio

from bench.pace import TICK, Recorded, follow
from bench.schedule import Event
from tests.virtual_time import run


class Slow:
    """Takes some seconds for each event, and notes when it was asked."""

    def __init__(self, seconds: float = 0) -> None:
        self.seconds = seconds
        self.asked: list[tuple[float, int, str]] = []

    async def start(self, position: int) -> tuple[str, str]:
        await self._note(position, "starts")
        return "t", str(position)

    async def end(self, position: int) -> None:
        await self._note(position, "ends")

    async def close(self, seconds: float) -> None: ...

    def said(self) -> dict[str, int]:
        return {}

    async def _note(self, position: int, what: str) -> None:
        self.asked.append((asyncio.get_running_loop().time(), position, what))
        await asyncio.sleep(self.seconds)


def _followed(due: list[Event], recorder: Slow, seconds: float) -> tuple[Recorded, float]:
    recorded = Recorded([None] * 3, [0] * 3, [0] * 3)
    return recorded, run(follow(due, recorder, recorded, seconds))


def test_events_are_recorded_when_they_are_due() -> None:
    recorder = Slow()
    recorded, behind = _followed([Event(1, 0, False), Event(2, 1, False), Event(4, 0, True)], recorder, seconds=5)
    assert recorder.asked == [(1, 0, "starts"), (2, 1, "starts"), (4, 0, "ends")]
    assert recorded.keys == [("t", "0"), ("t", "1"), None]
    assert [ended > 0 for ended in recorded.ended] == [True, False, False]
    assert behind == 0


def test_events_within_a_tick_are_recorded_together() -> None:
    recorder = Slow()
    _followed([Event(1, 0, False), Event(1 + TICK / 4, 1, False), Event(1 + TICK / 2, 2, False)], recorder, seconds=5)
    assert [round((at - 1) / TICK, 3) for at, _, _ in recorder.asked] == [0, 1, 1]


def test_what_is_not_recorded_when_the_load_is_over_never_is() -> None:
    recorder = Slow(seconds=3)
    recorded, behind = _followed([Event(1, 0, False), Event(2, 1, False), Event(3, 1, True)], recorder, seconds=5)
    assert recorded.keys == [("t", "0"), ("t", "1"), None]
    assert recorded.ended == [0, 0, 0]
    assert behind == 4  # its third event was due at 3, and came up at 7


def test_a_span_whose_start_was_not_recorded_is_not_ended() -> None:
    recorder = Slow()
    _followed([Event(2, 1, True)], recorder, seconds=5)
    assert recorder.asked == []
