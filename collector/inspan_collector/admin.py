"""The admin address: metrics, health, status, events, and all of it live. Never what a span says.

Numbers and reasons only, and nothing that changes anything: GET and HEAD.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, cast

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from inspan_collector.config.values import Address
from inspan_collector.errors import StartError
from inspan_collector.hosts import Hosts
from inspan_collector.live import Crowded, Feed, Viewer
from inspan_collector.metrics import registry
from inspan_collector.page import Page
from inspan_collector.readers import Readers
from inspan_collector.readonly import readonly
from inspan_collector.view import View

STOP: Final = 0.5  # s for a scrape in hand at the end; it takes milliseconds
MAX_DIGITS: Final = 18  # of a sequence number; Python refuses to read numbers of thousands of digits
PATHS: Final = ("/metrics", "/livez", "/readyz", "/status", "/events?after=0", "/live")
# What is told each second is of no use later, and a proxy that keeps it back makes it of no use now.
STREAM: Final = {"content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no"}


class Admin:
    """Serves one view over HTTP.

    ready: whether the socket takes spans. stuck: why the process should be restarted, None while it should not.
    """

    def __init__(self, view: View, *, ready: Callable[[], bool], stuck: Callable[[], str | None]) -> None:
        self.view = view
        self.ready = ready
        self.stuck = stuck
        self.registry = registry(view)
        self.page = Page()
        self.feed = Feed(view)
        self.readers = Readers(lambda: asyncio.get_running_loop().time())
        self.running: list[asyncio.Task[None]] = []
        self.runner: web.AppRunner | None = None

    async def start(self, address: Address, hosts: Hosts) -> None:
        """Listen. hosts: what it may be called. Raises StartError."""
        app = readonly(hosts)
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/metrics", self._metrics),
                web.get("/livez", self._livez),
                web.get("/readyz", self._readyz),
                web.get("/status", self._status),
                web.get("/events", self._events),
                web.get("/live", self._live),
                *self.page.routes(),
            ]
        )
        self.readers.watch(app)
        self.runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=STOP)
        await self.runner.setup()
        try:
            await self.readers.listen(address, cast("web.Server", self.runner.server))  # setup made it
        except OSError as error:
            await self.runner.cleanup()
            raise StartError(f"admin.listen {address}: {error.strerror or error}") from None
        self.running = [asyncio.create_task(self.feed.run()), asyncio.create_task(self.readers.run())]

    def port(self) -> int | None:
        """The port it listens on; None before the start."""
        return self.readers.port()

    async def stop(self) -> None:
        """Stop listening. Who looks is told, and not waited for."""
        for task in self.running:
            task.cancel()
        self.readers.close()
        self.feed.close()
        if self.runner is not None:
            await self.runner.cleanup()

    async def _index(self, request: web.Request) -> web.Response:
        if "text/html" in request.headers.get("accept", ""):
            return self.page.index(request)
        return web.Response(text="inspan\n\n" + "\n".join(PATHS) + "\n", headers={"vary": "accept"})

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self.registry), headers={"content-type": CONTENT_TYPE_LATEST})

    async def _livez(self, _: web.Request) -> web.Response:
        stuck = self.stuck()
        return web.Response(text="ok\n") if stuck is None else web.Response(status=503, text=f"{stuck}\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        # Never the upstream's health: as a startup probe it would keep the app from starting.
        return web.Response(text="ok\n") if self.ready() else web.Response(status=503, text="starting or draining\n")

    async def _status(self, _: web.Request) -> web.Response:
        return _json(self.view.status())

    async def _events(self, request: web.Request) -> web.Response:
        after = request.query.get("after", "0")
        if not (after.isdecimal() and len(after) <= MAX_DIGITS):
            return _json({"error": "after: expected the sequence number of the last event seen"}, status=400)
        found = self.view.events.after(int(after))
        return _json({"events": found, "last": self.view.events.sequence})

    async def _live(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=STREAM)
        if request.method == "HEAD":
            return response
        transport = request.transport
        viewer = Viewer(transport.abort if transport is not None else lambda: None)
        try:
            with self.feed.watching(viewer) as first, contextlib.suppress(ConnectionError):  # it went away
                await response.prepare(request)
                frame: bytes | None = first
                while frame is not None:
                    await response.write(frame)
                    frame = await viewer.next()
        except Crowded as error:
            return web.Response(status=503, text=f"{error}\n")
        return response


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
