"""A sidecar that starts in front of what a former life left on disk: how soon it sends, how fast it gets rid of it,
and how long fresh spans take meanwhile.

What is on disk is written by `Store` itself, as a life that was killed would have left it: rows, and no books.
"""

import os
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from bench.acks import post_json
from bench.bodies import Shape, one_span
from bench.copies import rows
from bench.durable import destination
from bench.load import Reader, connect, post
from bench.peers.peer import Running
from bench.place import Place, inspan
from bench.process import Failed
from bench.sink import MARK
from bench.traced import destination as upserts_destination
from bench.upstream import STALL, UpsertsUpstream, Upstream
from inspan_collector.formats import otlp_protobuf
from inspan_collector.mirror.former import read
from inspan_collector.row import Row, Write
from inspan_collector.spool.store import COUNTER_BITS, Store

GROUP: Final = 2000  # rows of one transaction, while they are written
FRESH: Final = 0.05  # s between two fresh spans: nothing beside what is read back
LINGERED: Final = 1.0  # s; over any linger
TIME: Final = "2026-01-01T00:00:00Z"
LOOK: Final = 0.002  # s between two looks for the first delivery


class Figure(msgspec.Struct, frozen=True):
    """Seconds, but for spans. started: from exec to the first delivery, ready: from the socket. read: from the first
    delivery until nothing was left on disk alone, by the sidecar's books. delivered: until the last one. fresh: from a
    fresh span's post to the upstream. own: CPU of the sidecar. lost: spans."""

    spans: int
    started: float
    ready: float
    read: float
    delivered: float
    fresh: list[float]
    own: float
    peak: int
    lost: int


class Seen(msgspec.Struct, frozen=True):
    """What an upstream has seen of the backlog. first, last: CLOCK_MONOTONIC in ns, 0 where nothing came."""

    spans: int
    first: int
    last: int


def relay(spans: int, shape: Shape, bodies: Path, place: Place, upstream: Upstream) -> Figure:
    """OTLP, gzip, with the defaults. Raises Failed."""
    texts = msgspec.msgpack.decode(bodies.read_bytes(), type=list[bytes])

    def made(first: int) -> Iterator[Row]:
        for index in range(spans // shape.spans):
            body = texts[index % len(texts)]
            yield Row(first + index, "sink", otlp_protobuf.name, shape.spans, time.time(), "bench", body)

    def seen() -> Seen:
        found = upstream.seen()
        return Seen(found.spans, found.first, found.last)

    _leave(place.spooled, made)
    upstream.forget()
    began = time.monotonic_ns()
    running = inspan(place, destination(f"{place.upstream}/marked"))
    with running.process:
        run = _Recovery(running, place, began, seen, _fresh_otlp)
        run.watch(spans)
        return run.figure(spans, lambda: upstream.seen().stamps)


def upserts(copies: int, place: Place, upstream: UpsertsUpstream) -> Figure:
    """One copy a row, each of a span of its own. Raises Failed."""

    def seen() -> Seen:
        found = upstream.tally()
        return Seen(found.copies, found.first, found.last)

    _leave(place.spooled, lambda first: rows(copies, first, "sink", time.time()))
    upstream.forget()
    began = time.monotonic_ns()
    running = inspan(place, upserts_destination(place.upstream))
    with running.process:
        run = _Recovery(running, place, began, seen, _fresh_copy)
        run.watch(copies)
        return run.figure(copies, lambda: {trace: row.first for trace, _, row in upstream.account().rows})


class _Recovery:
    """One start, looked at. fresh: the request of a span, by its number, and its trace_id as the upstream tells it."""

    def __init__(
        self,
        running: Running,
        place: Place,
        began: int,
        seen: Callable[[], Seen],
        fresh: Callable[[int], tuple[str, bytes]],
    ) -> None:
        self.running = running
        self.books = place.spooled.with_name(f"{place.spooled.name}.books")
        self.began = began
        self.seen = seen
        self.fresh = fresh
        self.posted: dict[str, int] = {}
        self.emptied = 0
        self.end = Seen(0, 0, 0)

    def __repr__(self) -> str:
        return f"<_Recovery {self.end} {len(self.posted)} fresh>"

    def watch(self, spans: int) -> None:
        """Post fresh spans from the first delivery on, until all has come or nothing comes any more."""
        self._wait_for_the_first()
        reader, moved = Reader(), time.monotonic()
        with connect(self.running.target) as sock:
            while self.end.spans - len(self.posted) < spans and time.monotonic() < moved + STALL:
                trace, request = self.fresh(len(self.posted))
                self.posted[trace] = time.monotonic_ns()
                sock.sendall(request)
                if reader.read(sock)[9:10] != b"2":
                    del self.posted[trace]
                time.sleep(FRESH)
                if not self.emptied and self._left() == 0:
                    self.emptied = time.monotonic_ns()
                before, self.end = self.end, self.seen()
                if self.end.spans > before.spans + 2:  # more than what is fresh
                    moved = time.monotonic()

    def _wait_for_the_first(self) -> None:
        latest = time.monotonic() + STALL
        while not self.end.first:
            if time.monotonic() > latest:
                raise Failed(f"nothing came in {STALL} s: {self.running.process.last_words()}")
            time.sleep(LOOK)
            self.end = self.seen()

    def _left(self) -> int:
        """Spans on disk alone, by the books, which it costs the sidecar nothing to look at."""
        books, _ = read(self.books)
        return books.books["sink"]["spooled"] if books is not None else 0

    def figure(self, spans: int, arrived: Callable[[], dict[str, int]]) -> Figure:
        """What was seen, once the last fresh spans have lingered."""
        own, peak = self.running.process.cpu(), self.running.process.memory("VmHWM")
        end = self.end
        time.sleep(LINGERED)
        times = arrived()
        fresh = [(times[trace] - at) / 1e9 for trace, at in self.posted.items() if trace in times]
        ready = self.began + int(self.running.ready * 1e9)
        return Figure(
            spans=spans,
            started=(end.first - self.began) / 1e9,
            ready=(end.first - ready) / 1e9,
            read=((self.emptied or end.last) - end.first) / 1e9,
            delivered=(end.last - end.first) / 1e9,
            fresh=fresh,
            own=own,
            peak=peak,
            lost=spans + len(self.posted) - self.seen().spans,
        )


def _fresh_otlp(number: int) -> tuple[str, bytes]:
    trace_id = MARK + number.to_bytes(8)
    return trace_id.hex(), post(one_span(trace_id))


def _fresh_copy(number: int) -> tuple[str, bytes]:
    trace = f"fresh-{number}"
    span = {"trace_id": trace, "id": trace, "name": "probe", "start_timestamp": TIME, "end_timestamp": TIME}
    return trace, post_json(msgspec.json.encode([span]))


def _leave(path: Path, made: Callable[[int], Iterator[Row]]) -> None:
    """Write the rows as a former life."""
    store = Store.open(path)
    try:
        found = made(store.epoch << COUNTER_BITS)
        while put := list(islice(found, GROUP)):
            store.apply([Write(put=[row]) for row in put])
    finally:
        store.close()
    os.sync()  # what is still on its way to the disk would slow the start, and is none of its doing
