"""What is known of a sidecar that is looked at: now, over the last minutes, and while it is away. Pure."""

from collections import deque
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from inspan_collector.cli.top.told import Destination, Event, History, Moment, Status
from inspan_collector.ledger import DROPPED

MINUTES: Final = 10
SAMPLES: Final = 60 * MINUTES  # one a second
RATES: Final = 5  # moments: what is shown as a rate is of the last seconds, so that it can be read while it changes
EVENTS: Final = 100  # as many as a sidecar tells at first


class Sample(NamedTuple):
    """at: seconds since the epoch. filled: 0 to 1. dropped: since the life began."""

    at: float
    filled: float
    dropped: int


class Watch:
    """Is told what the feed says. since: when it was lost, in seconds since the epoch; None while it is there."""

    def __init__(self) -> None:
        self.samples: dict[str, deque[Sample]] = {}
        self.moments: deque[Moment] = deque(maxlen=RATES + 1)
        self.events: deque[Event] = deque(maxlen=EVENTS)
        self.since: float | None = None
        self.why = ""

    def __repr__(self) -> str:
        return f"<Watch {len(self.moments)} moments {len(self.events)} events {self.why}>"

    @property
    def now(self) -> Moment:
        """The last moment. There is one as soon as anything is shown."""
        return self.moments[-1]

    @property
    def status(self) -> Status:
        return self.now.status

    def begin(self, history: History) -> None:
        """A feed begins: of the same life or of another one. Nothing of before is compared with it."""
        self.samples = {
            name: deque(
                (
                    Sample(at, filled / 1000, dropped)
                    for at, filled, dropped in zip(history.at, columns.filled, columns.dropped, strict=False)
                ),
                maxlen=SAMPLES,
            )
            for name, columns in history.destinations.items()
        }
        self.moments.clear()
        self.events.clear()
        self.since = None

    def hear(self, moment: Moment) -> None:
        """A second has passed there."""
        self.moments.append(moment)
        self.events.extend(moment.events)
        for each in moment.status.destinations:
            line = self.samples.setdefault(each.name, deque(maxlen=SAMPLES))
            line.append(Sample(moment.at, each.filled(), self.dropped(each.name)))

    def leave(self, now: float, why: str) -> None:
        """It does not answer any more. now: seconds since the epoch."""
        if self.since is None:
            self.since = now
        self.why = why

    # Numbers

    def rate(self, count: Callable[[Status], float]) -> float:
        """So much a second of a number that only grows, over the last moments; 0 while there is but one."""
        first, last = self.moments[0], self.moments[-1]
        seconds = last.status.life.seconds - first.status.life.seconds or last.at - first.at
        return max(0.0, count(last.status) - count(first.status)) / seconds if seconds > 0 else 0.0

    def of(self, name: str, account: str) -> int:
        """Spans in an account of a destination."""
        return self.status.ledger.destinations.get(name, {}).get(account, 0)

    def reasons(self, name: str) -> dict[str, int]:
        """Spans that a destination dropped, by reason, the most first."""
        found = {reason: self.of(name, f"dropped_{reason}") for reason in DROPPED}
        return dict(sorted(((reason, count) for reason, count in found.items() if count), key=lambda each: -each[1]))

    def dropped(self, name: str) -> int:
        """Spans that a destination dropped."""
        return sum(self.reasons(name).values())

    def lost(self, destination: Destination) -> int:
        """Spans that nobody has any more."""
        return self.dropped(destination.name) + destination.quarantine.evicted

    def last_drop(self) -> float | None:
        """When spans were dropped last, as far back as samples go: seconds since the epoch."""
        pairs = (pair for line in self.samples.values() for pair in pairwise(line))
        return max((after.at for before, after in pairs if after.dropped > before.dropped), default=None)

    def course(self, name: str, cells: int) -> list[float | None]:
        """How full the queue was, in each part of the last minutes, at most; None where that is not known."""
        found: list[float | None] = [None] * cells
        for cell, _, sample in self._parts(name, cells):
            found[cell] = max(found[cell] or 0.0, sample.filled)
        return found

    def drops(self, name: str, cells: int) -> list[int]:
        """How many spans were dropped in each part of the last minutes."""
        found = [0] * cells
        for cell, before, sample in self._parts(name, cells):
            found[cell] += max(0, sample.dropped - before.dropped)
        return found

    def _parts(self, name: str, cells: int) -> Iterator[tuple[int, Sample, Sample]]:
        """(part, sample before, sample). Parts begin at whole multiples of their length: one that is over is final."""
        length = SAMPLES / cells
        last = int(self.now.at / length)
        line = self.samples.get(name, ())
        for before, sample in pairwise(line):
            cell = cells - 1 - (last - int(sample.at / length))
            if 0 <= cell < cells:
                yield cell, before, sample
