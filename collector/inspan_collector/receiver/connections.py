"""The connections that live: how many, for how long, and how they end."""

import asyncio
from math import inf
from typing import Final, Protocol

import msgspec

from inspan_collector.agents import Agents
from inspan_collector.receiver.answer import Answer
from inspan_collector.receiver.seam import Door

SWEEP_INTERVAL: Final = 1.0  # s; deadlines are seconds, so this is exact enough; 0.1 us a connection
LINGER: Final = 5.0  # s; a client that still sends when it is refused has this long to stop, and to read why


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one client may cost us. Sizes in bytes, times in seconds."""

    max_request_bytes: int = 16 << 20
    max_connections: int = 1024
    idle_timeout: float = 75.0  # above the 60 s that clients and balancers keep a pooled connection
    header_timeout: float = 10.0  # from the first byte of a head; drip-feeding does not extend it
    body_timeout: float = 30.0  # from the end of the head
    allow_uids: frozenset[int] | None = None  # None: whoever can open the socket


# The stage of a connection, in the order in which it can be spared. Plain integers: compared for every request.
PARTING: Final = 0  # its last answer is written; what comes now is thrown away
IDLE: Final = 1  # between requests
HEAD: Final = 2
BODY: Final = 3
FORGETTING: Final = 4  # refused; the rest of the body is read and thrown away
WAITING: Final = 5  # an answer is not known yet; who owes it bounds the wait


class Live(Protocol):
    """What the table knows of a connection. since: loop time of the last change of stage; stuck: of the moment when
    the client stopped reading its answers, `inf` while it reads."""

    stage: int
    since: float
    stuck: float

    def overdue(self) -> None:
        """Its deadline has passed: say so where that still helps, and end."""

    def hang_up(self) -> None:
        """End between two requests, after what is written has gone out."""

    def drop(self) -> None:
        """End now."""


class Connections:
    """All live connections, and the one timer that watches their deadlines.

    closing: answers now say `connection: close`.
    """

    def __init__(
        self, limits: Limits, door: Door, loop: asyncio.AbstractEventLoop, interval: float = SWEEP_INTERVAL
    ) -> None:
        self.limits = limits
        self.agents = Agents()
        self.closing = False
        self.time = loop.time
        self._loop = loop
        self._door = door
        self._interval = interval
        self._live: dict[Live, None] = {}  # by arrival, which decides between those that are equally idle
        self._empty = asyncio.Event()
        self._empty.set()
        # Indexed by stage.
        body = limits.body_timeout
        self._patience = (LINGER, limits.idle_timeout, limits.header_timeout, body, body, inf)
        self._timer = loop.call_later(interval, self._tick)

    def __len__(self) -> int:
        return len(self._live)

    def __repr__(self) -> str:
        return f"<Connections {len(self._live)} of {self.limits.max_connections}{' closing' if self.closing else ''}>"

    def enter(self, connection: Live) -> Answer | None:
        """Take in a new connection, at the price of the one that can best be spared; an answer is a refusal."""
        if len(self._live) >= self.limits.max_connections:
            spare = [live for live in self._live if live.stage <= IDLE]
            if not spare:
                return self._door.too_many()
            longest = min(spare, key=lambda live: (live.stage, live.since))
            self._live.pop(longest, None)  # now, not when its socket is gone: the table is the bound
            longest.drop()
        self._live[connection] = None
        self._empty.clear()
        return None

    def leave(self, connection: Live) -> None:
        """Forget a connection. Harmless for one that is not in the table."""
        self._live.pop(connection, None)
        if not self._live:
            self._empty.set()

    def sweep(self, now: float) -> None:
        """End what has passed its deadline. now: loop time."""
        patience, idle = self._patience, self.limits.idle_timeout
        late = [
            live
            for live in self._live
            if (
                now - live.since > patience[live.stage]
                if live.stuck == inf or live.stage == PARTING
                else now - live.stuck > idle
            )
        ]
        for live in late:
            live.overdue()

    async def close(self, timeout: float) -> None:
        """Finish the requests in hand; end idle connections at once, and the rest after `timeout` seconds.

        To be called when nothing is accepted any more.
        """
        self.closing = True
        for live in list(self._live):
            if live.stage == IDLE:
                live.hang_up()
        try:
            async with asyncio.timeout(timeout):
                await self._empty.wait()
        except TimeoutError:
            for live in list(self._live):
                live.drop()
            await self._empty.wait()  # a dropped connection is lost in the next turn of the loop
        self._timer.cancel()

    def _tick(self) -> None:
        # First, so that a bug below cannot end the sweep.
        self._timer = self._loop.call_later(self._interval, self._tick)
        self.sweep(self._loop.time())
