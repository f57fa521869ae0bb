"""The limit: what a relay costs that does nothing but relay. Run as `python -m bench.peers.limit SOCKET URL`.

It reads the same requests from a unix socket, answers each, joins the same bytes, compresses them as inspan does, and
writes them to the same upstream. It looks for the length of a body and for nothing else, counts no spans, bounds
nothing, tries nothing again, and knows no names. What inspan takes above that is the price of its promises.
"""

import argparse
import asyncio
import sys
from collections import deque
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

import uvloop

from bench.peers.peer import Running
from bench.peers.settings import Settings
from bench.peers.starting import start
from inspan_collector.cli.run import tune_process
from inspan_collector.config.destination import BatchConfig
from inspan_collector.exporters.compress import CODECS

ANSWER: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n"
LENGTH: Final = b"content-length:"
BATCH: Final = BatchConfig()
CONNECTIONS: Final = 8  # as inspan has
HTTP: Final = 80  # where a URL names no port
END: Final = b"\r\n\r\n"


class Outgoing(asyncio.Protocol):
    """One kept connection to the upstream; it is free again when an answer came."""

    def __init__(self, free: Callable[["Outgoing"], None]) -> None:
        self.free = free

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        del data  # the sink answers in one piece, and always yes
        self.free(self)


class Relay:
    """path: of the upstream. full: bytes of a batch. linger: seconds."""

    def __init__(self, path: str, full: int, linger: float, compression: str) -> None:
        self.full = full
        self.size = 0
        self.linger = linger
        self.codec = CODECS.get(compression)
        encoding = f"content-encoding: {compression}\r\n" if self.codec else ""
        self.head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\n{encoding}content-length: ".encode()
        self.bodies: list[bytes] = []
        self.batches: deque[bytes] = deque()
        self.idle: list[Outgoing] = []
        self.timer: asyncio.TimerHandle | None = None

    async def connect(self, port: int, connections: int) -> None:
        """Open what it sends over."""
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            _, made = await loop.create_connection(lambda: Outgoing(self.freed), "127.0.0.1", port)
            self.idle.append(made)

    def take(self, body: bytes) -> None:
        """One request's body."""
        if self.size + len(body) > self.full:
            self.send()
        self.bodies.append(body)
        self.size += len(body)
        if self.timer is None:
            self.timer = asyncio.get_running_loop().call_later(self.linger, self.send)

    def send(self) -> None:
        """What there is, as one batch."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if not self.bodies:
            return
        body = b"".join(self.bodies)
        self.bodies.clear()
        self.size = 0
        if self.codec is not None:
            body = self.codec(body)
        batch = b"%b%d\r\n\r\n%b" % (self.head, len(body), body)
        if self.idle:
            self.idle.pop().transport.write(batch)
        else:
            self.batches.append(batch)

    def freed(self, connection: Outgoing) -> None:
        """The upstream has answered on it."""
        if self.batches:
            connection.transport.write(self.batches.popleft())
        else:
            self.idle.append(connection)


class Incoming(asyncio.Protocol):
    """One agent's connection: a request at a time, as the generator posts them."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.pieces: list[bytes] = []
        self.missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.missing:
            self.pieces.append(data)
            self.missing -= len(data)
        else:
            end = data.index(END)
            at = data.index(LENGTH) + len(LENGTH)
            body = data[end + len(END) :]
            self.missing = int(data[at : data.index(b"\r\n", at)]) - len(body)
            self.pieces = [body]
        if not self.missing:
            self.transport.write(ANSWER)
            self.relay.take(self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces))


class Limit:
    """See Peer. It counts no spans, and so is told of a batch in bytes alone."""

    name = "limit loop"
    delivers = True
    linger: float | None = BATCH.linger
    transports = frozenset({"unix"})
    deaf = frozenset({"batch_spans", "queue_bytes", "keepalive", "spool"})

    def __repr__(self) -> str:
        return "<Limit>"

    def available(self) -> str | None:
        """See Peer."""
        return None

    def version(self) -> str:
        """See Peer."""
        return f"uvloop {version('uvloop')}"

    def start(self, workdir: Path, listen: str, upstream: str, settings: Settings, core: int | None = None) -> Running:
        """See Peer."""
        options: dict[str, object] = {
            "--full": BATCH.max_bytes if settings.batch_bytes is None else settings.batch_bytes,
            "--linger": BATCH.linger if settings.linger is None else settings.linger,
            "--compression": settings.compression,
            "--connections": CONNECTIONS if settings.concurrency is None else settings.concurrency,
        }
        argv = [sys.executable, "-m", "bench.peers.limit", listen.removeprefix("unix:"), upstream]
        return start([*argv, *(str(word) for option in options.items() for word in option)], workdir, listen, core)


async def serve(options: argparse.Namespace) -> None:
    """Until it is ended."""
    upstream = urlsplit(options.upstream)
    relay = Relay(f"{upstream.path}/v1/traces", options.full, options.linger, options.compression)
    await relay.connect(upstream.port or HTTP, options.connections)
    server = await asyncio.get_running_loop().create_unix_server(lambda: Incoming(relay), options.socket)
    await server.serve_forever()


def main() -> None:
    """Relay."""
    parser = argparse.ArgumentParser(prog="bench.peers.limit")
    parser.add_argument("socket")
    parser.add_argument("upstream", help="URL, on this machine")
    parser.add_argument("--full", type=int, required=True, help="bytes of a batch")
    parser.add_argument("--linger", type=float, required=True, help="seconds")
    parser.add_argument("--compression", required=True)
    parser.add_argument("--connections", type=int, required=True)
    tune_process()
    uvloop.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
