"""Everybody who taps. The first one puts a wrapper before the door's offer, and the last one takes it away."""

import contextlib
from collections.abc import Callable, Hashable, Iterator
from typing import Final, Protocol

from inspan_collector.errors import InspanError
from inspan_collector.formats import Scan
from inspan_collector.ledger import QueueRefusal
from inspan_collector.liveness import Registered
from inspan_collector.pledge import Pledge
from inspan_collector.receiver.answer import Answer, Awaited
from inspan_collector.receiver.dialects import ROUTES, below
from inspan_collector.receiver.offer import Offer
from inspan_collector.receiver.seam import Head
from inspan_collector.tap.tap import Room, Sample, Tap, Wish

DIALECTS: Final = tuple(dialect.name for dialect in ROUTES.values())  # that bring spans
MAX_TAPS: Final = 4  # people who look at one sidecar at once


class TooMany(InspanError):
    """As many tap already as may."""


class Tapped(Protocol):
    """What is wrapped: the `Door`, by its two attributes that every post passes."""

    offer: Offer
    handle: Callable[[Head, bytes], Answer | Awaited]


class Taps:
    """Opens taps. clock: loop time in seconds. wall: seconds since the epoch."""

    def __init__(self, door: Tapped, clock: Callable[[], float], wall: Callable[[], float]) -> None:
        self.door = door
        self.clock = clock
        self.wall = wall
        self.room = Room()
        self.open: list[Tap] = []
        self.head: Head | None = None  # of the post in hand
        self._offer = door.offer
        self._handle = door.handle

    def __repr__(self) -> str:
        return f"<Taps {self.open}>"

    @contextlib.contextmanager
    def opened(self, wish: Wish, wake: Callable[[], None]) -> Iterator[Tap]:
        """A tap for as long as the context is open. Raises TooMany."""
        if len(self.open) >= MAX_TAPS:
            raise TooMany(f"{MAX_TAPS} tap already: end one of them")
        if not self.open:
            self._wrap()
        tap = Tap(wish, self.room, self.clock(), wake)
        self.open.append(tap)
        try:
            yield tap
        finally:
            tap.close()
            self.open.remove(tap)
            if not self.open:
                self._unwrap()

    def _wrap(self) -> None:
        self._offer, self._handle = self.door.offer, self.door.handle
        self.door.offer, self.door.handle = self.offer, self.handle

    def _unwrap(self) -> None:
        self.door.offer = self._offer
        del self.door.handle  # the method beneath shows again
        self.head = None

    def handle(self, head: Head, body: bytes) -> Answer | Awaited:
        """As the door's; an offer does not say which dialect it came by."""
        self.head = head
        return self._handle(head, body)

    def offer(
        self, format: str, body: bytes, scan: Scan, agent: Hashable, reserved: int, pledge: Pledge | None = None
    ) -> QueueRefusal | None:
        """See Offer. What is taken is shown to those who wish for it."""
        refusal = self._offer(format, body, scan, agent, reserved, pledge)
        if refusal is None and self.head is not None:
            self._show(self.head, format, body, scan.spans)
        return refusal

    def _show(self, head: Head, format: str, body: bytes, spans: int) -> None:
        dialect = ROUTES.get(head.path) or below(head.path)
        name = "" if dialect is None else dialect.name
        known = head.known or head.agent.known
        service = known.service if isinstance(known, Registered) else ""
        for tap in self.open:
            if tap.wants(name, service) and (take := tap.share(spans, self.clock())):
                who = str(known or head.agent)
                tap.hold(Sample(self.wall(), name, format, who, service, spans, take, body))
