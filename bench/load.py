"""The load generator, in its own process: keep-alive connections in a closed loop. Run as `python -m bench.load`.

Every connection always has one request out: its answer is read, counted, and the next request sent. Half of them at a
time, the latest first: so the generator sleeps once a turn and not once an answer, the other half keeps the sidecar
busy meanwhile, and neither pays for waking the other all the time. Told to by lines on stdin, `SECONDS`, each answered
by a line of JSON (`Load`).
"""

import argparse
import socket
import struct
import sys
import time
from collections import deque
from itertools import cycle
from pathlib import Path
from typing import Final

import msgspec

from inspan_collector.exporters.compress import CODECS

PATIENCE: Final = 20  # s for one answer; the slowest sidecar needs milliseconds
ANSWER: Final = 64 << 10  # bytes
REST: Final = 0.1  # s after a refusal that does not say how long


class Load(msgspec.Struct):
    """What one stretch of load did. spans: in requests that were answered 2xx. cpu: seconds of the generator. sent:
    bytes of those requests, heads included, at the mean size of all that it has."""

    posts: int = 0
    spans: int = 0
    refused: int = 0
    cpu: float = 0.0
    wall: float = 0.0
    sent: int = 0


class Unanswered(Exception):
    """The sidecar hung up, or spoke no HTTP."""


class Reader:
    """Reads whole answers. Those of one length are taken to be alike, so only the first is parsed."""

    def __init__(self) -> None:
        self.whole: set[int] = set()

    def __repr__(self) -> str:
        return f"<Reader {sorted(self.whole)}>"

    def read(self, sock: socket.socket) -> bytes:
        """One answer, head and body."""
        answer = sock.recv(ANSWER)
        if len(answer) not in self.whole:
            answer = self._rest(sock, answer)
        return answer

    def _rest(self, sock: socket.socket, answer: bytes) -> bytes:
        in_one_piece = True
        while (missing := _missing(answer)) > 0:
            more = sock.recv(ANSWER)
            if not more:
                raise Unanswered(f"hung up after {answer[:200]!r}")
            answer += more
            in_one_piece = False
        if missing < 0:
            raise Unanswered(f"more than one answer in {answer[:200]!r}")
        if in_one_piece:
            self.whole.add(len(answer))
        return answer


class Generator:
    """Posts bodies in turn over a number of connections. Target: `unix:PATH` or `HOST:PORT`."""

    def __init__(self, target: str, requests: list[bytes], spans: int, connections: int) -> None:
        self.sockets = [connect(target) for _ in range(connections)]
        self.requests = cycle(requests)
        self.spans = spans
        self.mean = sum(map(len, requests)) / len(requests)
        self.reader = Reader()

    def __repr__(self) -> str:
        return f"<Generator {len(self.sockets)} connections, {self.spans} spans a request>"

    def run(self, seconds: float) -> Load:
        """Load the sidecar for so long, then read the answers that are out."""
        load = Load()
        busy = self.sockets.copy()
        resting: deque[tuple[float, socket.socket]] = deque()
        started, cpu = time.monotonic(), time.process_time()
        for sock in busy:
            sock.sendall(next(self.requests))
        while (now := time.monotonic()) < started + seconds:
            self._wake(busy, resting, now)
            middle = len(busy) // 2
            busy = self._turn(busy[:middle], resting, load) + self._turn(busy[middle:], resting, load)
        for sock in busy:
            self._note(self.reader.read(sock), load)
        load.sent = round(load.posts * self.mean)
        load.cpu, load.wall = time.process_time() - cpu, time.monotonic() - started
        return load

    def _turn(
        self, half: list[socket.socket], resting: deque[tuple[float, socket.socket]], load: Load
    ) -> list[socket.socket]:
        """One answer and one request on each connection. Returns those that were not refused."""
        read, requests = self.reader.read, self.requests
        answers = [(sock, read(sock)) for sock in reversed(half)]
        busy = []
        for sock, answer in reversed(answers):
            rest = self._note(answer, load)
            if rest is None:
                sock.sendall(next(requests))
                busy.append(sock)
            else:
                resting.append((time.monotonic() + rest, sock))
        return busy

    def _note(self, answer: bytes, load: Load) -> float | None:
        """Count an answer. Returns seconds to wait where it was a refusal."""
        if answer[9:10] == b"2":
            load.posts += 1
            load.spans += self.spans
            return None
        load.refused += 1
        return retry_after(answer)

    def _wake(self, busy: list[socket.socket], resting: deque[tuple[float, socket.socket]], now: float) -> None:
        if resting and not busy:
            time.sleep(max(0.0, resting[0][0] - now))
        while resting and resting[0][0] <= time.monotonic():
            sock = resting.popleft()[1]
            sock.sendall(next(self.requests))
            busy.append(sock)


def connect(target: str) -> socket.socket:
    """A connection to `unix:PATH` or `HOST:PORT`."""
    scheme, _, rest = target.partition(":")
    if scheme == "unix":
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(rest)
        except OSError:
            sock.close()
            raise
    else:
        sock = socket.create_connection((scheme, int(rest)))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Python's own timeout asks poll before each recv; the kernel's costs nothing.
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", PATIENCE, 0))
    return sock


def post(body: bytes, encoding: str = "identity") -> bytes:
    """A whole request. encoding: what becomes of the body; an agent's own compression is none of our CPU time."""
    body = CODECS[encoding](body) if encoding in CODECS else body
    named = "" if encoding == "identity" else f"content-encoding: {encoding}\r\n"
    head = (
        "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\nuser-agent: bench\r\naccept: */*\r\n"
        f"content-type: application/x-protobuf\r\n{named}content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def retry_after(answer: bytes) -> float:
    """Seconds that a refusal asks for."""
    for line in answer.partition(b"\r\n\r\n")[0].lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"retry-after-ms":
            return int(value) / 1000
    return REST


def _missing(answer: bytes) -> int:
    """Bytes that are still to come; 1 where that cannot be known yet, negative where there are too many."""
    head, end, rest = answer.partition(b"\r\n\r\n")
    if not end:
        return 1
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value) - len(rest)
    raise Unanswered(f"no content-length in {head[:200]!r}")


def asked(prog: str) -> tuple[argparse.Namespace, list[bytes]]:
    """What a generator is told by its command line, and the requests that it is to post."""
    parser = argparse.ArgumentParser(prog=prog)
    parser.add_argument("target")
    parser.add_argument("bodies", type=Path)
    parser.add_argument("--spans", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--encoding", default="identity", choices=["identity", *CODECS])
    options = parser.parse_args()
    requests = [
        post(body, options.encoding) for body in msgspec.msgpack.decode(options.bodies.read_bytes(), type=list[bytes])
    ]
    return options, requests


def main() -> None:
    """Serve stdin."""
    options, requests = asked("bench.load")
    generator = Generator(options.target, requests, options.spans, options.connections)
    for line in sys.stdin:
        print(msgspec.json.encode(generator.run(float(line))).decode(), flush=True)


if __name__ == "__main__":
    main()
