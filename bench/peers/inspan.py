"""The sidecar itself."""

import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.peers.peer import Running
from bench.peers.settings import Settings, milliseconds, told
from bench.peers.starting import start

COMMAND: Final = str(Path(sys.executable).with_name("inspan"))
SPOOL: Final = "spool.db"


def configure(
    workdir: Path, listen: str, destination: Mapping[str, Any], sections: Mapping[str, Any] = {}
) -> list[str]:
    """Write a file with one destination. Returns the options that name it. sections: the rest of the file."""
    scheme, _, path = listen.partition(":")
    unix = scheme == "unix"
    config = {
        "socket": {"path": path if unix else str(workdir / "inspan.sock")},
        "admin": {"listen": "127.0.0.1:0"},
        "destinations": [{"name": "sink", **destination}],
        **({} if unix else {"listen": listen}),
        **sections,
    }
    file = workdir / "inspan.yaml"
    file.write_bytes(msgspec.json.encode(config))  # JSON is YAML
    return ["-c", str(file)]


def destination(upstream: str, settings: Settings) -> dict[str, Any]:
    """One of OTLP that is set so."""
    linger = None if settings.linger is None else milliseconds(settings.linger)
    keepalive = None if settings.keepalive is None else milliseconds(settings.keepalive)
    batch = told(max_spans=settings.batch_spans, max_bytes=settings.batch_bytes, linger=linger)
    queue = told(max_bytes=settings.queue_bytes)
    return {
        "kind": "otlp",
        "url": f"{upstream}/v1/traces",
        "compression": settings.compression,
        **told(batch=batch or None, queue=queue or None, concurrency=settings.concurrency, keepalive=keepalive),
    }


class Inspan:
    """See Peer."""

    name = "inspan"
    delivers = True
    linger = 0.1
    transports = frozenset({"unix", "tcp"})
    deaf = frozenset({"level"})

    def __repr__(self) -> str:
        return "<Inspan>"

    def available(self) -> str | None:
        """See Peer."""
        return None if Path(COMMAND).exists() else f"there is no {COMMAND}"

    def version(self) -> str:
        """See Peer."""
        return f"inspan {version('inspan')}"

    def start(self, workdir: Path, listen: str, upstream: str, settings: Settings, core: int | None = None) -> Running:
        """See Peer."""
        spool = {"spool": {"path": str(workdir / SPOOL), "mode": settings.spool}} if settings.spool else {}
        options = configure(workdir, listen, destination(upstream, settings), spool)
        return start([COMMAND, "run", *options], workdir, listen, core)
