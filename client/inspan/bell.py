"""Wakes a thread, from anywhere: also from a signal handler that interrupts somebody who is just ringing, where
threading.Event would wait for itself."""

import threading


class Bell:
    """Rung any number of times before it is heard, it is heard once."""

    __slots__ = ("_silent",)

    def __init__(self) -> None:
        self._silent = threading.Lock()  # held while nobody has rung
        self._silent.acquire()

    def __repr__(self) -> str:
        return f"<Bell {'silent' if self._silent.locked() else 'rung'}>"

    def ring(self) -> None:
        """Never waits."""
        try:
            self._silent.release()
        except RuntimeError:  # it has been rung
            return

    def wait(self, timeout: float) -> bool:
        """Until it is rung, or for `timeout` seconds. Whether it was rung."""
        return self._silent.acquire(timeout=min(max(timeout, 0.0), threading.TIMEOUT_MAX))
