"""What the harness asks of a peer that spans are posted to."""

from pathlib import Path
from typing import Protocol

import msgspec

from bench.peers.settings import Settings
from bench.process import Process


class Running(msgspec.Struct, frozen=True):
    """A peer that accepts connections. Leaving `with process` stops it.

    target: where it listens, `unix:PATH` or `HOST:PORT`. ready: seconds from exec until it did.
    """

    process: Process
    target: str
    ready: float

    @property
    def pid(self) -> int:
        """Of the process that was started; `process.tree` has its children."""
        return self.process.popen.pid


class Peer(Protocol):
    """A system that takes OTLP over HTTP.

    delivers: spans reach the upstream. linger: seconds that a span waits for company by default, None where nothing is
    sent. transports: of `unix` and `tcp`, where it can listen. deaf: the settings it has no way to be told, by name.
    """

    @property
    def name(self) -> str: ...
    @property
    def delivers(self) -> bool: ...
    @property
    def linger(self) -> float | None: ...
    @property
    def transports(self) -> frozenset[str]: ...
    @property
    def deaf(self) -> frozenset[str]: ...

    def available(self) -> str | None:
        """Why it cannot be measured here; None where it can."""

    def version(self) -> str:
        """What it says it is. Raises Failed where it is not available."""

    def start(self, workdir: Path, listen: str, upstream: str, settings: Settings, core: int | None = None) -> Running:
        """Start it, and wait until it accepts connections.

        workdir: a folder of its own, where its configuration and its log go. listen: `unix:PATH` or `HOST:PORT`.
        upstream: a URL without a path, which takes OTLP at /v1/traces. core: that it is pinned to; None: where the
        caller may run. Raises Failed, also where a setting has a value that it does not know.
        """
