"""The same load through a sidecar without a spool, and with one: what the disk costs where it is not needed."""

import time
from pathlib import Path
from typing import Final

import msgspec

from bench import throughput
from bench.acks import Stretch
from bench.bodies import Shape
from bench.copies import STARTED
from bench.durable import Settings, destination, generator, load
from bench.place import Place, inspan
from bench.throughput import WARM, Candidate
from bench.traced import destination as upserts_destination
from bench.upstream import UpsertsUpstream, Upstream

RELAYED: Final = 16  # connections, as in the scenario `relay`
PATIENCE: Final = 3.5  # s without a copy, after which the rest is taken for lost: hold_open, linger, and slack
COPIES: Final = "copies"  # the load of starts and ends, beside the shapes of OTLP


class Figure(msgspec.Struct, frozen=True):
    """One measurement. spans: acknowledged; of upserts, copies. own: CPU-seconds of the sidecar in `wall` seconds,
    until all of it was delivered. peak: bytes of RSS. disk: bytes written."""

    spans: int
    own: float
    wall: float
    peak: int
    disk: int
    refused: int
    lost: int

    @property
    def speed(self) -> float:
        """Spans per CPU-second."""
        return self.spans / self.own


def relay(shape: Shape, bodies: Path, place: Place, upstream: Upstream, settings: Settings) -> Figure:
    """OTLP, not compressed: what the disk costs shows more. The load is that of the scenario `relay`. Raises Failed."""
    candidate = Candidate("inspan", lambda place: inspan(place, destination(place.upstream, "none")))
    how = throughput.Settings(settings.seconds, RELAYED, settings.cores, tcp=False)
    found = throughput.measure(candidate, shape, bodies, place, upstream, how)
    return Figure(found.load.spans, found.own, found.wall, found.peak, found.disk, found.load.refused, found.lost)


def upserts(bodies: Path, place: Place, upstream: UpsertsUpstream, settings: Settings) -> Figure:
    """Starts and ends of spans, merged on their way. Raises Failed."""
    running = inspan(place, upserts_destination(place.upstream))
    with running.process, generator(running.target, bodies, place, settings, "--copies") as posts:
        load(posts, Stretch(WARM))
        time.sleep(PATIENCE)  # what was started and never ended goes too: it is none of the keys to come
        upstream.forget()
        started, own, disk = time.monotonic(), running.process.cpu(), running.process.written()
        acks = load(posts, Stretch(settings.seconds))
        ended = acks.posts * STARTED
        keys = ended + settings.connections * STARTED  # the starts of each connection's last post have no end yet
        upstream.wait_for(keys, ended, PATIENCE)
        return Figure(
            spans=2 * ended,
            own=running.process.cpu() - own,
            wall=time.monotonic() - started,
            peak=running.process.memory("VmHWM"),
            disk=running.process.written() - disk,
            refused=acks.refused,
            lost=keys - upstream.tally().keys,
        )
