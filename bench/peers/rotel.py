"""rotel, a collector in Rust, as its wheel comes. It has no unix socket, and its queues are counted in messages, which
no option sets. `--otlp-exporter-compression none` is among its options, and what it sends is gzip all the same."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from bench.peers.peer import Running
from bench.peers.settings import Settings, milliseconds, told
from bench.peers.starting import free_port, said, start
from bench.process import Failed


class Rotel:
    """See Peer. exporter: `otlp`, or `blackhole`, which sends nothing.

    Its own batches are of 8,192 spans or 200 ms.
    """

    transports = frozenset({"tcp"})
    deaf = frozenset({"batch_bytes", "queue_bytes", "concurrency", "keepalive", "spool", "level"})

    def __init__(self, exporter: str = "otlp") -> None:
        self.exporter = exporter
        self.delivers = exporter == "otlp"
        self.name = "rotel" if self.delivers else f"rotel, {exporter}"
        self.linger = 0.2 if self.delivers else None

    def __repr__(self) -> str:
        return f"<Rotel {self.exporter} {found()}>"

    def available(self) -> str | None:
        """See Peer."""
        path = found()
        if path is None:
            return "not found: set INSPAN_BENCH_ROTEL to its rotel-agent"
        # Each wheel is linked to one libpython, and does not run without it.
        return None if said([path, "--version"]) else f"{path} does not run here"

    def version(self) -> str:
        """See Peer."""
        path = found()
        name = path and said([path, "--version"])
        if not name:
            raise Failed(f"rotel: {self.available()}")
        return name

    def start(self, workdir: Path, listen: str, upstream: str, settings: Settings, core: int | None = None) -> Running:
        """See Peer."""
        if self.delivers and settings.compression != "gzip":
            raise Failed(f"rotel sends gzip, whatever it is told, and not {settings.compression}")
        linger = None if settings.linger is None else milliseconds(settings.linger)
        options: dict[str, object] = {
            "--otlp-http-endpoint": listen,
            "--otlp-grpc-endpoint": f"127.0.0.1:{free_port()}",
            "--exporter": self.exporter,
            "--pid-file": workdir / "rotel.pid",
            "--log-file": workdir / "rotel.log",
            "--otlp-exporter-endpoint": upstream,
            "--otlp-exporter-protocol": "http",
            **told(**{"--batch-max-size": settings.batch_spans, "--batch-timeout": linger}),
        }
        argv = [str(found()), "start", *(str(word) for option in options.items() for word in option)]
        return start(argv, workdir, listen, core)


def found() -> Path | None:
    """The executable: $INSPAN_BENCH_ROTEL, else beside this python or in its packages; None where there is none."""
    named = os.environ.get("INSPAN_BENCH_ROTEL")
    if named:
        return Path(named)
    package = find_spec("rotel")
    installed = [Path(place) for place in (package.submodule_search_locations or [] if package else [])]
    beside = [Path(sys.executable).parent, *installed]
    return next((place / "rotel-agent" for place in beside if (place / "rotel-agent").exists()), None)
