"""A behaviour at work: which request it falls on."""

import random
from collections.abc import Iterable
from enum import Enum, auto
from typing import NamedTuple

from inspan_collector.sink.behaviour import Behaviour, chances, delays, idle, pattern


class Deed(Enum):
    """What a request meets."""

    HONEST = auto()
    STATUS = auto()
    GARBAGE = auto()
    RESET = auto()
    HANG = auto()
    SWALLOW = auto()
    DRIP = auto()
    LEAVE = auto()


class Met(NamedTuple):
    """What one request meets. status: answered instead of the true one, where that is the deed."""

    deed: Deed
    status: int = 0


HONEST = Met(Deed.HONEST)


class Mischief:
    """Counts the requests since its behaviour began, so that "each third" means the same in every run.

    Pure: it says what is to happen and does none of it.
    """

    __slots__ = ("_chances", "_delays", "_fate", "_pattern", "_random", "behaviour", "idle", "number")

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.number = 0
        self.idle = idle(behaviour.close_idle)
        self._delays = delays(behaviour.delay)
        self._pattern = pattern(behaviour.reject_span)
        self._random = random.Random(behaviour.seed)  # noqa: S311 - delays that a seed repeats, not secrets
        self._chances = chances(behaviour.chance)
        self._fate = random.Random(behaviour.seed)  # noqa: S311 - of its own: answers must not depend on delays

    def __repr__(self) -> str:
        return f"<Mischief at request {self.number} {self.behaviour}>"

    def next(self) -> Met:
        """What the request that has just arrived meets."""
        self.number += 1
        wish = self.behaviour
        if self._falls(wish.hang_every):
            return Met(Deed.HANG)
        if self._falls(wish.reset_every):
            return Met(Deed.RESET)
        if self._falls(wish.garbage_every):
            return Met(Deed.GARBAGE)
        if wish.status is not None and (wish.every is None or self._falls(wish.every)):
            return Met(Deed.STATUS, wish.status)
        return self._by_chance()

    def _by_chance(self) -> Met:
        drawn = None if self._chances is None else self._chances.draw(self._fate)
        if drawn is None:
            return HONEST
        return Met(Deed.STATUS, int(drawn)) if drawn.isdecimal() else Met(Deed[drawn.upper()])

    def delay(self) -> float:
        """Seconds to wait before the next answer."""
        return self._random.uniform(*self._delays) if self._delays else 0.0

    @property
    def reads_spans(self) -> bool:
        """Whether `rejects` has to see the spans at all."""
        return self._pattern is not None

    def rejects(self, spans: Iterable[bytes]) -> bool:
        """Whether a span is among them that this sink does not take."""
        found = self._pattern
        return found is not None and any(found.search(span) for span in spans)

    def _falls(self, every: int | None) -> bool:
        return every is not None and self.number % every == 0
