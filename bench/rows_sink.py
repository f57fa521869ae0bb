"""A light upstream of upserts in its own process: `PUT /v5/spans/batch`. Run as `python -m bench.rows_sink`.

It answers as slowly as the real one, or as told (--answer SECONDS), and with what the contract says: the spans that it
was sent. GET /tally answers how far it is, GET /account everything, in msgpack; POST /forget clears it.
"""

import argparse
import time
from typing import Final

import msgspec
import uvloop

from bench.rows import Copy, Rows
from bench.server import Connection, Request, ok, serve

ANSWER: Final = 0.15  # s; the p50 that users of the real batch endpoint report
MOST: Final = 1000  # spans; the contract's limit
LIST: Final = b',"object":"list"}'


class Batch(msgspec.Struct):
    """The body of a request. Keys that are not named here are not looked at."""

    items: list[Copy]


class Upserts:
    """Rows, behind HTTP. answer: seconds that each batch takes."""

    def __init__(self, answer: float = ANSWER) -> None:
        self.answer = answer
        self.rows = Rows()
        self.used: set[int] = set()
        self.decode = msgspec.json.Decoder(Batch).decode

    def __repr__(self) -> str:
        return f"<Upserts {self.rows!r}>"

    def respond(self, request: Request) -> tuple[bytes, float]:
        """See Respond."""
        now = time.monotonic_ns()
        if request.url == b"/tally":
            return ok(msgspec.json.encode(self.rows.tally)), 0
        if request.url == b"/account":
            return ok(msgspec.msgpack.encode(self.rows.account())), 0
        if request.url == b"/forget":
            self.rows = Rows()
            self.used.clear()
            return ok(), 0
        copies = self.decode(request.body).items
        if len(copies) > MOST or not request.url.endswith(b"/v5/spans/batch"):
            raise ValueError(f"{request.url!r} with {len(copies)} spans")
        self.rows.enter(copies, len(request.body), now)
        tally = self.rows.tally
        self.used.add(request.connection)
        tally.connections = len(self.used)
        tally.encodings[request.encoding] = tally.encodings.get(request.encoding, 0) + 1
        return ok(request.body.rstrip()[:-1] + LIST), self.answer


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="bench.rows_sink")
    parser.add_argument("--answer", type=float, default=ANSWER)
    upserts = Upserts(parser.parse_args().answer)
    uvloop.run(serve(lambda: Connection(upserts.respond)))
