"""Connections to the admin address: how many, and that none holds memory for good.

Who reads is bounded as who posts is: by number, by idleness, and by what it leaves untaken.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from inspan_collector.config.values import Address
from inspan_collector.readonly import SAID

MOST: Final = 64  # connections; a team's pages, probes and scrapes are a dozen
IDLE: Final = 75.0  # s without a request, above the 60 s that scrapers and balancers keep a pooled connection
TAKING: Final = 5.0  # s in which something must be taken of what waits to be sent
SWEEP: Final = 1.0  # s between looks at them
SENT: Final = 32 << 10  # bytes of answers that the kernel keeps for each, and doubles; else it grows to megabytes
ASKED: Final = 16 << 10  # bytes of requests, which are a few hundred

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Connection(web.RequestHandler):
    """Inflates nothing, and says nothing of what cannot be read: it is the sender's, and comes as fast as it likes."""

    __slots__ = ()

    def handle_error(
        self, request: Any, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """A fixed answer to what is not HTTP."""
        if status != 400:
            return super().handle_error(request, status, exc, message)
        response = web.Response(status=400, text="this cannot be read as a request of HTTP\n", headers=SAID)
        response.force_close()
        return response


class _Refused(asyncio.Protocol):
    """One too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """End it."""
        if isinstance(transport, asyncio.Transport):
            transport.abort()


class Readers:
    """The connections of one address. clock: loop time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.busy: set[Any] = set()  # a request of theirs is being answered
        self.since: dict[Any, float] = {}  # when the last request ended, or the connection began
        self.left: dict[Any, tuple[int, float]] = {}  # the least that waited to be sent, and since when
        self.server: asyncio.Server | None = None
        self.web: web.Server | None = None

    def __repr__(self) -> str:
        return f"<Readers {len(self.since)} of {MOST}, {len(self.busy)} busy>"

    def watch(self, app: web.Application) -> None:
        """Note which of them are answered."""

        @web.middleware
        async def noting(request: web.Request, handler: Answering) -> web.StreamResponse:
            connection = request.protocol
            self.busy.add(connection)
            try:
                return await handler(request)
            finally:
                self.busy.discard(connection)
                self.since[connection] = self.clock()

        app.middlewares.insert(0, noting)

    async def listen(self, address: Address, served: web.Server) -> None:
        """Accept connections. Raises OSError."""
        self.web = served
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(self._accept, address.host, address.port, start_serving=False)
        for sock in self.server.sockets:
            with socket.socket(fileno=socket.dup(sock.fileno())) as same:  # uvloop's own sets no options
                same.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENT)  # what is accepted inherits them
                same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ASKED)
        await self.server.start_serving()

    def port(self) -> int | None:
        """The port that is listened on; None where there is none."""
        sockets = self.server.sockets if self.server is not None else ()
        return sockets[0].getsockname()[1] if sockets else None

    async def run(self) -> None:
        """Look after them until this is cancelled."""
        while True:
            await asyncio.sleep(SWEEP)
            self.sweep(self.clock())

    def sweep(self, now: float) -> None:
        """End what is idle for too long, or takes nothing of what waits to be sent."""
        live = self._live()
        self.since = {connection: self.since.get(connection, now) for connection in live}
        self.left = {connection: left for connection in live if (left := self._untaken(connection, now))}
        for connection in live:
            idle = connection not in self.busy and now - self.since[connection] >= IDLE
            if idle or now - self.left.get(connection, (0, now))[1] >= TAKING:
                _abort(connection)

    def close(self) -> None:
        """Accept no more."""
        if self.server is not None:
            self.server.close()

    def _accept(self) -> asyncio.Protocol:
        live = self._live()
        if len(live) >= MOST:
            idle = [connection for connection in live if connection not in self.busy]
            if not idle:
                return _Refused()
            _abort(min(idle, key=lambda connection: self.since.get(connection, 0.0)))
        loop = asyncio.get_running_loop()
        connection = _Connection(self.web, loop=loop, auto_decompress=False, access_log=None, lingering_time=0.0)  # type: ignore[arg-type]
        self.since[connection] = self.clock()
        return connection

    def _live(self) -> list[Any]:
        return list(self.web.connections) if self.web is not None else []

    def _untaken(self, connection: Any, now: float) -> tuple[int, float] | None:
        size = connection.transport.get_write_buffer_size() if connection.transport is not None else 0
        least, since = self.left.get(connection, (size, now))
        return None if not size else (size, now) if size < least else (least, since)


def _abort(connection: Any) -> None:
    if connection.transport is not None:
        connection.transport.abort()
