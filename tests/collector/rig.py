"""A whole `Service` on the test's loop, on a real socket. Leaving it drains, and checks that nothing is kept."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from tests.collector.receiver.rig import PATIENCE, Client, Reply
from tests.sidecar import series

from inspan_collector.config.load import load
from inspan_collector.service import Service
from inspan_collector.stopping import Stop

NOWHERE = "http://127.0.0.1:9/v1/traces"  # discard's port: nobody listens


def destination(url: str = NOWHERE, **more: Any) -> dict[str, Any]:
    """One that sends at once and retries fast."""
    return {
        "name": "up",
        "kind": "otlp",
        "url": url,
        "compression": "none",
        "batch": {"linger": 0},
        "retry": {"initial": "10ms", "max": "20ms"},
    } | more


class Running:
    """`async with Running(home, destination(sink.url)) as running:` posts, looks, and ends with the books closed.

    sections: the rest of the configuration. The drain is cut short unless they say otherwise.
    """

    def __init__(self, home: Path, *destinations: dict[str, Any], **sections: Any) -> None:
        tree = {
            "socket": {"path": str(home / "inspan.sock")},
            "admin": {"listen": "127.0.0.1:0"},
            "drain": {"deadline": "300ms"},
            "destinations": destinations or [destination()],
        } | sections
        self.config = load(json.dumps(tree), "test", {})
        self.stop = Stop()
        self.ledger: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        self.service = Service(self.config)
        self.running = asyncio.create_task(self.service.run(self.stop))
        self.http = aiohttp.ClientSession()
        await self.until(lambda: self.service.ready or self.running.done())
        if self.running.done():
            await self.http.close()
            self.running.result()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.close()
        await self.drained()
        if error is None:
            self.check_nothing_kept()

    async def drained(self) -> dict[str, Any]:
        """The closing ledger."""
        self.stop.drain.set()
        await self.running
        self.ledger = self.service.view.ledger()
        return self.ledger

    def check_nothing_kept(self) -> None:
        """The books balance, every span has a fate or is on disk, and no byte is held."""
        view = self.service.view
        assert view.imbalance() == 0
        spooled = [d.ledger.snapshot()["spooled"] for d in view.destinations]
        assert [d.ledger.held() for d in view.destinations] == spooled
        assert view.spool is not None or not any(spooled)
        assert (view.memory.custody, view.memory.working) == (0, 0)
        assert len(self.service.connections) == 0
        assert self.service.connections.agents.alive == 0

    # The socket

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        client = Client(*await asyncio.open_unix_connection(self.config.socket.path))
        try:
            yield client
        finally:
            await client.close()

    async def post(self, body: bytes, path: str = "/v1/traces", method: str = "POST", **headers: str) -> Reply:
        """One request on a connection of its own. headers: `content_type="…"`; protobuf where it is not said."""
        async with self.client() as client:
            return await client.ask(raw(body, path, method, **headers))

    # Looking

    async def get(self, path: str) -> tuple[int, bytes]:
        async with self.http.get(f"http://127.0.0.1:{self.service.admin.port()}{path}") as answer:
            return answer.status, await answer.read()

    async def metrics(self) -> Mapping[str, float]:
        return series((await self.get("/metrics"))[1].decode())

    def books(self, name: str = "up") -> dict[str, int]:
        """The accounts of a destination that are not 0."""
        found: dict[str, int] = self.service.view.ledger()["destinations"][name]
        return found

    def refused(self, dialect: str = "otlp") -> dict[str, int]:
        """Requests refused, by reason."""
        counts = self.service.door.receptions[dialect].requests_refused
        return {reason: count for reason, count in counts.items() if count}

    def events(self) -> list[str]:
        return [event.kind for event in self.service.events.kept]

    async def until(self, truth: Callable[[], bool]) -> None:
        """Wait for what the service does on its own."""
        async with asyncio.timeout(PATIENCE):
            while not truth():
                await asyncio.sleep(0.002)


def raw(body: bytes, path: str = "/v1/traces", method: str = "POST", **headers: str) -> bytes:
    """A request as bytes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    said = {"host": "localhost", "content-type": "application/x-protobuf", "content-length": str(len(body))} | named
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items() if value)
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body
