"""A load generator that looks at each answer's time, in its own process. Run as `python -m bench.acks`.

Keep-alive connections in a closed loop: each always has one request out, and what has been answered is read before
anything is sent again, so that the time of an answer is its own. Told to by lines of JSON on stdin, each a `Stretch`
and answered by a line of JSON (`Acks`). What is refused is sent again when its time has come.
"""

import argparse
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import msgspec

from bench.copies import numbered
from bench.load import Reader, connect, post, retry_after

PATIENCE: Final = 20.0  # s for any answer
DURABLE: Final = b"inspan-ack: durable\r\n"


class Stretch(msgspec.Struct, frozen=True):
    """seconds: of load. durable: whether answers wait for the disk."""

    seconds: float
    durable: bool = False


class Acks(msgspec.Struct):
    """What one stretch did. posts: that were answered 2xx. Seconds, from sending a request to its whole answer; cpu:
    of the generator."""

    posts: int
    refused: int
    p50: float
    p99: float
    most: float
    cpu: float
    wall: float


class Line:
    """One connection, and what it posts."""

    def __init__(self, target: str, requests: Iterator[bytes]) -> None:
        self.sock: socket.socket = connect(target)
        self.requests = requests
        self.request = b""
        self.sent = 0.0

    def __repr__(self) -> str:
        return f"<Line {self.sock.fileno()}>"

    def send(self, *, durable: bool) -> None:
        """The next request."""
        self.request = next(self.requests)
        if durable:
            head, _, body = self.request.partition(b"\r\n\r\n")
            self.request = head + b"\r\n" + DURABLE + b"\r\n" + body
        self.again()

    def again(self) -> None:
        """The same request."""
        self.sent = time.monotonic()
        self.sock.sendall(self.request)


class Generator:
    """Lines, and what they wait for."""

    def __init__(self, lines: list[Line]) -> None:
        self.lines = {line.sock.fileno(): line for line in lines}
        self.reader = Reader()
        self.epoll = select.epoll()
        self.resting: deque[tuple[float, Line]] = deque()
        for number in self.lines:
            self.epoll.register(number, select.EPOLLIN)

    def __repr__(self) -> str:
        return f"<Generator {len(self.lines)} lines, {len(self.resting)} resting>"

    def run(self, stretch: Stretch) -> Acks:
        """Load the sidecar for so long, then read the answers that are out."""
        took: list[float] = []
        refused, out = 0, len(self.lines)
        started, cpu = time.monotonic(), time.process_time()
        for line in self.lines.values():
            line.send(durable=stretch.durable)
        while out:
            answers = self._answers()
            go_on = time.monotonic() < started + stretch.seconds
            for line, answer, at in answers:
                if answer[9:10] != b"2":
                    refused += 1
                    self.resting.append((at + retry_after(answer), line))
                    continue
                took.append(at - line.sent)
                out -= not go_on
                if go_on:
                    line.send(durable=stretch.durable)
            while self.resting and self.resting[0][0] <= time.monotonic():
                self.resting.popleft()[1].again()
        took.sort()
        wall = time.monotonic() - started
        return Acks(
            posts=len(took),
            refused=refused,
            p50=took[len(took) // 2],
            p99=took[len(took) * 99 // 100],
            most=took[-1],
            cpu=time.process_time() - cpu,
            wall=wall,
        )

    def _answers(self) -> list[tuple[Line, bytes, float]]:
        """All that have come, each with its time; none where a refused request may be sent again."""
        left = max(0.0, self.resting[0][0] - time.monotonic()) if self.resting else PATIENCE
        ready = [self.lines[number] for number, _ in self.epoll.poll(left)]
        if not ready and not self.resting:
            raise TimeoutError(f"no answer in {PATIENCE} s")
        return [(line, self.reader.read(line.sock), time.monotonic()) for line in ready]


def post_json(body: bytes) -> bytes:
    """A whole request."""
    head = "POST /v1/spans HTTP/1.1\r\nhost: localhost\r\nuser-agent: bench\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def _otlp(bodies: list[bytes], connection: int) -> Iterator[bytes]:
    """The same for every connection, begun elsewhere."""
    requests = [post(body) for body in bodies]
    return islice(cycle(requests), connection * len(requests) // 8, None)


def main() -> None:
    """Serve stdin."""
    parser = argparse.ArgumentParser(prog="bench.acks")
    parser.add_argument("target")
    parser.add_argument("bodies", type=Path, help="msgpack: OTLP requests, or with --copies a post of copies")
    parser.add_argument("--copies", action="store_true")
    parser.add_argument("--connections", type=int, required=True)
    options = parser.parse_args()
    found = msgspec.msgpack.decode(options.bodies.read_bytes(), type=list[bytes])
    lines = [
        Line(options.target, map(post_json, numbered(found[0], number)) if options.copies else _otlp(found, number))
        for number in range(options.connections)
    ]
    generator = Generator(lines)
    for line in sys.stdin:
        acks = generator.run(msgspec.json.decode(line, type=Stretch))
        print(msgspec.json.encode(acks).decode(), flush=True)


if __name__ == "__main__":
    main()
