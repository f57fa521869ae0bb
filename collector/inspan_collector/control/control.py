"""The control socket, the door of the commands: what shows the contents of spans, or changes what is kept.

Its file has the mode 0600: the kernel lets nobody connect but our own user and root.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, cast

import msgspec
from aiohttp import web

from inspan_collector.control.answers import Unfit, as_json, number, read, refusals
from inspan_collector.control.quarantines import Quarantines
from inspan_collector.quarantine import Quarantine
from inspan_collector.sockets import BACKLOG, bound
from inspan_collector.tap import DIALECTS, MAX_RATE, RATE, Streams, Wish
from inspan_collector.tracing import Tracing

MODE: Final = 0o600
STOP: Final = 0.5  # s for a command in hand at the end; what it has not asked for yet stays where it is
NO_SPOOL: Final = "this sidecar has no spool: configure `spool`, as docs/configuration.md says"

NONE: Final = Tracing(dict, time.monotonic)

Answer = Mapping[str, Any]


class Spool(Protocol):
    """What the commands ask of a spool. Both raise InspanError, with what to do."""

    async def show(self) -> Answer:
        """What is in it by destination, and its state: for JSON."""
        ...

    async def replay(self, source: str, target: str) -> Answer:
        """Give the rows of a destination that is not configured (any more) to one that is. How many, for JSON."""
        ...


class Change(msgspec.Struct, forbid_unknown_fields=True, rename={"source": "from", "target": "to"}):
    """Which rows are given to whom."""

    source: str
    target: str


class Control:
    """Serves the commands.

    quarantines: of every destination, by name. spool: None without one. tracing: of trails. tapping: None where no
    agents post.
    """

    def __init__(
        self,
        quarantines: Callable[[], Mapping[str, Quarantine]],
        spool: Spool | None = None,
        tracing: Tracing = NONE,
        tapping: Streams | None = None,
    ) -> None:
        self.quarantines = quarantines
        self.spool = spool
        self.tracing = tracing
        self.tapping = tapping

    @contextlib.asynccontextmanager
    async def listening(self, path: Path) -> AsyncIterator[None]:
        """Serve while the context is open. Raises StartError. At the end a command in hand is cut off."""
        app = web.Application(middlewares=[refusals])
        app.add_routes(
            [
                *Quarantines(self.quarantines).routes(),
                web.get(r"/trace/{trace_id:[\s\S]+}", self._trace),  # an id may hold any character
                web.get("/tap", self._tap),
                web.get("/spool", self._spool),
                web.post("/spool/replay", self._spool_replay),
            ]
        )
        with bound(path, MODE, remedy="put socket.path into a directory of its own") as sock:
            runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=STOP)
            await runner.setup()
            try:
                factory = cast("Callable[[], asyncio.Protocol]", runner.server)  # which `setup` has made
                server = await asyncio.get_running_loop().create_unix_server(factory, sock=sock, backlog=BACKLOG)
                try:
                    yield
                finally:
                    server.close()
                    if self.tapping is not None:
                        self.tapping.stop()
            finally:
                await runner.cleanup()

    async def _trace(self, request: web.Request) -> web.Response:
        return as_json(await self.tracing.trace(request.match_info["trace_id"], request.query.get("id")))

    async def _tap(self, request: web.Request) -> web.StreamResponse:
        rate = number(request, "rate", RATE)
        if not 1 <= rate <= MAX_RATE:
            raise Unfit(400, f"rate: expected 1 to {MAX_RATE} spans a second")
        dialect, service = request.query.get("dialect"), request.query.get("service")
        if dialect is not None and dialect not in DIALECTS:
            raise Unfit(400, f"no dialect is called {dialect}: there is {', '.join(DIALECTS)}")
        if self.tapping is None:
            raise Unfit(404, "nothing passes here")
        return await self.tapping.answer(request, Wish(rate, dialect, service))

    # Spool

    async def _spool(self, _: web.Request) -> web.Response:
        if self.spool is None:
            raise Unfit(404, NO_SPOOL)
        return as_json(await self.spool.show())

    async def _spool_replay(self, request: web.Request) -> web.Response:
        change = await read(request, Change)
        if self.spool is None:
            raise Unfit(404, NO_SPOOL)
        destinations = self.quarantines()
        if change.target not in destinations:
            raise Unfit(404, f"no destination is called {change.target}: there is {', '.join(destinations)}")
        if change.source in destinations:
            raise Unfit(409, f"{change.source} is configured, and sends its own spans")
        return as_json(await self.spool.replay(change.source, change.target))
