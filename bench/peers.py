"""What is measured: how each peer is started, with which settings, and where it listens."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.load import connect
from bench.process import Failed, Process

COMMAND: Final = str(Path(sys.executable).with_name("inspan"))
READY: Final = 15.0  # s from exec to the socket; a loaded machine needs more than the 0.7 that are the goal
LOOK: Final = 0.001  # s between two tries to connect
LINGER: Final = 0.1  # s; inspan's default, which the added latency is measured against
# The caller's settings are none of ours.
FOREIGN: Final = ("INSPAN_", "OTEL_", "SGP_", "ROTEL_", "AGENTEX_", "DD_")


class Place(msgspec.Struct, frozen=True):
    """Where and how a peer is started. upstream: the sink's URL, without a path. spool: the mode of inspan's spool,
    None for none."""

    scratch: Path
    core: int
    upstream: str
    tcp: bool = False
    spool: str | None = None

    @property
    def log(self) -> Path:
        return self.scratch / "peer.log"

    @property
    def spooled(self) -> Path:
        """Where inspan keeps its spool."""
        return self.scratch / "spool.db"


class Running(msgspec.Struct, frozen=True):
    """A peer that accepts connections. ready: seconds from exec until it did."""

    process: Process
    target: str
    ready: float


class Peer(msgspec.Struct, frozen=True):
    """delivers: spans reach the sink. linger: seconds that a span waits for company, where that is known."""

    name: str
    start: Callable[[Place], Running]
    delivers: bool = True
    linger: float | None = None


def peers() -> list[Peer]:
    """All that can be measured here."""
    found = [
        Peer("inspan, gzip", lambda place: _inspan(place, "gzip"), linger=LINGER),
        Peer("inspan, no compression", lambda place: _inspan(place, "none"), linger=LINGER),
    ]
    path = rotel()
    if path is not None and rotel_version(path) is not None:
        found += [
            Peer("rotel, gzip", lambda place: _rotel(place, "otlp")),
            Peer("rotel, blackhole", lambda place: _rotel(place, "blackhole"), delivers=False),
        ]
    return [*found, Peer("no-op: counts, sends nothing", _noop, delivers=False)]


def rotel() -> Path | None:
    """The executable: $INSPAN_BENCH_ROTEL, else beside this python or in its packages; None where there is none."""
    named = os.environ.get("INSPAN_BENCH_ROTEL")
    if named:
        return Path(named)
    package = find_spec("rotel")
    installed = [Path(place) for place in (package.submodule_search_locations or [] if package else [])]
    beside = [Path(sys.executable).parent, *installed]
    return next((place / "rotel-agent" for place in beside if (place / "rotel-agent").exists()), None)


def rotel_version(path: Path) -> str | None:
    """What it calls itself; None where it does not run, as without the libpython that its wheel is linked to."""
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=READY, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip()


def described(path: Path | None) -> str:
    """A line about rotel."""
    if path is None:
        return "not found: set INSPAN_BENCH_ROTEL to its rotel-agent; measuring without it"
    name = rotel_version(path)
    return f"{path} does not run here; measuring without it" if name is None else f"{name} ({path})"


def inherited() -> dict[str, str]:
    """The environment without settings that would change what is measured."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(FOREIGN)}


def configure(place: Place, destination: Mapping[str, Any], sections: Mapping[str, Any] = {}) -> tuple[list[str], str]:
    """Write a file for inspan with one destination. Returns the options that name it, and where inspan will listen.

    sections: the rest of the file.
    """
    path = place.scratch / "inspan.sock"
    port = free_port()
    config = {
        "socket": {"path": str(path)},
        "admin": {"listen": "127.0.0.1:0"},
        "destinations": [{"name": "sink", **destination}],
        **({"listen": f"127.0.0.1:{port}"} if place.tcp else {}),
        **({"spool": {"path": str(place.spooled), "mode": place.spool}} if place.spool else {}),
        **sections,
    }
    file = place.scratch / "inspan.yaml"
    file.write_bytes(msgspec.json.encode(config))  # JSON is YAML
    return ["-c", str(file)], f"127.0.0.1:{port}" if place.tcp else f"unix:{path}"


def inspan(place: Place, destination: Mapping[str, Any], sections: Mapping[str, Any] = {}) -> Running:
    """The sidecar, at its defaults but for this destination and these sections."""
    options, target = configure(place, destination, sections)
    return _start([COMMAND, "run", *options], place, target)


def _inspan(place: Place, compression: str) -> Running:
    return inspan(place, {"kind": "otlp", "url": f"{place.upstream}/v1/traces", "compression": compression})


def _rotel(place: Place, exporter: str) -> Running:
    """At its defaults: 8,192 spans or 200 ms a batch, gzip. It has no unix socket."""
    port = free_port()
    options = {
        "--otlp-http-endpoint": f"127.0.0.1:{port}",
        "--otlp-grpc-endpoint": f"127.0.0.1:{free_port()}",
        "--exporter": exporter,
        "--pid-file": str(place.scratch / "rotel.pid"),
        "--log-file": str(place.scratch / "rotel.log"),
        "--otlp-exporter-endpoint": place.upstream,
        "--otlp-exporter-protocol": "http",
    }
    argv = [str(rotel()), "start", *(word for option in options.items() for word in option)]
    return _start(argv, place, f"127.0.0.1:{port}")


def _noop(place: Place) -> Running:
    """The sink itself: what reading, counting and answering cost with the same libraries and no relay."""
    path = place.scratch / "noop.sock"
    argv = [sys.executable, "-m", "bench.sink", "--unix", str(path)]
    return _start(argv, place, f"unix:{path}")


def _start(argv: list[str], place: Place, target: str) -> Running:
    started = time.monotonic()
    process = Process(argv, place.core, place.log, inherited() | malloc_settings(argv))
    try:
        while not _accepts(target):
            if not process.alive() or time.monotonic() > started + READY:
                raise Failed(f"{process!r} is not ready after {READY} s: {process.last_words()}")
            time.sleep(LOOK)
    except BaseException:
        process.__exit__()
        raise
    return Running(process, target, time.monotonic() - started)


def malloc_settings(argv: list[str]) -> dict[str, str]:
    """inspan sets these by itself at its start; our own sink has to be told."""
    if not {"bench.sink", "bench.rows_sink"}.intersection(argv):
        return {}
    return {"MALLOC_TRIM_THRESHOLD_": str(128 << 20), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}


def free_port() -> int:
    """A TCP port of the loopback that nobody has now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _accepts(target: str) -> bool:
    try:
        connect(target).close()
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True
