"""How long to wait before the next try."""

from collections.abc import Callable
from typing import Final

FIRST: Final = 0.05  # s; a sidecar that restarts is back within half a second
LONGEST: Final = 2.0  # s; it is local, and a try costs it nothing


class Backoff:
    """Doubles from FIRST to LONGEST, with chance, so that the agents of a pod do not come back all at once.

    chance: 0 to 1, anew at each call.
    """

    __slots__ = ("_chance", "_next")

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._next = FIRST

    def __repr__(self) -> str:
        return f"<Backoff next {self._next:g} s>"

    def rest(self, asked: float | None = None) -> float:
        """Seconds to wait after one more failure. asked: at least, as the other side says."""
        grown, self._next = self._next, min(2 * self._next, LONGEST)
        return max(asked or 0.0, grown * (0.5 + 0.5 * self._chance()))

    def reset(self) -> None:
        """Something worked."""
        self._next = FIRST
