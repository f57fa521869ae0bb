"""What happened, once each: a bounded list with sequence numbers, and a log that is loud once and then quiet."""

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

KEPT: Final = 1000  # events; a page of an incident, not an archive: logs are for that
QUIET: Final = 60.0  # s in which the same kind at the same place is counted and not logged again

log = logging.getLogger("inspan")


class Event(msgspec.Struct, frozen=True):
    """sequence: from 1, without gaps. at: seconds since the epoch. spans: how many it concerns.

    destination: where it happened; for refusals the dialect.
    """

    sequence: int
    at: float
    kind: str
    destination: str
    message: str
    spans: int = 0


class _Repeats:
    __slots__ = ("count", "since", "spans")

    def __init__(self, since: float) -> None:
        self.since = since
        self.count = 0
        self.spans = 0


class Events:
    """Append-only, bounded; the cursor is the sequence number.

    wall, clock: seconds since the epoch, and monotonic seconds.
    """

    def __init__(self, wall: Callable[[], float] = time.time, clock: Callable[[], float] = time.monotonic) -> None:
        self.wall = wall
        self.clock = clock
        self.kept: deque[Event] = deque(maxlen=KEPT)
        self.sequence = 0
        self.quiet: dict[tuple[str, str], _Repeats] = {}

    def __repr__(self) -> str:
        return f"<Events {len(self.kept)} kept, last {self.sequence}>"

    def record(self, kind: str, destination: str, message: str, *, spans: int = 0, words: str = "") -> None:
        """Keep the event; log it where its kind is new at this destination, else count it.

        words: an upstream's own, which may quote a span: they are logged, and not kept.
        """
        self._keep(kind, destination, message, spans)
        if not self._is_quiet(kind, destination, spans):
            self._log(kind, destination, message, spans, words)

    def note(self, kind: str, place: str, message: str, *, spans: int = 0) -> None:
        """As `record`, for what may come thousands of times a second: repeats are counted and not kept either."""
        if not self._is_quiet(kind, place, spans):
            self._keep(kind, place, message, spans)
            self._log(kind, place, message, spans, "")

    def _keep(self, kind: str, destination: str, message: str, spans: int) -> None:
        self.sequence += 1
        self.kept.append(Event(self.sequence, self.wall(), kind, destination, message, spans))

    def _is_quiet(self, kind: str, destination: str, spans: int) -> bool:
        repeats = self.quiet.get((kind, destination))
        if repeats is None or self.clock() - repeats.since >= QUIET:
            return False
        repeats.count += 1
        repeats.spans += spans
        return True

    def _log(self, kind: str, destination: str, message: str, spans: int, words: str) -> None:
        repeats = self.quiet.get((kind, destination))
        extra: dict[str, object] = {"kind": kind, "destination": destination, "spans": spans, "words": words}
        if repeats is not None and repeats.count:
            extra |= {"repeated": repeats.count, "repeated_spans": repeats.spans}
        self.quiet[kind, destination] = _Repeats(self.clock())
        log.warning(message, extra=extra)

    def flush(self) -> None:
        """Log what was counted and not logged yet; at the end, since no later event will say it."""
        for (kind, destination), repeats in self.quiet.items():
            if repeats.count:
                extra = {"kind": kind, "destination": destination, "spans": repeats.spans, "repeated": repeats.count}
                log.warning("more of the same, since it was last logged", extra=extra)
        self.quiet.clear()

    def after(self, sequence: int) -> list[Event]:
        """Events with a higher sequence number, oldest first."""
        return [event for event in self.kept if event.sequence > sequence]
