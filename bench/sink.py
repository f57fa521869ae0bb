"""A light upstream in its own process: reads posts, inflates, counts, answers. Run as `python -m bench.sink`.

What inspan ships as its sink keeps rows and misbehaves; here the sink must cost less than what is measured. GET /seen
answers the counts, POST /forget clears them. Posts under /stamped/ are also remembered by trace_id with their time.
"""

import argparse
import asyncio
import sys
import time
from typing import Final, cast

import msgspec
import uvloop
from httptools import HttpRequestParser

from inspan_collector.formats import FORMATS
from inspan_collector.inflate import inflate

LARGEST: Final = 256 << 20  # bytes inflated; rotel sends 8,192 spans in one post
STAMPED: Final = b"/stamped/"
TAKEN: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n"


class Seen(msgspec.Struct):
    """Since the last /forget. Bytes: as sent, and inflated. stamps: trace_id to CLOCK_MONOTONIC in ns."""

    posts: int = 0
    spans: int = 0
    most_spans: int = 0
    sent_bytes: int = 0
    plain_bytes: int = 0
    connections: int = 0
    encodings: dict[str, int] = {}
    stamps: dict[str, int] = {}


class Books:
    """The counts that all connections share."""

    def __init__(self) -> None:
        self.seen = Seen()

    def __repr__(self) -> str:
        return f"<Books {self.seen.posts} posts {self.seen.spans} spans>"

    def enter(self, body: bytes, encoding: str, *, stamped: bool) -> None:
        """Count one post."""
        now = time.monotonic_ns()
        plain = inflate(encoding, body, LARGEST)
        spans = FORMATS["otlp_protobuf"].scan(plain).spans
        seen = self.seen
        seen.posts += 1
        seen.spans += spans
        seen.most_spans = max(seen.most_spans, spans)
        seen.sent_bytes += len(body)
        seen.plain_bytes += len(plain)
        seen.encodings[encoding] = seen.encodings.get(encoding, 0) + 1
        if stamped:
            seen.stamps.update(dict.fromkeys(_trace_ids(plain), now))


class Connection(asyncio.Protocol):
    """One sidecar's connection."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.parser = HttpRequestParser(self)
        self.pieces: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.books.seen.connections += 1

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
        answer = TAKEN
        if self.url == b"/seen":
            words = msgspec.json.encode(self.books.seen)
            answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(words), words)
        elif self.url == b"/forget":
            self.books.seen = Seen()
        else:
            self.books.enter(b"".join(self.pieces), self.encoding, stamped=self.url.startswith(STAMPED))
        self.transport.write(answer)


def _trace_ids(body: bytes) -> list[str]:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest.FromString(body)
    scopes = (scope for resource in request.resource_spans for scope in resource.scope_spans)
    return [span.trace_id.hex() for scope in scopes for span in scope.spans]


async def _serve(unix: str | None) -> None:
    books = Books()
    loop = asyncio.get_running_loop()
    if unix is None:
        server = await loop.create_server(lambda: Connection(books), "127.0.0.1", 0)
        where = server.sockets[0].getsockname()[1]
    else:
        server = await loop.create_unix_server(lambda: Connection(books), unix)
        where = unix
    sys.stdin.readline()
    print(where, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="bench.sink")
    parser.add_argument("--unix", help="a socket's path; default: a free TCP port, which is printed")
    uvloop.run(_serve(parser.parse_args().unix))
