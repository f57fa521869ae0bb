"""The loop that times calls, and what a stretch makes of them."""

from typing import Any

from bench.recording import BURST, Recorded, Stretch, loop, measure
from bench.ways import Counts


class Noted:
    """A way that takes all but each third span."""

    def __init__(self) -> None:
        self.prepared: list[int] = []
        self.recorded: list[int] = []
        self.flushed = 0

    def prepare(self, number: int) -> int:
        self.prepared.append(number)
        return number

    def record(self, prepared: Any) -> None:
        self.recorded.append(prepared)

    def flush(self) -> None:
        self.flushed += 1

    def counts(self) -> Counts:
        """Taken once they are flushed."""
        dropped = len(self.recorded) // 3 if self.flushed else 0
        return Counts(len(self.recorded) - dropped if self.flushed else 0, dropped)


def test_each_call_is_timed_and_none_comes_before_its_time() -> None:
    way = Noted()
    times = loop(way.prepare, way.record, seconds=0.05, rate=1000)
    assert len(times) == len(way.recorded)
    assert way.prepared == list(range(len(times)))
    assert BURST <= len(times) <= 0.05 * 1000 + BURST  # a slow machine makes fewer


def test_a_stretch_counts_what_was_taken_when_all_was_handed_over() -> None:
    way = Noted()
    found = measure(way, Stretch(0.02, 1000))
    assert way.flushed == 1
    assert (found.taken, found.dropped) == (found.calls - found.calls // 3, found.calls // 3)
    assert found.lost == found.dropped
    assert found.p50 <= found.p99 <= found.most


def test_a_stretch_of_nothing_prepares_and_does_not_record() -> None:
    way = Noted()
    found = measure(way, Stretch(0.02, 1000, records=False))
    assert len(way.prepared) == found.calls > 0
    assert way.recorded == []


def test_what_nobody_took_is_lost_whatever_the_library_counts() -> None:
    assert Recorded(calls=10, cpu=0, wall=1, p50=0, p99=0, most=0, taken=4, dropped=0).lost == 6
