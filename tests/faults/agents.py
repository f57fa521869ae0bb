"""Agents in a process of its own, which count every post's end. Run as a file; its last line is the count, as JSON.

Each connection has one post out at a time. A post is acked (2xx), refused (any other answer, or nobody there to post
it to), or unknown (the connection broke, or patience ended, before the answer). SIGTERM: answers that are out are
waited for, then the count.
"""

import argparse
import asyncio
import json
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import uvloop

AGAIN = frozenset({429, 502, 503, 504})  # what SDKs try again; Source: OTLP specification, "Retryable Response Codes"
TEXT = 1 << 16  # bytes of noise that spans take their text from: random, so that gzip does not make it nothing
UNMADE = -1  # in place of a status: no connection could be made, so that nobody has the post
REST = 0.1  # s before a post is tried again where the refusal does not say
STAMP = '"start_timestamp":"2026-05-04T03:02:01Z","end_timestamp":"2026-05-04T03:02:02Z"'


class Count:
    """What became of all posts. Spans: made = acked + refused + unknown."""

    def __init__(self) -> None:
        self.made = self.acked = self.refused = self.unknown = 0
        self.posts: Counter[str] = Counter()  # tries, by status, or `broken`, `silent`
        self.doubted = 0  # spans of all tries that broke: as many as may have been taken, and nobody was told
        self.kept = 0  # spans of refusals that said that they are taken all the same, as accepted and not durable
        self.hinted = 0  # refusals of 429 that said when to come back, in both ways
        self.slowest = 0.0  # s from a post to its answer
        self.names = 0  # posts that were given a number, to be known again
        self.ranges: list[tuple[int, int]] = []  # (number of the first span, spans) of each post that was acked

    def said(self, *, ranges: bool) -> dict[str, Any]:
        """As JSON has it."""
        known = vars(self) | {"posts": dict(self.posts), "slowest": round(self.slowest, 4)}
        return known if ranges else {name: value for name, value in known.items() if name != "ranges"}


class Bodies:
    """Requests full of spans with ids that no other process of the run makes."""

    def __init__(self, agent: int, size: int, rng: random.Random) -> None:
        self.agent = agent
        self.size = size
        self.rng = rng
        self.text = rng.randbytes(TEXT // 2).hex()
        self.numbers = iter(range(1, 1 << 40))

    def next(self, kind: str, spans: int) -> tuple[int, bytes]:
        """(number of the first span, body)."""
        ids = [next(self.numbers) for _ in range(spans)]
        return ids[0], (self._otlp(ids) if kind == "otlp" else self._json(ids))

    def _texts(self, count: int) -> Iterator[str]:
        for _ in range(count):
            at = self.rng.randrange(TEXT)
            yield (self.text[at:] + self.text * (self.size // TEXT + 1))[: self.size]

    def _id(self, number: int) -> int:
        return self.agent << 40 | number

    def _otlp(self, ids: list[int]) -> bytes:
        spans = b""
        for number, text in zip(ids, self._texts(len(ids)), strict=True):
            key = self._id(number)
            span = b"\n\x10" + key.to_bytes(16, "big") + b"\x12\x08" + key.to_bytes(8, "big")
            span += b"\x2a" + field(b"span") + b"\x39" + bytes(7) + b"\x01\x41" + bytes(7) + b"\x02"
            span += b"\x4a" + field(b"\n" + field(b"input") + b"\x12" + field(b"\n" + field(text.encode())))
            spans += b"\x12" + field(span)
        return b"\n" + field(b"\x12" + field(spans))

    def _json(self, ids: list[int]) -> bytes:
        one = '{"id":"%016x","trace_id":"%032x","name":"tool",' + STAMP + ',"input":{"text":"%s"}}'
        texts = zip(ids, self._texts(len(ids)), strict=True)
        return ("[" + ",".join(one % (self._id(n), self._id(n), text) for n, text in texts) + "]").encode()


def field(content: bytes) -> bytes:
    """A length as a varint, and the content: what follows a protobuf tag."""
    size, out = len(content), bytearray()
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    return bytes(out) + bytes([size]) + content


class Connection:
    """One connection of an agent, opened anew whenever it breaks."""

    def __init__(self, options: argparse.Namespace, kind: str, bodies: Bodies, count: Count) -> None:
        self.options = options
        self.count = count
        self.kind = kind
        self.bodies = bodies
        self.name = f"{options.repost}-{options.number}"
        self.rng = random.Random(bodies.rng.random())
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        path, content = ("/v1/traces", "x-protobuf") if kind == "otlp" else ("/v1/spans", "json")
        extra = "".join(f"{line}\r\n" for line in options.header)
        self.head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/{content}\r\n{extra}"

    async def run(self, stop: asyncio.Event) -> None:
        """Post until it is told to stop."""
        while not stop.is_set():
            if self.options.rate:
                await rest(stop, self.rng.expovariate(self.options.rate / self.options.connections))
                if stop.is_set():
                    return
            await self._post(stop)

    async def _post(self, stop: asyncio.Event) -> None:
        spans = self.rng.randint(1, self.options.spans)
        first, body = self.bodies.next(self.kind, spans)
        self.count.made += spans
        post = self._named() + f"content-length: {len(body)}\r\n\r\n".encode() + body
        status, wait = await self._ask(post, spans)
        doubted = status == 0
        while self._goes_again(status) and not stop.is_set():
            await rest(stop, wait * self.rng.uniform(1, 1.5))  # so that those refused together do not return together
            if not stop.is_set():
                status, wait = await self._ask(post, spans)
                doubted = doubted or status == 0
        if 200 <= status < 300:
            self.count.acked += spans
            self.count.ranges.append((first, spans))
        elif doubted:
            self.count.unknown += spans
        else:
            self.count.refused += spans

    def _goes_again(self, status: int) -> bool:
        options = self.options
        return (status == 0 and options.repost is not None) or (options.retry and (status in AGAIN or status == UNMADE))

    def _named(self) -> bytes:
        """The head, but for its length. A post that goes again has the name of the first."""
        if self.options.repost is None:
            return self.head.encode()
        self.count.names += 1
        return f"{self.head}inspan-agent: {self.name}\r\ninspan-sequence: {self.count.names}\r\n".encode()

    async def _ask(self, post: bytes, spans: int) -> tuple[int, float]:
        """(status, 0 where there was no answer, or UNMADE; seconds that a refusal asks for)."""
        try:
            if self.streams is None:
                self.streams = await asyncio.open_unix_connection(self.options.socket)
        except OSError:
            self.count.posts["unmade"] += 1
            return UNMADE, REST
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.options.patience):
                status, headers = await self._exchange(*self.streams, post)
        except (OSError, EOFError, TimeoutError) as why:
            self.count.posts["silent" if isinstance(why, TimeoutError) else "broken"] += 1
            self.count.doubted += spans
            self._hang_up()
            return 0, REST
        self.count.slowest = max(self.count.slowest, time.monotonic() - began)
        self.count.posts[str(status)] += 1
        self.count.hinted += status == 429 and {"retry-after", "retry-after-ms"} <= headers.keys()
        if status == 503 and headers.get("inspan-custody") == "accepted":
            self.count.kept += spans
        if headers.get("connection") == "close":
            self._hang_up()
        return status, int(headers["retry-after-ms"]) / 1000 if "retry-after-ms" in headers else REST

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, post: bytes
    ) -> tuple[int, dict[str, str]]:
        writer.write(post)
        await writer.drain()
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        await reader.readexactly(int(headers.get("content-length", 0)))
        return int(lines[0].split()[1]), headers

    def _hang_up(self) -> None:
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None


async def rest(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, unless told to stop."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


async def play(options: argparse.Namespace) -> Count:
    """All connections, until the time is over or SIGTERM."""
    count, stop, rng = Count(), asyncio.Event(), random.Random(options.seed)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if options.seconds:
        loop.call_later(options.seconds, stop.set)
    bodies = Bodies(options.number, options.bytes, rng)
    kinds = options.kinds.split(",")
    made = [Connection(options, kinds[at % len(kinds)], bodies, count) for at in range(options.connections)]
    await asyncio.gather(*(connection.run(stop) for connection in made))
    return count


def main() -> None:
    """Post, and say what became of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", required=True)
    parser.add_argument("--number", type=int, default=1, help="of this process in the run: ids begin with it")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.0, help="posts a second of all connections; 0: as they go")
    parser.add_argument("--seconds", type=float, default=0.0, help="0: until SIGTERM")
    parser.add_argument("--spans", type=int, default=1, help="at most, in one post")
    parser.add_argument("--bytes", type=int, default=200, help="of text in a span")
    parser.add_argument("--kinds", default="otlp,json")
    parser.add_argument("--header", action="append", default=[], metavar="NAME: VALUE")
    parser.add_argument("--retry", action="store_true", help="try refused posts again, as SDKs do, and those unmade")
    parser.add_argument("--repost", metavar="NAME", help="name each post, and try those without an answer again")
    parser.add_argument("--patience", type=float, default=10.0, help="s for an answer, as SDKs have")
    parser.add_argument("--ranges", action="store_true", help="say also which posts were acked")
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        count = runner.run(play(options))
    print(json.dumps(count.said(ranges=options.ranges)), flush=True)


if __name__ == "__main__":
    main()
