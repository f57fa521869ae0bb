"""Entries come in, wait, are taken and are settled; at every step the account balances."""

import gc
import random
import signal
import threading
from typing import Any

import pytest

from inspan.buffer import OVERHEAD, Buffer
from inspan.dialects import JSON, Entry
from inspan.wire import DROPPED


class _Other:
    path = "/other"
    content_type = "text/plain"

    def join(self, pieces: Any) -> bytes:
        return b"".join(pieces)

    def refused(self, body: bytes) -> tuple[int, str]:
        return 0, ""


OTHER = _Other()


def entry(size: int = 100, dialect: Any = JSON) -> Entry:
    return (dialect, b"x" * size, size)


class Rig:
    def __init__(self, max_bytes: int = 10_000, full: int = 1_000) -> None:
        self.rings = 0
        self.buffer = Buffer(max_bytes, full, self.ring)

    def ring(self) -> None:
        self.rings += 1

    def check(self) -> None:
        counts = self.buffer.counts()
        assert counts.recorded == counts.accepted + counts.queued + counts.in_flight + sum(counts.dropped.values())
        assert counts.entered == counts.left + counts.queued + counts.in_flight


def test_what_comes_in_is_taken_in_order_and_is_in_flight_then() -> None:
    rig = Rig()
    entries = [entry(size) for size in (1, 2, 3)]
    assert all(rig.buffer.put(each) for each in entries)
    assert rig.buffer.take(1_000) == entries
    counts = rig.buffer.counts()
    assert (counts.recorded, counts.queued, counts.in_flight) == (3, 0, 3)
    assert counts.held_bytes == 6 + 3 * OVERHEAD


def test_what_is_settled_is_the_sidecars_and_no_longer_held() -> None:
    rig = Rig()
    for _ in range(4):
        rig.buffer.put(entry())
    rig.buffer.settle(rig.buffer.take(300), refused=1)
    counts = rig.buffer.counts()
    assert (counts.accepted, counts.dropped["refused"], counts.queued, counts.left) == (2, 1, 1, 3)
    assert counts.held_bytes == 100 + OVERHEAD
    rig.check()


def test_past_its_bytes_the_newest_is_dropped_and_counted() -> None:
    rig = Rig(max_bytes=2 * (100 + OVERHEAD))
    assert [rig.buffer.put(entry()) for _ in range(3)] == [True, True, False]
    assert rig.buffer.counts().dropped["buffer_full"] == 1
    rig.check()


def test_what_is_in_flight_counts_in_the_bound() -> None:
    rig = Rig(max_bytes=2 * (100 + OVERHEAD))
    rig.buffer.put(entry())
    taken = rig.buffer.take(1_000)
    assert [rig.buffer.put(entry()) for _ in range(2)] == [True, False]
    rig.buffer.settle(taken)
    assert rig.buffer.put(entry())
    rig.check()


def test_a_take_is_bounded_in_bytes_but_never_empty() -> None:
    rig = Rig()
    for size in (500, 400, 200):
        rig.buffer.put(entry(size))
    assert [len(rig.buffer.take(900)), len(rig.buffer.take(1))] == [2, 1]


def test_a_take_is_of_one_dialect() -> None:
    rig = Rig()
    for dialect in (JSON, JSON, OTHER, JSON):
        rig.buffer.put(entry(dialect=dialect))
    assert [len(rig.buffer.take(10_000)) for _ in range(4)] == [2, 1, 1, 0]


def test_it_rings_for_the_first_entry_after_a_rest_and_not_for_the_next() -> None:
    rig = Rig()
    assert rig.buffer.rest()
    rig.buffer.put(entry())
    rig.buffer.put(entry())
    assert rig.rings == 1
    assert not rig.buffer.rest()


def test_it_rings_once_when_enough_waits_for_a_post() -> None:
    rig = Rig(full=3 * (100 + OVERHEAD))
    for count, rings in enumerate([0, 0, 1, 1, 1]):
        rig.buffer.put(entry())
        assert rig.rings == rings, count
    rig.buffer.take(200)
    rig.buffer.put(entry())
    assert rig.rings == 2, "enough waits again"


def test_what_is_in_flight_does_not_ring() -> None:
    rig = Rig(full=3 * (100 + OVERHEAD))
    for _ in range(2):
        rig.buffer.put(entry())
    taken = rig.buffer.take(10_000)
    for _ in range(2):
        rig.buffer.put(entry())
    assert rig.rings == 0
    rig.buffer.settle(taken)
    rig.buffer.put(entry())
    assert rig.rings == 1


def test_closed_it_takes_no_more_and_counts_what_comes() -> None:
    rig = Rig()
    rig.buffer.put(entry())
    rig.buffer.close()
    assert not rig.buffer.put(entry())
    assert rig.buffer.counts().dropped["closed"] == 1
    assert len(rig.buffer.take(1_000)) == 1, "what was there before goes on its way"
    rig.check()


def test_a_loss_outside_is_recorded_too() -> None:
    rig = Rig()
    rig.buffer.lose("unencodable")
    assert rig.buffer.counts().recorded == 1
    rig.check()


def test_a_call_in_the_midst_of_a_call_is_taken_in_by_it() -> None:
    rig = Rig()

    class Ringing:
        def __call__(self) -> None:  # as a signal handler would, at any step
            rig.buffer.put(entry(7))
            rig.buffer.lose("unencodable")
            assert rig.buffer.counts().recorded >= 0

    rig.buffer._ring = Ringing()
    rig.buffer.rest()
    rig.buffer.put(entry(5))
    counts = rig.buffer.counts()
    assert (counts.recorded, counts.queued, counts.dropped["unencodable"]) == (3, 2, 1)
    assert [size for _, _, size in rig.buffer.take(1_000)] == [5, 7]
    rig.check()


def test_spans_recorded_by_the_garbage_collector_are_counted() -> None:
    rig = Rig(max_bytes=10_000_000)

    class Dying:
        def __del__(self) -> None:
            rig.buffer.put(entry(1))

    made = 0
    thresholds = gc.get_threshold()
    gc.set_threshold(5, 2, 2)
    try:
        for _ in range(2_000):
            circle: list[Any] = [Dying()]
            circle.append(circle)
            del circle
            rig.buffer.put(entry(2))
            made += 1
            rig.buffer.settle(rig.buffer.take(300))
        gc.collect()
    finally:
        gc.set_threshold(*thresholds)
    assert rig.buffer.counts().recorded == 2 * made
    rig.check()


def test_a_signal_handler_may_record_at_any_moment() -> None:
    rig = Rig(max_bytes=1 << 30)
    handled = 0

    def handle(number: int, frame: object) -> None:
        nonlocal handled
        handled += 1
        rig.buffer.put(entry(3))

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    recorded = 0
    try:
        while handled < 200:
            rig.buffer.put(entry(1))
            recorded += 1
            if recorded % 50 == 0:
                rig.buffer.settle(rig.buffer.take(1_000))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert rig.buffer.counts().recorded == recorded + handled
    rig.check()


def test_the_account_balances_at_every_step_of_any_run(rng: random.Random) -> None:
    rig = Rig(max_bytes=20_000, full=2_000)
    flying: list[list[Entry]] = []
    for _ in range(3_000):
        match rng.randrange(6):
            case 0 | 1 | 2:
                rig.buffer.put(entry(rng.randrange(2_000), rng.choice([JSON, OTHER])))
            case 3:
                flying.append(rig.buffer.take(rng.randrange(5_000)))
            case 4 if flying:
                taken = flying.pop(0)
                rig.buffer.settle(taken, rng.randint(0, len(taken)))
            case 5:
                if flying and rng.random() < 0.3:
                    rig.buffer.drop(flying.pop(0), rng.choice(DROPPED))
                rig.buffer.lose(rng.choice(DROPPED))
        rig.check()
        assert rig.buffer.held_bytes <= rig.buffer.max_bytes
    for taken in flying:
        rig.buffer.settle(taken)
    while taken := rig.buffer.take(1_000_000):
        rig.buffer.drop(taken, "exit")
    counts = rig.buffer.counts()
    assert (counts.held_bytes, rig.buffer.in_flight_bytes, counts.in_flight, counts.queued) == (0, 0, 0, 0)


@pytest.mark.parametrize("threads", [8])
def test_threads_lose_nothing(threads: int) -> None:
    rig = Rig(max_bytes=1 << 30)

    def record() -> None:
        for _ in range(5_000):
            rig.buffer.put(entry(1))

    running = [threading.Thread(target=record) for _ in range(threads)]
    for thread in running:
        thread.start()
    while any(thread.is_alive() for thread in running):
        rig.buffer.settle(rig.buffer.take(10_000))
    for thread in running:
        thread.join()
    while taken := rig.buffer.take(10_000):
        rig.buffer.settle(taken)
    assert rig.buffer.counts().accepted == threads * 5_000
    rig.check()
