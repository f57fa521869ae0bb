"""Where a measurement of the sidecar puts what it starts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bench.peers.inspan import COMMAND, SPOOL, configure
from bench.peers.peer import Running
from bench.peers.starting import LOG, address, start


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
        return self.scratch / LOG

    @property
    def spooled(self) -> Path:
        """Where inspan keeps its spool."""
        return self.scratch / SPOOL


def inspan(place: Place, destination: Mapping[str, Any], sections: Mapping[str, Any] = {}) -> Running:
    """The sidecar, at its defaults but for this destination and these sections."""
    listen = address(place.scratch, "tcp" if place.tcp else "unix")
    spool = {"spool": {"path": str(place.spooled), "mode": place.spool}} if place.spool else {}
    options = configure(place.scratch, listen, destination, {**spool, **sections})
    return start([COMMAND, "run", *options], place.scratch, listen, place.core)
