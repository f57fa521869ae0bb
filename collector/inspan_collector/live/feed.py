"""The live feed: one sample a second, kept for minutes; one snapshot a second, taken only while somebody looks.

As server-sent events (WHATWG HTML, section 9.2): first `history`, then `moment` at once and each second, at the end
`closing`. A frame is encoded once for all viewers.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from inspan_collector.ledger import DELIVERED, IN_FLIGHT, QUEUED, SPOOLED
from inspan_collector.live.history import History
from inspan_collector.live.recount import Recount
from inspan_collector.live.viewer import Crowded, Viewer
from inspan_collector.view import View

PERIOD: Final = 1.0  # s; people see a change within two
MAX_VIEWERS: Final = 16  # a team in an incident; each costs a write a second
RECENT: Final = 100  # events that a viewer begins with; /events has more

_encode = msgspec.json.Encoder().encode


class Feed:
    """Tells viewers of one view. cursor: the last event that was told."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.history = History([d.name for d in view.destinations])
        self.recount = Recount([pipeline.imbalance for pipeline in view.pipelines], view.now)
        self.viewers: set[Viewer] = set()
        self.cursor = 0
        self.closed = False

    def __repr__(self) -> str:
        return f"<Feed {len(self.viewers)} viewers {self.history!r}>"

    async def run(self) -> None:
        """Sample, and tell, each second, until this is cancelled."""
        while True:
            self.step()
            await asyncio.sleep(PERIOD)

    def step(self) -> None:
        """A second has passed."""
        self._sample()
        last, self.cursor = self.cursor, self.view.events.sequence
        if self.viewers:
            self.recount.step()
            frame = self._moment([event for event in self.view.events.after(last) if event.sequence <= self.cursor])
            for viewer in list(self.viewers):
                viewer.offer(frame)

    @contextlib.contextmanager
    def watching(self, viewer: Viewer) -> Iterator[bytes]:
        """What it sees first: the history and this moment; meanwhile it is offered each moment. Raises Crowded."""
        if self.closed or len(self.viewers) >= MAX_VIEWERS:
            why = "it is stopping" if self.closed else f"{MAX_VIEWERS} are looking already: close another page, or wait"
            raise Crowded(f"no live view of this sidecar: {why}. GET /status answers all the same")
        told = [event for event in self.view.events.kept if event.sequence <= self.cursor]
        self.viewers.add(viewer)
        try:
            yield _frame("history", self.history.shown()) + self._moment(told[-RECENT:])
        finally:
            self.viewers.discard(viewer)

    def close(self) -> None:
        """Tell everybody how it ended, and that this is the end; wait for nobody.

        What a drain leaves behind is booked at its very end: after the last second that was told.
        """
        self.closed = True
        if self.viewers:
            frame = self._moment(self.view.events.after(self.cursor)) + _frame("closing", {})
            for viewer in list(self.viewers):
                viewer.end(frame)

    def _sample(self) -> None:
        samples = {}
        for d in self.view.destinations:
            books = d.ledger.balances
            depth = (books[QUEUED], books[IN_FLIGHT], books[SPOOLED], round(d.queue.fill() * 1000))
            samples[d.name] = (*depth, books[DELIVERED], d.ledger.dropped())
        self.history.add(self.view.events.wall(), samples)

    def _moment(self, events: list[Any]) -> bytes:
        status = self.view.status(self.recount.total)
        return _frame("moment", {"at": self.view.events.wall(), "status": status, "events": events})


def _frame(name: str, value: object) -> bytes:
    """One event of the stream: JSON has no line break of its own."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), _encode(value))
