"""The connections of a sink: aiohttp's low-level server, a count, and the end of those that idle."""

import asyncio
import logging
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Final, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

_LINGER_ZERO: Final = struct.pack("ii", 1, 0)  # struct linger: on, 0 s. close() then sends RST, not FIN


class _Written:
    """What aiohttp is handed after we wrote the answer ourselves: building its response costs as much as the rest."""

    __slots__ = ("keep_alive",)

    def __init__(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing is left to prepare."""

    async def write_eof(self) -> None:
        """Nothing is left to write."""


_KEPT: Final = cast("web.StreamResponse", _Written(keep_alive=True))
_CLOSED: Final = cast("web.StreamResponse", _Written(keep_alive=False))


class Connections(web.Server):
    """Counts what is opened, and closes what idles.

    answer: called with each request; writes the answer itself. A request whose sender leaves is cancelled.
    """

    def __init__(self, answer: Callable[[web.BaseRequest], Awaitable[None]]) -> None:
        super().__init__(
            self._answer_one,
            handler_cancellation=True,
            auto_decompress=False,  # aiohttp's own takes a gzip body cut in the middle for a whole one
            access_log=None,
            logger=logging.getLogger("inspan_collector.sink"),
        )
        self._answer = answer
        self._timers: dict[RequestHandler, asyncio.TimerHandle] = {}
        self.opened = 0
        self.idle: float | None = None
        """Seconds after which an idle connection is closed, None for never."""

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """aiohttp says so for each connection."""
        self.opened += 1
        super().connection_made(handler, transport)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """aiohttp says so for each connection."""
        self._wake(handler)
        super().connection_lost(handler, exc)

    async def _answer_one(self, request: web.BaseRequest) -> web.StreamResponse:
        self._wake(request.protocol)
        await self._answer(request)
        if request.transport is not None and self.idle is not None:
            timer = asyncio.get_running_loop().call_later(self.idle, request.transport.close)
            self._timers[request.protocol] = timer
        return _KEPT if request.keep_alive else _CLOSED

    def _wake(self, connection: RequestHandler) -> None:
        timer = self._timers.pop(connection, None)
        if timer is not None:
            timer.cancel()


def reset(transport: asyncio.Transport) -> None:
    """Break a connection so that the peer sees it broken: RST on TCP, the plain end on a unix socket."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    transport.abort()


async def read_body(request: web.BaseRequest) -> bytes:
    """The body as it was sent. `request.read` would stop at 1 MiB, and copy twice."""
    content = request.content
    return content.read_nowait() if content.is_eof() else await content.read()
