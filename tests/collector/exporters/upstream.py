"""An upstream that says, byte for byte, what a test tells it to."""

import asyncio
import contextlib
import json
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from enum import Enum
from socket import SO_LINGER, SOL_SOCKET
from types import TracebackType
from typing import Any, NamedTuple, Self

from inspan_collector.config.load import load
from inspan_collector.config.model import DestinationConfig
from inspan_collector.formats import FORMATS
from inspan_collector.pipeline.exporter import Exporter
from inspan_collector.receipt import Receipt
from inspan_collector.service import make_exporter

Send = Callable[..., Awaitable[Receipt]]


class Deed(Enum):
    """What an upstream may do instead of an answer."""

    HANG = "read the request and say nothing"
    LEAVE = "read the request and close"
    RESET = "read the request and reset"


class Request(NamedTuple):
    line: str
    headers: dict[str, str]
    body: bytes
    connection: int  # which one it came on, from 1


def answer(status: int, body: bytes = b"", *headers: str, content_type: str = "text/plain") -> bytes:
    """A whole HTTP answer."""
    lines = [f"HTTP/1.1 {status} x", f"content-type: {content_type}", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


OK = answer(200)


class Upstream:
    """Answers the script's entries in order, and the last one for ever.

    leaves: the connection is closed when its so-manyth request has arrived, without an answer; that is what the end of
    a keep-alive looks like to who writes at the same moment.
    """

    def __init__(self, *script: bytes | Deed, tls: ssl.SSLContext | None = None, leaves: int | None = None) -> None:
        self.script: Sequence[bytes | Deed] = script or (OK,)
        self.tls = tls
        self.leaves = leaves
        self.requests: list[Request] = []
        self.connections = 0
        self.open = 0
        self.most_open = 0

    async def __aenter__(self) -> Self:
        self.writers: set[asyncio.StreamWriter] = set()
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls, limit=1 << 20)
        self.port = self.server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self.tls else 'http'}://localhost:{self.port}/v1/traces"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.close()
        for writer in list(self.writers):
            writer.transport.abort()
        while self.open:
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self.writers.add(writer)
        try:
            await self._converse(reader, writer, self.connections)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other side left, which is its right
        finally:
            self.writers.discard(writer)
            self.open -= 1
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        served = 0
        while True:
            request = await self._read(reader, number)
            served += 1
            if served == self.leaves:
                return
            said = self.script[min(len(self.requests), len(self.script) - 1)]
            self.requests.append(request)
            if said is Deed.HANG:
                await reader.read(1)
            elif said is Deed.RESET:
                sock = writer.get_extra_info("socket")
                sock.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            if isinstance(said, Deed):
                return
            writer.write(said)
            await writer.drain()
            if b"connection: close" in said or b"content-length" not in said:
                return

    async def _read(self, reader: asyncio.StreamReader, number: int) -> Request:
        line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (text.partition(": ") for text in lines if text)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Request(line, headers, body, number)


def settings(kind: str, **overrides: Any) -> DestinationConfig:
    """A destination's configuration, as from a file."""
    compression = {} if kind == "file" else {"compression": "none"}
    tree = {"socket": {"path": "/s"}, "destinations": [{"name": "up", "kind": kind, **compression, **overrides}]}
    return load(json.dumps(tree), "test", {}).destinations[0]


@contextlib.asynccontextmanager
async def exporting(url: str | None, kind: str = "otlp", **overrides: Any) -> AsyncIterator[tuple[Send, Exporter]]:
    """`send(body, format)` through a real exporter. Errors: Later, Isolate, Pause."""
    exporter = make_exporter(settings(kind, **({"url": url} if url else {}), **overrides))
    await exporter.open()

    async def send(body: bytes, format: str = "otlp_protobuf") -> Receipt:
        form = FORMATS[format]
        payload = await exporter.encode(form, body)
        return await exporter.send(form, payload, form.scan(body).spans)

    try:
        yield send, exporter
    finally:
        await exporter.close()
