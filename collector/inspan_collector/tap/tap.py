"""One who taps: what it wants to see, what has passed, and the posts that wait to be shown. Pure."""

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

RATE: Final = 5  # spans a second where nobody says: what a person can read
MAX_RATE: Final = 100  # a sample, and no second way out for spans
MAX_WAITING: Final = 64  # posts; more than a person reads in a second, whatever is asked for
BURST: Final = 1.0  # s of the rate that may come at once: of few posts with many spans one sees some of each
# bytes of bodies that are held to be shown, for all who tap together; or a single one, however large it is. A post is
# 400 KB where agents batch, and a sidecar has tens of MiB.
MAX_BYTES: Final = 8 << 20


class Wish(msgspec.Struct, frozen=True):
    """rate: spans a second, at most. dialect, service: of these alone; None for all."""

    rate: int
    dialect: str | None = None
    service: str | None = None


class Sample(msgspec.Struct, frozen=True, gc=False):
    """A post that was taken, of which some spans are to be shown. body: shared with the queues, in its plain form.

    at: seconds since the epoch. service: empty where it is not known. spans: in the post; take: how many to show.
    """

    at: float
    dialect: str
    format: str
    agent: str
    service: str
    spans: int
    take: int
    body: bytes


class Room:
    """The bytes that samples hold, of all taps."""

    def __init__(self, limit: int = MAX_BYTES) -> None:
        self.limit = limit
        self.used = 0

    def __repr__(self) -> str:
        return f"<Room {self.used} of {self.limit} bytes>"

    def has(self, size: int) -> bool:
        """Whether so many bytes fit. One alone always does."""
        return not self.used or self.used + size <= self.limit


class Tap:
    """Counts what passes, and holds a few samples until they are read. wake: called when there is a new one.

    passed: spans that were taken and wished for. missed: those that it was time to show, and the reader was too slow
    or the post too large.
    """

    def __init__(self, wish: Wish, room: Room, now: float, wake: Callable[[], None]) -> None:
        self.wish = wish
        self.room = room
        self.wake = wake
        self.passed = 0
        self.missed = 0
        self.waiting: deque[Sample] = deque()
        self.most = max(1.0, wish.rate * BURST)
        self.tokens = self.most
        self.filled = now

    def __repr__(self) -> str:
        return f"<Tap {self.passed} passed {self.missed} missed {len(self.waiting)} waiting>"

    def wants(self, dialect: str, service: str) -> bool:
        """Whether such a post is wished for."""
        wish = self.wish
        return wish.dialect in (None, dialect) and wish.service in (None, service)

    def share(self, spans: int, now: float) -> int:
        """So many spans pass. Returns how many of them are to be shown. now: loop time in seconds."""
        self.passed += spans
        self.tokens = min(self.most, self.tokens + (now - self.filled) * self.wish.rate)
        self.filled = now
        take = min(spans, int(self.tokens))
        self.tokens -= take
        return take

    def hold(self, sample: Sample) -> None:
        """Keep it for the reader, or count what is missed of it."""
        size = len(sample.body)
        if len(self.waiting) >= MAX_WAITING or not self.room.has(size):
            self.missed += sample.take
            return
        self.room.used += size
        self.waiting.append(sample)
        self.wake()

    def read(self) -> Sample | None:
        """The oldest sample; its bytes are the caller's from now on, until `let_go`. None where none waits."""
        return self.waiting.popleft() if self.waiting else None

    def let_go(self, sample: Sample) -> None:
        """It was shown."""
        self.room.used -= len(sample.body)

    def close(self) -> None:
        """Nobody reads any more."""
        while (sample := self.read()) is not None:
            self.let_go(sample)
