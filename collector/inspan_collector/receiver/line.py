"""One socket as a stage, a deadline and an end; what is spoken on it is for the subclass."""

import asyncio
from collections.abc import Callable
from math import inf
from typing import Final

from inspan_collector.receiver.connections import IDLE, PARTING

FRESH: Final = inf  # `since` of a stage that was entered in this very `data_received`: nothing has waited yet


class Line(asyncio.Protocol):
    """Back-pressure, and the three ways to end. Has the shape of `connections.Live`, but for `overdue`."""

    __slots__ = ("_time", "_transport", "since", "stage", "stuck")

    _transport: asyncio.Transport

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self.stage = IDLE
        self.since = time()
        self.stuck = inf

    def pause_writing(self) -> None:
        """The client does not read its answers: then we read no more of its requests."""
        self.stuck = self._time()
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self.since += self._time() - self.stuck  # what we did not read cannot have been late
        self.stuck = inf
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def hang_up(self) -> None:
        """End after what is written has gone out. For a client that is sending nothing."""
        self._leave_stage()
        self._transport.close()

    def drop(self) -> None:
        """End now."""
        self._leave_stage()
        self._transport.abort()

    def part(self, last_words: bytes) -> None:
        """Write the last answer if there is one, end our side, and leave the client a moment to read it.

        Closing with bytes unread would reset the connection, and a reset takes the answer with it (RFC 9112, 9.6).
        """
        if self._transport.is_closing():
            return
        if last_words:
            self._transport.write(last_words)
        self._leave_stage()
        self._transport.write_eof()

    def _leave_stage(self) -> None:
        self._let_go()
        self.stage = PARTING
        self.since = self._time()

    def _let_go(self) -> None:
        """Give back what the request in hand holds."""
        raise NotImplementedError
