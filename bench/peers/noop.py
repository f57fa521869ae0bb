"""The sink itself in a peer's place: what reading, counting and answering cost with the same libraries and no relay. It
proves that the generator is not the ceiling."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

from bench.peers.peer import Running
from bench.peers.settings import Settings
from bench.peers.starting import start

# What inspan sets by itself at its start, our own programs have to be told: bytes from which memory is given back.
MALLOC: Final = {"MALLOC_TRIM_THRESHOLD_": str(128 << 20), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}


class Noop:
    """See Peer."""

    name = "no-op: counts, sends nothing"
    delivers = False
    linger = None
    transports = frozenset({"unix"})
    deaf = frozenset(Settings.__struct_fields__)

    def __repr__(self) -> str:
        return "<Noop>"

    def available(self) -> str | None:
        """See Peer."""
        return None

    def version(self) -> str:
        """See Peer."""
        return f"httptools {version('httptools')}, uvloop {version('uvloop')}"

    def start(self, workdir: Path, listen: str, upstream: str, settings: Settings, core: int | None = None) -> Running:  # noqa: ARG002
        """See Peer."""
        argv = [sys.executable, "-m", "bench.sink", "--unix", listen.removeprefix("unix:")]
        return start(argv, workdir, listen, core, MALLOC)
