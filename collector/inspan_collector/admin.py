"""The admin address: metrics, health, status, events. Numbers and reasons only, never what a span says."""

from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from inspan_collector.config.values import Address
from inspan_collector.errors import StartError
from inspan_collector.metrics import registry
from inspan_collector.view import View

STOP: Final = 0.5  # s for a scrape in hand at the end; it takes milliseconds
MAX_DIGITS: Final = 18  # of a sequence number; Python refuses to read numbers of thousands of digits
PATHS: Final = ("/metrics", "/livez", "/readyz", "/status", "/events?after=0")


class Admin:
    """Serves one view over HTTP.

    ready: whether the socket takes spans. stuck: why the process should be restarted, None while it should not.
    """

    def __init__(self, view: View, *, ready: Callable[[], bool], stuck: Callable[[], str | None]) -> None:
        self.view = view
        self.ready = ready
        self.stuck = stuck
        self.registry = registry(view)
        self.runner: web.AppRunner | None = None

    async def start(self, address: Address) -> None:
        """Listen. Raises StartError."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/metrics", self._metrics),
                web.get("/livez", self._livez),
                web.get("/readyz", self._readyz),
                web.get("/status", self._status),
                web.get("/events", self._events),
            ]
        )
        self.runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=STOP)
        await self.runner.setup()
        try:
            await web.TCPSite(self.runner, address.host, address.port).start()
        except OSError as error:
            await self.runner.cleanup()
            raise StartError(f"admin.listen {address}: {error.strerror or error}") from None

    def port(self) -> int | None:
        """The port it listens on; None before the start."""
        return self.runner.addresses[0][1] if self.runner is not None and self.runner.addresses else None

    async def stop(self) -> None:
        """Stop listening."""
        if self.runner is not None:
            await self.runner.cleanup()

    async def _index(self, _: web.Request) -> web.Response:
        return web.Response(text="inspan\n\n" + "\n".join(PATHS) + "\n")

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


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
