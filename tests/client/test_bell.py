"""A bell wakes one who waits, once for any number of rings."""

import signal
import threading

from inspan.bell import Bell


def test_it_is_heard_once_however_often_it_was_rung() -> None:
    bell = Bell()
    for _ in range(3):
        bell.ring()
    assert bell.wait(0)
    assert not bell.wait(0)


def test_one_who_waits_is_woken_from_another_thread() -> None:
    bell = Bell()
    threading.Thread(target=bell.ring).start()
    assert bell.wait(10)


def test_a_wait_may_be_without_end_or_over_already() -> None:
    bell = Bell()
    assert not bell.wait(-1)
    bell.ring()
    assert bell.wait(float("inf"))


def test_a_signal_handler_may_ring_while_its_own_thread_does() -> None:
    bell = Bell()
    handled = 0

    def handle(number: int, frame: object) -> None:
        nonlocal handled
        handled += 1
        bell.ring()

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    try:
        while handled < 300:
            bell.ring()
            bell.wait(0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    bell.ring()
    assert bell.wait(0)
