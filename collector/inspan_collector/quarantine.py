"""Spans that an upstream refuses for good, kept with the reason. In memory, bounded by bytes."""

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

MAX_BYTES: Final = 4 << 20  # a destination; enough to look at, little beside the memory budget

MAX_MESSAGE: Final = 500  # characters of the upstream's words that are kept


class Refused(msgspec.Struct, frozen=True):
    """at: seconds since the epoch. status: of the upstream, 0 where it never answered. message: its words."""

    at: float
    format: str
    body: bytes
    spans: int
    status: int
    message: str


class Quarantine:
    """The newest refused spans of one destination; the oldest make room and are counted as evicted.

    An entry larger than the whole bound is evicted at once: it is counted, and its reason is in the events.
    """

    def __init__(self, wall: Callable[[], float], max_bytes: int = MAX_BYTES) -> None:
        self.wall = wall
        self.max_bytes = max_bytes
        self.entries: deque[Refused] = deque()
        self.bytes = 0
        self.spans = 0
        self.evicted = 0

    def __repr__(self) -> str:
        return f"<Quarantine {self.spans} spans {self.bytes} of {self.max_bytes} bytes, {self.evicted} evicted>"

    def put(self, format: str, body: bytes, spans: int, status: int, message: str) -> None:
        """Keep refused spans."""
        self.entries.append(Refused(self.wall(), format, body, spans, status, message[:MAX_MESSAGE]))
        self.bytes += len(body)
        self.spans += spans
        while self.bytes > self.max_bytes:
            oldest = self.entries.popleft()
            self.bytes -= len(oldest.body)
            self.spans -= oldest.spans
            self.evicted += oldest.spans
