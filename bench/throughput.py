"""One stretch of load on one peer: CPU time, memory, and whether every span arrived."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from bench.bodies import Shape
from bench.load import Load
from bench.peers.peer import Running
from bench.peers.starting import inherited
from bench.place import Place
from bench.process import Process
from bench.sink import Seen
from bench.upstream import Upstream

WARM: Final = 0.4  # s of load before the clock starts: connections, code paths, heap
QUIET: Final = 0.2  # s without CPU time, after which a peer that sends nothing has done its work
TICKS: Final = 0.015  # s; one tick in that time is housekeeping
SETTLE: Final = 5.0  # s; the most that we wait for quiet
STARTING: Final = 20.0  # s for a generator to start and read its bodies


class Candidate(msgspec.Struct, frozen=True):
    """What is measured. delivers: spans reach the sink."""

    name: str
    start: Callable[[Place], Running]
    delivers: bool = True


class Settings(msgspec.Struct, frozen=True):
    """seconds: of load. cores: of what is measured, of what measures."""

    seconds: float
    connections: int
    cores: tuple[int, int]
    tcp: bool


class Figure(msgspec.Struct, frozen=True):
    """One measurement. own, sink: CPU-seconds of the peer and of the sink, in `wall` seconds, the last of which saw no
    load but what was held. peak: bytes of RSS. delivered: spans. disk: bytes that the peer had written."""

    load: Load
    seen: Seen
    own: float
    sink: float
    wall: float
    peak: int
    delivered: int
    disk: int = 0

    @property
    def speed(self) -> float:
        """Spans per CPU-second, of spans that arrived."""
        return self.delivered / self.own

    @property
    def lost(self) -> int:
        return self.load.spans - self.delivered


def measure(
    peer: Candidate, shape: Shape, bodies: Path, place: Place, upstream: Upstream, settings: Settings
) -> Figure:
    """Start the peer, load it, wait until it holds nothing, end it. Raises Failed."""
    running = peer.start(place)
    with running.process, _generator(running, shape, bodies, place, settings) as generator:
        _stretch(generator, WARM, peer, running, upstream)
        started, own, sink = time.monotonic(), running.process.cpu(), upstream.process.cpu()
        disk = running.process.written()
        load, seen = _stretch(generator, settings.seconds, peer, running, upstream)
        return Figure(
            load=load,
            seen=seen,
            own=running.process.cpu() - own,
            sink=upstream.process.cpu() - sink,
            wall=time.monotonic() - started,
            peak=running.process.memory("VmHWM"),
            delivered=seen.spans if peer.delivers else load.spans,
            disk=running.process.written() - disk,
        )


def _generator(running: Running, shape: Shape, bodies: Path, place: Place, settings: Settings) -> Process:
    argv = [sys.executable, "-m", "bench.load", running.target, str(bodies)]
    argv += ["--spans", str(shape.spans), "--connections", str(settings.connections)]
    return Process(argv, settings.cores[1], place.scratch / "load.log", inherited(), asked=True)


def _stretch(
    generator: Process, seconds: float, peer: Candidate, running: Running, upstream: Upstream
) -> tuple[Load, Seen]:
    """Load, and what came of it when the last span had arrived."""
    upstream.forget()
    answer = generator.ask(str(seconds), seconds + STARTING)
    load = msgspec.json.decode(answer, type=Load)
    if peer.delivers:
        return load, upstream.wait_for(load.spans)
    wait_for_quiet(running.process)
    return load, upstream.seen()


def wait_for_quiet(process: Process) -> None:
    """Until it takes no CPU time any more, or the time to settle is over."""
    latest = time.monotonic() + SETTLE
    while time.monotonic() < latest:
        before = process.cpu()
        time.sleep(QUIET)
        if process.cpu() - before < TICKS:
            return
