"""Deliveries that wait at a closed gate, and the timer that lets one of them probe."""

import asyncio
from collections.abc import Callable

from inspan_collector.gate import Gate


class Line:
    """First come, first served, but the one that failed last lets another go first: no batch can hold a gate shut.

    Those in doubt (refused, like everything else, and waiting for a witness) and the others take turns: however many
    they are, one side cannot keep out the other.

    clock: loop time in seconds. changed: called when another one waits or goes, so that a batch can be taken for it.
    """

    def __init__(self, gate: Gate, clock: Callable[[], float], changed: Callable[[], None]) -> None:
        self.gate = gate
        self.clock = clock
        self.changed = changed
        self.waiting: dict[object, asyncio.Future[bool | None]] = {}  # in the order of arrival
        self.doubted: dict[object, bool] = {}  # of those that wait
        self.last: object = None
        self.last_doubted = False  # of the last probe
        self.timer: asyncio.TimerHandle | None = None
        self.closed = False

    def __repr__(self) -> str:
        return f"<Line {len(self.waiting)} waiting at {self.gate!r}>"

    async def enter(self, who: object, *, doubted: bool = False) -> bool | None:
        """Wait until an attempt may start. True where it is the probe; None where the line is closed for good."""
        if self.closed:
            return None
        if self.gate.state == "open":
            return self.gate.enter()
        place: asyncio.Future[bool | None] = asyncio.get_running_loop().create_future()
        self.waiting[who] = place
        self.doubted[who] = doubted
        self.changed()
        self.rearm()
        return await place

    def lone(self, who: object) -> bool:
        """Whether nobody else waits: the next probe would carry the same spans as the last."""
        return self.waiting.keys() <= {who}

    def settled(self, who: object, *, delivered: bool) -> None:
        """The gate was told what became of an attempt: let in whom it allows now."""
        if not delivered:
            self.last = who
        self.rearm()

    def rearm(self) -> None:
        """The gate may have changed: let in whom it allows now."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.gate.state == "open":
            for who in list(self.waiting):
                self._admit(who)
        elif self.waiting and (wait := self.gate.wait(self.clock())) is not None:
            self.timer = asyncio.get_running_loop().call_later(wait, self._probe)

    def _probe(self) -> None:
        self.timer = None
        if self.waiting:
            who = min(self.waiting, key=lambda who: (who is self.last, self.doubted[who] is self.last_doubted))
            self.last_doubted = self.doubted[who]
            self._admit(who)

    def _admit(self, who: object) -> None:
        place = self.waiting.pop(who)
        del self.doubted[who]
        if not place.done():
            place.set_result(self.gate.enter())
        self.changed()

    def close(self) -> None:
        """Nobody waits any more: those in line and those to come get None."""
        self.closed = True
        if self.timer is not None:
            self.timer.cancel()
        for place in self.waiting.values():
            if not place.done():
                place.set_result(None)
        self.waiting.clear()
        self.doubted.clear()
