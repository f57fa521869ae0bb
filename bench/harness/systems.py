"""What is measured beside each other, each told the same as far as it can be told."""

from typing import Final, Protocol

import msgspec

from bench.harness.sending import Silent, Unmerged
from bench.harness.settings import Case
from bench.peers.in_process import AGENTEX, HTTPX, OTEL_SDK, STARTED, InProcess
from bench.peers.inspan import Inspan
from bench.peers.known import PEERS
from bench.peers.limit import Limit
from bench.peers.noop import Noop
from bench.peers.otelcol import Collector
from bench.peers.peer import Peer, Running
from bench.peers.rotel import Rotel
from bench.peers.settings import Settings
from bench.peers.starting import address
from bench.place import Place

OURS, LIMIT, NOTHING, ROTEL, COLLECTOR = Inspan.name, Limit.name, Noop.name, Rotel().name, Collector.name
SYSTEMS: Final[dict[str, Peer]] = {peer.name: peer for peer in (*PEERS, Limit())}
# What an agent has in place of a sidecar, or beside it.
UNMERGED, SILENT, SDK, OWN_QUEUE, OWN_QUEUE_STARTS, DIRECT = (
    Unmerged.name,
    Silent.name,
    OTEL_SDK.name,
    AGENTEX.name,
    STARTED.name,
    HTTPX.name,
)
SENDERS: Final[dict[str, Unmerged | Silent | InProcess]] = {
    each.name: each for each in (Unmerged(), Silent(), OTEL_SDK, AGENTEX, STARTED, HTTPX)
}
ON_TCP: Final = frozenset(peer.name for peer in SYSTEMS.values() if "tcp" in peer.transports)
AROUND: Final = 81  # bytes of a request around its spans, see bench.bodies
LACKS: Final = {
    ROTEL: frozenset({"none", "zstd"})
}  # compressions that a system does not have; it is left out of their cases


class System(Protocol):
    """What the harness must know of anything that it measures; the rest only its scenario's `run` knows."""

    @property
    def name(self) -> str: ...
    def available(self) -> str | None:
        """Why it cannot be measured here; None where it can."""

    def version(self) -> str:
        """What it says it is. Raises Failed where it is not available."""


def start(system: Peer, place: Place, case: Case) -> Running:
    """At its unix socket, where it has one and nobody asks for TCP. Raises Failed."""
    tcp = "tcp" in system.transports and (case.load.tcp or "unix" not in system.transports)
    listen = address(place.scratch, "tcp" if tcp else "unix")
    return system.start(place.scratch, listen, place.upstream, told(system, case), place.core)


def told(system: Peer, case: Case) -> Settings:
    """Who cannot be told how many spans a batch has is told how many bytes they are."""
    how = case.settings
    if "batch_spans" not in system.deaf or how.batch_spans is None or how.batch_bytes is None:
        return how
    each = case.load.span_bytes + AROUND / case.load.spans
    return msgspec.structs.replace(how, batch_bytes=min(how.batch_bytes, round(how.batch_spans * each)))


def able(system: System, case: Case) -> bool:
    """Whether it can be measured in this case."""
    if case.load.tcp and system.name not in ON_TCP:
        return False
    if case.load.encoding != "identity" and system.name == LIMIT:  # it joins what it gets, and opens nothing
        return False
    return case.settings.compression not in LACKS.get(system.name, frozenset())


def found(names: tuple[str, ...]) -> tuple[list[tuple[System, str]], list[str]]:
    """Those that can be had here with their versions, and why the others cannot."""
    there: list[tuple[System, str]] = []
    missing: list[str] = []
    known: dict[str, System] = {**SYSTEMS, **SENDERS}
    for name in names:
        why = known[name].available()
        if why is None:
            there.append((known[name], known[name].version()))
        else:
            missing.append(f"{name}: {why}")
    return there, missing
