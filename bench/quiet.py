"""A peer with little to do: how fast it starts, what it holds when idle, and how late a single span arrives."""

import os
import random
import statistics
import time
from typing import Final

import msgspec

from bench.bodies import one_span
from bench.candidates import Candidate
from bench.load import Reader, connect, post
from bench.place import Place
from bench.process import Failed
from bench.upstream import Upstream

IDLE: Final = 1.0  # s after the socket accepts: what the start allocated and needs no more may be gone by then
POSTS: Final = 8  # single spans in one run
BETWEEN: Final = 0.3  # s; over the 200 ms that rotel and the Collector wait and the 100 ms that inspan does
JITTER: Final = 0.05  # s; so that no timer of the peer stays in step with us


class Quiet(msgspec.Struct, frozen=True):
    """ready: seconds from exec until the socket accepts. idle: bytes of RSS. latencies: seconds, post to upstream."""

    ready: float
    idle: int
    latencies: list[float]

    @property
    def latency(self) -> float:
        return statistics.median(self.latencies)


def measure(peer: Candidate, place: Place, upstream: Upstream) -> Quiet:
    """Start the peer, leave it alone, post single spans. Raises Failed."""
    # The sink notes the times of what arrives below this path.
    stamped = msgspec.structs.replace(place, upstream=f"{place.upstream}/stamped")
    running = peer.start(stamped)
    with running.process:
        time.sleep(IDLE)
        idle = running.process.memory("VmRSS")
        return Quiet(running.ready, idle, _latencies(running.target, upstream) if peer.delivers else [])


def _latencies(target: str, upstream: Upstream) -> list[float]:
    upstream.forget()
    reader, posted = Reader(), {}
    with connect(target) as sock:
        for _ in range(POSTS):
            trace_id = os.urandom(16)
            request = post(one_span(trace_id))
            posted[trace_id.hex()] = time.monotonic_ns()
            sock.sendall(request)
            if reader.read(sock)[9:10] != b"2":
                raise Failed(f"{target} refused a single span")
            time.sleep(BETWEEN + random.uniform(0, JITTER))
    arrived = upstream.wait_for(POSTS).stamps
    if missing := posted.keys() - arrived.keys():
        raise Failed(f"{len(missing)} of {POSTS} single spans never arrived from {target}")
    return [(arrived[trace_id] - sent) / 1e9 for trace_id, sent in posted.items()]
