"""A light upstream in its own process: reads posts, inflates, counts, answers. Run as `python -m bench.sink`.

What inspan ships as its sink keeps rows and misbehaves; here the sink must cost less than what is measured. GET /seen
answers the counts, POST /forget clears them, POST /answer/… says how posts are answered. Of posts under /marked/ the
spans whose trace_id begins with MARK are remembered with their time: to look for a few costs less than to read all.
"""

import argparse
import time
from typing import Final

import msgspec
import uvloop

from bench.server import Connection, Request, ok, serve
from inspan_collector.formats import FORMATS
from inspan_collector.inflate import inflate

LARGEST: Final = 256 << 20  # bytes inflated; rotel sends 8,192 spans in one post
MARKED: Final = b"/marked/"
MARK: Final = b"\xf1fresh\xf2\xf3"  # no text has these bytes; the other half of the trace_id tells the spans apart
TRACE_ID: Final = 16  # bytes
TAKEN: Final = ok(kind=b"application/x-protobuf")  # an empty answer of that type: all of it
DOWN: Final = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
ANSWERS: Final = {
    b"/answer/kept": TAKEN,
    b"/answer/closed": TAKEN.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"),
    b"/answer/down": DOWN,
}


class Seen(msgspec.Struct):
    """Since the last /forget. Bytes: as sent, and inflated. connections: that had posts. first, last: of the
    posts, 0 before the first. stamps: by trace_id. Times: CLOCK_MONOTONIC in ns."""

    posts: int = 0
    spans: int = 0
    most_spans: int = 0
    sent_bytes: int = 0
    plain_bytes: int = 0
    connections: int = 0
    encodings: dict[str, int] = {}
    first: int = 0
    last: int = 0
    stamps: dict[str, int] = {}


class Books:
    """The counts that all connections share."""

    def __init__(self) -> None:
        self.seen = Seen()
        self.answer = TAKEN
        self.used: set[int] = set()

    def __repr__(self) -> str:
        return f"<Books {self.seen.posts} posts {self.seen.spans} spans>"

    def respond(self, request: Request) -> tuple[bytes, float]:
        """See Respond."""
        if request.url == b"/seen":
            return ok(msgspec.json.encode(self.seen)), 0
        if request.url == b"/forget":
            self.seen = Seen()
            self.used.clear()
        elif request.url in ANSWERS:
            self.answer = ANSWERS[request.url]
        else:
            if self.answer is not DOWN:
                self.used.add(request.connection)
                self.seen.connections = len(self.used)
                self.enter(request.url, request.body, request.encoding)
            return self.answer, 0
        return TAKEN, 0

    def enter(self, url: bytes, body: bytes, encoding: str) -> None:
        """Count one post."""
        now = time.monotonic_ns()
        plain = inflate(encoding, body, LARGEST)
        spans = FORMATS["otlp_protobuf"].scan(plain).spans
        seen = self.seen
        seen.posts += 1
        seen.first, seen.last = seen.first or now, now
        seen.spans += spans
        seen.most_spans = max(seen.most_spans, spans)
        seen.sent_bytes += len(body)
        seen.plain_bytes += len(plain)
        seen.encodings[encoding] = seen.encodings.get(encoding, 0) + 1
        if url.startswith(MARKED):
            seen.stamps.update(dict.fromkeys(marked(plain), now))


def marked(body: bytes) -> list[str]:
    """Trace ids that begin with MARK."""
    begin = b"\n%c" % TRACE_ID + MARK  # field 1 of a span, of so many bytes
    found, at = [], body.find(begin)
    while at >= 0:
        found.append(body[at + 2 : at + 2 + TRACE_ID].hex())
        at = body.find(begin, at + 2)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="bench.sink")
    parser.add_argument("--unix", help="a socket's path; default: a free TCP port, which is printed")
    books = Books()
    uvloop.run(serve(lambda: Connection(books.respond), parser.parse_args().unix))
