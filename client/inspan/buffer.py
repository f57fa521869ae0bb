"""Encoded spans that wait, bounded in bytes, with an account of every span that was ever recorded.

House rule: what is called by the agent (`put`, `lose`) never waits for anything but another thread's turn in here, of
a microsecond. It may be called at any moment: from a signal handler, or by the garbage collector, in the midst of a
call of the same thread. Such a call leaves its entry aside, and the call that it interrupted takes it in.
"""

import threading
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Final, ParamSpec, TypeVar

import msgspec

from inspan.dialects import Entry
from inspan.wire import DROPPED

P = ParamSpec("P")
R = TypeVar("R")

OVERHEAD: Final = 128  # bytes an entry takes beside its text: a tuple, the head of a bytes object, a place in a deque


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Spans of one moment; held_bytes are bytes. entered, left: entries that ever came in, and that are settled; since
    they leave in the order in which they came, both are places in it."""

    recorded: int
    accepted: int
    queued: int
    in_flight: int
    held_bytes: int
    dropped: dict[str, int]
    entered: int
    left: int


class Buffer:
    """First in, first out. At every moment recorded = accepted + queued + in_flight + the sum of dropped.

    max_bytes: of all that is held, what is in flight included. full: bytes that wait at which `ring` is called, so that
    they are sent at once. ring: wakes whoever sends; also for the first entry after `rest`.
    """

    def __init__(self, max_bytes: int, full: int, ring: Callable[[], None]) -> None:
        self.max_bytes = max_bytes
        self.full = full
        self.accepted = 0
        self.in_flight = 0
        self.in_flight_bytes = 0
        self.dropped = dict.fromkeys(DROPPED, 0)
        self.held_bytes = 0
        self.left = 0
        self.closed = False
        self.aside: deque[Entry | str] = deque()  # what came in the midst of a call; a string is the reason of a loss
        self._ring = ring
        self._ring_at: float = full  # held bytes; one comparison for each put says whether somebody must be woken
        self._entries: deque[Entry] = deque()
        self._lost_outside = 0  # what was dropped before it was an entry
        self._lock = threading.RLock()
        self._inside = False

    def __repr__(self) -> str:
        return f"<Buffer {len(self)} spans {self.held_bytes} of {self.max_bytes} bytes, {self.in_flight} in flight>"

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def waiting_bytes(self) -> int:
        """Of what is queued; a look without the lock."""
        return self.held_bytes - self.in_flight_bytes

    @property
    def lost(self) -> int:
        """Spans dropped, for whatever reason; a look without the lock."""
        return self._lost_outside + self.left - self.accepted

    # For the agent

    def put(self, entry: Entry) -> bool:
        """Keep a span. False: dropped, and counted."""
        with self._lock:
            if self._inside:
                self.aside.append(entry)
                return True
            try:
                self._inside = True
                return self._put(entry)
            finally:  # a Ctrl-C may come at the start of any call, so what must happen is none
                try:
                    if self.aside:
                        self._take_in()
                finally:
                    self._inside = False

    def lose(self, reason: str) -> None:
        """Count a span that was recorded and never came so far. reason: one of wire.DROPPED."""
        with self._lock:
            if self._inside:
                self.aside.append(reason)
            else:
                self._alone(self._lose, reason)

    # For who sends

    def take(self, max_bytes: int) -> list[Entry]:
        """The oldest entries of one dialect: at most so many bytes, but at least one. They are in flight then."""
        return self._alone(self._take, max_bytes)

    def settle(self, entries: list[Entry], refused: int = 0) -> None:
        """The sidecar has had these: all but `refused` of them are its own now."""
        self._alone(self._settle, entries, refused, "refused")

    def drop(self, entries: list[Entry], reason: str) -> None:
        """Give up on what was taken."""
        self._alone(self._settle, entries, len(entries), reason)

    def rest(self) -> bool:
        """Whether there is nothing to send. If so, the next entry rings."""
        return self._alone(self._rest)

    def close(self) -> None:
        """Take no more: what comes from now on is dropped as `closed`."""
        self.closed = True

    def counts(self) -> Counts:
        """All of one moment."""
        return self._alone(self._counts)

    # With the lock

    def _alone(self, do: Callable[P, R], *args: P.args, **named: P.kwargs) -> R:
        """Nothing changes but by the call, whom an interruption leaves its entries aside. Not a context of our own: a
        Ctrl-C between its end and the lock's would leave the lock held."""
        with self._lock:
            nested = self._inside  # of a signal handler that asks for the counts
            try:
                self._inside = True
                if self.aside and not nested:
                    self._take_in()
                return do(*args, **named)
            finally:
                try:
                    if self.aside and not nested:
                        self._take_in()
                finally:
                    self._inside = nested

    def _take(self, max_bytes: int) -> list[Entry]:
        taken: list[Entry] = []
        size = 0
        entries = self._entries
        while entries:
            dialect, _, length = entries[0]
            if taken and (size + length > max_bytes or dialect is not taken[0][0]):
                break
            size += length
            taken.append(entries.popleft())
        self.in_flight += len(taken)
        self.in_flight_bytes += size + OVERHEAD * len(taken)
        self._ring_at = self.in_flight_bytes + self.full
        return taken

    def _settle(self, entries: list[Entry], lost: int, reason: str) -> None:
        size = sum([length for _, _, length in entries]) + OVERHEAD * len(entries)
        self.held_bytes -= size
        self.in_flight_bytes -= size
        self.in_flight -= len(entries)
        self.left += len(entries)
        self._ring_at = min(self._ring_at, self.in_flight_bytes + self.full)
        self.accepted += len(entries) - lost
        self.dropped[reason] += lost

    def _rest(self) -> bool:
        resting = not self._entries
        self._ring_at = 0 if resting else self.in_flight_bytes + self.full
        return resting

    def _counts(self) -> Counts:
        entered = self.left + self.in_flight + len(self._entries)
        return Counts(
            recorded=entered + self._lost_outside,
            accepted=self.accepted,
            queued=len(self._entries),
            in_flight=self.in_flight,
            held_bytes=self.held_bytes,
            dropped=dict(self.dropped),
            entered=entered,
            left=self.left,
        )

    def _put(self, entry: Entry) -> bool:
        held = self.held_bytes + entry[2] + OVERHEAD
        if held > self.max_bytes or self.closed:
            self._lose("closed" if self.closed else "buffer_full")
            return False
        self.held_bytes = held
        try:
            self._entries.append(entry)
        except (RecursionError, MemoryError):
            self.held_bytes -= entry[2] + OVERHEAD
            raise
        if held >= self._ring_at:
            try:
                self._ring()
                self._ring_at = inf
            except RecursionError:  # it is kept all the same, and the next one rings
                pass
        return True

    def _lose(self, reason: str) -> None:
        self._lost_outside += 1
        self.dropped[reason] += 1

    def _take_in(self) -> None:
        """What came in the midst of a call. Something may still come between the last look and the end: the next call
        has it."""
        while self.aside:
            aside = self.aside.popleft()
            if isinstance(aside, str):
                self._lose(aside)
            else:
                self._put(aside)
