"""What is measured, said as it goes."""

import time
from collections.abc import Callable

from bench.process import Failed


class Progress:
    """left: measurements to come. failures: those that failed, and why."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.failures: list[str] = []
        self.started = time.monotonic()

    def __repr__(self) -> str:
        return f"<Progress {self.left} left, {len(self.failures)} failed>"

    def measure(self, name: str, measure: Callable[[], str]) -> None:
        """One measurement. One that fails is reported and leaves a gap: the others are still worth having."""
        self.left -= 1
        try:
            said = measure()
        except Failed as failure:
            said = f"failed: {failure}"
            self.failures.append(f"{name}: {failure}")
        minutes, seconds = divmod(int(time.monotonic() - self.started), 60)
        print(f"{minutes:2}:{seconds:02}  {self.left:3} left  {name:45} {said}", flush=True)
