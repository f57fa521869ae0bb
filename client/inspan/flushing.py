"""Who waits until the sidecar has what was recorded so far."""

import contextlib
from collections.abc import Callable

from inspan.bell import Bell
from inspan.buffer import Buffer


class Flushing:
    """Any number of threads that wait. buffer: entries leave it as they came, so that a place in that order says when
    all before it are gone. hasten: makes the sender hurry."""

    def __init__(self, buffer: Buffer, hasten: Callable[[], None]) -> None:
        self._buffer = buffer
        self._hasten = hasten
        self._lost = 0  # spans, at the end of the last flush
        self._waiters: list[tuple[int, Bell]] = []  # for how many entries to have left

    def __repr__(self) -> str:
        return f"<Flushing {len(self._waiters)} wait>"

    def __bool__(self) -> bool:
        return bool(self._waiters)

    def wait(self, timeout: float) -> bool:
        """Until all that came so far has left, `timeout` seconds at most. Whether it did, and nothing was dropped since
        the flush before."""
        before = self._buffer.counts()
        waiter = (before.entered, Bell())
        try:
            self._waiters.append(waiter)
            self._hasten()
            left = self._buffer.left >= before.entered or waiter[1].wait(timeout)
        finally:
            self._dismiss(waiter)
        after = self._buffer.counts()
        lost, self._lost = self._lost, sum(after.dropped.values())
        return left and after.left >= before.entered and lost == self._lost

    def tell(self) -> None:
        """Wake those whose time has come."""
        if not self._waiters:
            return
        left = self._buffer.left
        for waiter in [each for each in self._waiters if each[0] <= left]:
            waiter[1].ring()
            self._dismiss(waiter)  # here too, since whoever waits makes us hurry

    def _dismiss(self, waiter: tuple[int, Bell]) -> None:
        with contextlib.suppress(ValueError):  # the other thread was first
            self._waiters.remove(waiter)
