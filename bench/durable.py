"""Custody on disk at the door: what answers that wait for the disk take, beside those that do not, and how late the
sidecar's loop is meanwhile."""

import sys
from pathlib import Path
from typing import Final

import msgspec

from bench.acks import Acks, Stretch
from bench.bodies import Shape
from bench.peers.starting import inherited
from bench.place import Place, inspan
from bench.process import Process
from bench.throughput import STARTING
from bench.traced import admin
from bench.upstream import Upstream

REST: Final = 1.0  # s
WARM: Final = 0.5  # s of load before the clock starts
LEVELS: Final = {"accepted": False, "durable": True}  # by their names in `Inspan-Ack`


def p99(values: list[float]) -> float:
    return sorted(values)[len(values) * 99 // 100]


class Level(msgspec.Struct, frozen=True):
    """What one level of acknowledgement did. own: CPU-seconds of the sidecar. lags: seconds, see lag.py. disk: bytes
    that the sidecar had written. lost: spans acknowledged and not delivered."""

    acks: Acks
    spans: int
    own: float
    lags: list[float]
    disk: int
    lost: int

    @property
    def rate(self) -> float:
        """Spans acknowledged per second."""
        return self.spans / self.acks.wall

    @property
    def lag(self) -> float:
        """At p99."""
        return p99(self.lags)


class Figure(msgspec.Struct, frozen=True):
    """One sidecar. rest: the lags, in seconds, before the first load: what is not the loop's in them."""

    levels: dict[str, Level]
    rest: list[float]


class Settings(msgspec.Struct, frozen=True):
    """seconds: of load. cores: of what is measured, of what measures."""

    seconds: float
    connections: int
    cores: tuple[int, int]


def destination(upstream: str, compression: str = "gzip") -> dict[str, str]:
    """Everything that is not named here is a default."""
    return {"kind": "otlp", "url": f"{upstream}/v1/traces", "compression": compression}


def generator(target: str, bodies: Path, place: Place, settings: Settings, *options: str) -> Process:
    """A process of acks.py."""
    argv = [sys.executable, "-m", "bench.acks", target, str(bodies), "--connections", str(settings.connections)]
    return Process([*argv, *options], settings.cores[1], place.scratch / "acks.log", inherited(), asked=True)


def load(process: Process, stretch: Stretch) -> Acks:
    """One stretch of acks.py."""
    process.tell(msgspec.json.encode(stretch).decode())
    return msgspec.json.decode(process.hear(stretch.seconds + STARTING), type=Acks)


def measure(shape: Shape, bodies: Path, place: Place, upstream: Upstream, settings: Settings) -> Figure:
    """Each level in one sidecar of mode `always`, one after the other. Raises Failed."""
    running = inspan(place, destination(place.upstream))
    with running.process as sidecar, generator(running.target, bodies, place, settings) as acks:
        argv = [sys.executable, "-m", "bench.lag", admin(place.log)]
        with Process(argv, settings.cores[1], place.scratch / "lag.log", inherited(), asked=True) as lag:
            lag.tell(str(REST))
            rest = msgspec.json.decode(lag.hear(STARTING), type=list[float])
            upstream.forget()
            upstream.wait_for(load(acks, Stretch(WARM, durable=True)).posts * shape.spans)
            found = {}
            for name, durable in LEVELS.items():
                upstream.forget()
                own, disk = sidecar.cpu(), sidecar.written()
                lag.tell(str(settings.seconds))
                answered = load(acks, Stretch(settings.seconds, durable))
                lags = msgspec.json.decode(lag.hear(STARTING), type=list[float])
                spans = answered.posts * shape.spans
                lost = spans - upstream.wait_for(spans).spans
                found[name] = Level(answered, spans, sidecar.cpu() - own, lags, sidecar.written() - disk, lost)
            return Figure(found, rest)
