"""The generator at a steady rate, in its own process. Run as `python -m bench.harness.pacing`.

A post when it is due, on a connection that is free, whatever became of the one before: what is refused is not sent
again, since a second try would be a load of its own. Where no connection is free a post waits, and that is in its
time; that we woke late is not. Now and then a post has one span more, by which it can be told apart upstream. Told to
by lines of JSON on stdin, each a `Pace` and answered by a line of JSON (`Paced`).
"""

import select
import socket
import sys
import time
from collections import deque
from itertools import count, cycle
from typing import Final

import msgspec

from bench.bodies import one_span
from bench.load import PATIENCE, Reader, asked, connect, post
from bench.quantile import quantile
from bench.sink import MARK

END: Final = b"\r\n\r\n"  # of a head
MARKED: Final = 0.02  # s between two spans that can be told apart: 50 a second are enough for a p99 in some seconds


class Pace(msgspec.Struct, frozen=True):
    """rate: posts a second."""

    rate: float
    seconds: float


class Paced(msgspec.Struct):
    """What one stretch did. posts, spans: that were answered 2xx. missed: posts that were due and for which no
    connection was free in time. p50, p99: seconds that a post took, None where there was none. marks: by trace_id,
    CLOCK_MONOTONIC in ns."""

    posts: int = 0
    spans: int = 0
    sent: int = 0
    refused: int = 0
    missed: int = 0
    cpu: float = 0.0
    wall: float = 0.0
    p50: float | None = None
    p99: float | None = None
    marks: dict[str, int] = {}


class Line:
    """One connection. spans: of the request that is out; since: from when its time counts."""

    def __init__(self, target: str) -> None:
        self.sock: socket.socket = connect(target)
        self.spans = 0
        self.since = 0.0

    def __repr__(self) -> str:
        return f"<Line {self.sock.fileno()} {self.spans}>"

    def send(self, request: bytes, spans: int, since: float) -> None:
        """One request."""
        self.spans, self.since = spans, since
        self.sock.sendall(request)


class Pacer:
    """Lines that are free, and those that wait for an answer. requests: uncompressed. spans: in each."""

    def __init__(self, target: str, requests: list[bytes], spans: int, connections: int) -> None:
        self.lines = {line.sock.fileno(): line for line in (Line(target) for _ in range(connections))}
        self.free = deque(self.lines.values())
        self.requests = cycle(requests)
        self.spans = spans
        self.reader = Reader()
        self.numbers = count()
        self.epoll = select.epoll()
        for number in self.lines:
            self.epoll.register(number, select.EPOLLIN)

    def __repr__(self) -> str:
        return f"<Pacer {len(self.free)} of {len(self.lines)} free>"

    def run(self, pace: Pace) -> Paced:
        """Post for so long, then read the answers that are out."""
        paced, took = Paced(marks={}), list[float]()
        total, number, freed, marked = int(pace.rate * pace.seconds), 0, 0.0, 0.0
        began, cpu = time.monotonic(), time.process_time()
        while number < total or len(self.free) < len(self.lines):
            now = time.monotonic()
            if now > began + pace.seconds:
                paced.missed, total = paced.missed + total - number, number
            while self.free and number < total and (due := began + number / pace.rate) <= now:
                mark = now >= marked + MARKED
                marked = now if mark else marked
                self._send(paced, mark=mark, since=due if due < freed else now)
                number += 1
            starved = not self.free
            if self.free and number < total:
                self._answers(paced, took, max(0.0, began + number / pace.rate - time.monotonic()))
            elif len(self.free) < len(self.lines):
                self._answers(paced, took, PATIENCE)
            freed = time.monotonic() if starved else freed
        paced.cpu, paced.wall = time.process_time() - cpu, time.monotonic() - began
        took.sort()
        if took:
            paced.p50, paced.p99 = quantile(took, 0.5), quantile(took, 0.99)
        return paced

    def _send(self, paced: Paced, *, mark: bool, since: float) -> None:
        line = self.free.popleft()
        request, spans = next(self.requests), self.spans
        if mark:
            trace_id = MARK + next(self.numbers).to_bytes(8)
            request, spans = post(request.partition(END)[2] + one_span(trace_id)), spans + 1
            paced.marks[trace_id.hex()] = time.monotonic_ns()
        paced.sent += len(request)
        line.send(request, spans, since)

    def _answers(self, paced: Paced, took: list[float], seconds: float) -> None:
        """Those that have come, or come within so many seconds."""
        ready = self.epoll.poll(seconds)
        if not ready and seconds == PATIENCE:
            raise TimeoutError(f"no answer in {PATIENCE} s")
        for number, _ in ready:
            line = self.lines[number]
            answer = self.reader.read(line.sock)
            took.append(time.monotonic() - line.since)
            taken = answer[9:10] == b"2"
            paced.posts += taken
            paced.refused += not taken
            paced.spans += line.spans if taken else 0
            self.free.append(line)


def main() -> None:
    """Serve stdin."""
    options, requests = asked("bench.harness.pacing")
    pacer = Pacer(options.target, requests, options.spans, options.connections)
    for line in sys.stdin:
        paced = pacer.run(msgspec.json.decode(line, type=Pace))
        print(msgspec.json.encode(paced).decode(), flush=True)


if __name__ == "__main__":
    main()
