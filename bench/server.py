"""HTTP as the measurements' own upstreams speak it: whole requests, each handed over and answered."""

import asyncio
import itertools
import sys
from collections.abc import Callable
from typing import Final, Protocol, cast

import msgspec
from httptools import HttpRequestParser

CLOSES: Final = b"\r\nconnection: close\r\n"
NUMBERS: Final = itertools.count(1)


class Request(msgspec.Struct):
    """One request. encoding: that of its body. connection: its number."""

    url: bytes
    encoding: str
    body: bytes
    connection: int = 0


class Respond(Protocol):
    """What answers. Returns a whole answer, and the seconds until it is sent."""

    def __call__(self, request: Request) -> tuple[bytes, float]: ...


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.number = next(NUMBERS)
        self.parser = HttpRequestParser(self)
        self.pieces: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.pieces.clear()
        self.encoding = "identity"

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-encoding":
            self.encoding = value.decode()

    def on_body(self, piece: bytes) -> None:
        self.pieces.append(piece)

    def on_message_complete(self) -> None:
        answer, delay = self.respond(Request(self.url, self.encoding, b"".join(self.pieces), self.number))
        if delay:
            asyncio.get_running_loop().call_later(delay, self.transport.write, answer)
        else:
            self.transport.write(answer)
            if CLOSES in answer:
                self.transport.close()


def ok(body: bytes = b"", kind: bytes = b"application/json") -> bytes:
    """A whole answer, 200."""
    return b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b" % (kind, len(body), body)


async def serve(make: Callable[[], Connection], unix: str | None = None) -> None:
    """Listen, on a free TCP port or at a path; say where on stdout when asked by a line on stdin."""
    loop = asyncio.get_running_loop()
    if unix is None:
        server = await loop.create_server(make, "127.0.0.1", 0)
        where = server.sockets[0].getsockname()[1]
    else:
        server = await loop.create_unix_server(make, unix)
        where = unix
    sys.stdin.readline()
    print(where, flush=True)
    await server.serve_forever()
