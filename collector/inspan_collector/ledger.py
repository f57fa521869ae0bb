"""The double-entry account of places and fates (the books).

Two laws hold at every instant, exactly:

    per dialect       received = refused + accepted
    per destination   enqueued + recovered + replayed + synthesized
                        = queued + in_flight + spooled                         (places)
                        + delivered + merged + quarantined + dropped{reason}   (fates)

The loop's thread alone writes; `move` is the only verb, so a span can neither appear nor vanish between two accounts.
What can still go wrong is that a stage moves the wrong number: `service` recounts what the stages really hold.

Balances are int64 in one piece of memory, so that a snapshot is one copy. Whoever moved calls `publish` once a step,
when the books say what has happened; it does nothing unless a mirror listens.
"""

from array import array
from collections.abc import Callable
from typing import Final, Literal

# Accounts of a destination. Plain ints into a view of an array: a move costs 0.1 µs, with an Enum 0.25 µs.
ENQUEUED: Final = 0
RECOVERED: Final = 1
REPLAYED: Final = 2
SYNTHESIZED: Final = 3
QUEUED: Final = 4
IN_FLIGHT: Final = 5
SPOOLED: Final = 6
DELIVERED: Final = 7
MERGED: Final = 8
QUARANTINED: Final = 9
DROPPED_QUEUE_FULL: Final = 10
DROPPED_SPOOL_FULL: Final = 11
DROPPED_SPOOL_CORRUPT: Final = 12
DROPPED_EXPIRED: Final = 13
DROPPED_REJECTED: Final = 14
DROPPED_MAX_ATTEMPTS: Final = 15
DROPPED_SHUTDOWN: Final = 16
DROPPED_CRASH: Final = 17
DROPPED_BUG: Final = 18

SOURCES: Final = {"enqueued": ENQUEUED, "recovered": RECOVERED, "replayed": REPLAYED, "synthesized": SYNTHESIZED}
PLACES: Final = {"queued": QUEUED, "in_flight": IN_FLIGHT, "spooled": SPOOLED}
DROPPED: Final = {
    "queue_full": DROPPED_QUEUE_FULL,
    "spool_full": DROPPED_SPOOL_FULL,
    "spool_corrupt": DROPPED_SPOOL_CORRUPT,
    "expired": DROPPED_EXPIRED,
    "rejected": DROPPED_REJECTED,
    "max_attempts": DROPPED_MAX_ATTEMPTS,
    "shutdown": DROPPED_SHUTDOWN,
    "crash": DROPPED_CRASH,
    "bug": DROPPED_BUG,
}
FATES: Final = {"delivered": DELIVERED, "merged": MERGED, "quarantined": QUARANTINED}
ACCOUNTS: Final = (*SOURCES, *PLACES, *FATES, *(f"dropped_{reason}" for reason in DROPPED))  # by their numbers

REFUSALS: Final = (
    "malformed",
    "too_large",
    "unsupported",
    "queue_full",
    "draining",
    "fair_share",
    "too_many_connections",
    "tenant",
    "not_allowed",  # a peer that allow_uids does not name
    "not_found",  # no such path or method
    "not_durable",  # a durable ack that cannot be given
    "too_many_agents",  # to be remembered by name; their spans are taken all the same
    "timeout",  # a head or body that did not arrive in time
    "bug",
)
COUNTS: Final = ("received", "accepted", *REFUSALS)  # of a dialect
_RECEIVED: Final = 0
_ACCEPTED: Final = 1
_REFUSED: Final = {reason: COUNTS.index(reason) for reason in REFUSALS}

QueueRefusal = Literal["queue_full", "fair_share", "too_large"]  # too_large: would not fit into the empty queue


def _nothing() -> None:
    """Nobody listens."""


def _zeros(count: int) -> memoryview:
    """So many int64. A view: a store takes 0.03 µs less than into the array, which parses it as an argument."""
    return memoryview(array("q", bytes(8 * count)))


class Ledger:
    """One destination's account, in spans. Sources are kept negative, so that the sum of all balances is 0.

    publish: called once a step by whoever moved.
    """

    __slots__ = ("balances", "destination", "publish")

    def __init__(self, destination: str) -> None:
        self.destination = destination
        self.balances = _zeros(len(ACCOUNTS))
        self.publish: Callable[[], None] = _nothing

    def __repr__(self) -> str:
        shown = " ".join(f"{name} {count}" for name, count in self.snapshot().items() if count)
        return f"<Ledger {self.destination} {shown or 'empty'}>"

    def move(self, source: int, target: int, spans: int) -> None:
        """Move `spans` from one account to another."""
        balances = self.balances
        balances[source] -= spans
        balances[target] += spans

    def snapshot(self) -> dict[str, int]:
        """Every account by name, all positive; drops as `dropped_<reason>`."""
        counts = {name: -self.balances[account] for name, account in SOURCES.items()}
        counts |= {name: self.balances[account] for name, account in (PLACES | FATES).items()}
        return counts | {f"dropped_{reason}": self.balances[account] for reason, account in DROPPED.items()}

    def dropped(self) -> int:
        """Spans dropped for any reason."""
        return sum(self.balances[account] for account in DROPPED.values())

    def held(self) -> int:
        """Spans in any place: those without a fate yet."""
        return sum(self.balances[account] for account in PLACES.values())

    def imbalance(self, queued: int, in_flight: int, spooled: int = 0) -> int:
        """Spans by which the books differ from what the stages say they hold; 0 when all is right."""
        balances = self.balances
        return (
            abs(sum(balances))
            + abs(balances[QUEUED] - queued)
            + abs(balances[IN_FLIGHT] - in_flight)
            + abs(balances[SPOOLED] - spooled)
        )


class Reception:
    """One dialect's account: what came over the socket, in requests, bytes and spans. Of these, spans are published."""

    __slots__ = ("bytes", "counts", "dialect", "publish", "requests", "requests_refused")

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.counts = _zeros(len(COUNTS))
        self.publish: Callable[[], None] = _nothing
        self.requests: dict[int, int] = {}
        self.requests_refused = dict.fromkeys(REFUSALS, 0)
        self.bytes = 0

    def __repr__(self) -> str:
        return f"<Reception {self.dialect} received {self.received} accepted {self.accepted}>"

    @property
    def received(self) -> int:
        """Spans counted in requests."""
        return self.counts[_RECEIVED]

    @property
    def accepted(self) -> int:
        """Spans taken into custody."""
        return self.counts[_ACCEPTED]

    @property
    def refused(self) -> dict[str, int]:
        """Spans counted and refused, by reason; a copy."""
        return {reason: self.counts[account] for reason, account in _REFUSED.items()}

    def accept(self, spans: int) -> None:
        """Book spans that are in our custody now."""
        counts = self.counts
        counts[_RECEIVED] += spans
        counts[_ACCEPTED] += spans
        self.publish()

    def refuse(self, spans: int, reason: str) -> None:
        """Book scanned spans that we did not take."""
        counts = self.counts
        counts[_RECEIVED] += spans
        counts[_REFUSED[reason]] += spans
        self.publish()

    def refuse_request(self, status: int, reason: str, spans: int) -> None:
        """Book a request that was refused whole. spans: how many it held, 0 where they were not counted."""
        self.requests[status] = self.requests.get(status, 0) + 1
        self.requests_refused[reason] += 1
        self.refuse(spans, reason)

    def imbalance(self) -> int:
        """Spans received that are neither accepted nor refused; 0 when all is right."""
        return abs(self.received - sum(self.counts[_ACCEPTED:]))
