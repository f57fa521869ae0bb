"""What `bench relay` compares: each peer that runs here, with a compression, or with nothing to send."""

from collections.abc import Callable
from functools import partial

import msgspec

from bench.peers.known import PEERS
from bench.peers.peer import Peer, Running
from bench.peers.settings import Settings
from bench.peers.starting import address
from bench.place import Place


class Candidate(msgspec.Struct, frozen=True):
    """delivers: spans reach the sink. linger: seconds that a span waits for company, where that is known."""

    name: str
    start: Callable[[Place], Running]
    delivers: bool = True
    linger: float | None = None


def candidates() -> list[Candidate]:
    """All that can be measured here, at their defaults."""
    found = []
    for peer in PEERS:
        if peer.available() is not None:
            continue
        if not peer.delivers:
            found.append(_candidate(peer, peer.name, "none"))
            continue
        found.append(_candidate(peer, f"{peer.name}, gzip", "gzip"))
        if peer.name == "inspan":
            found.append(_candidate(peer, "inspan, no compression", "none"))
    return found


def _candidate(peer: Peer, name: str, compression: str) -> Candidate:
    start = partial(_start, peer, Settings(compression))
    return Candidate(name, start, peer.delivers, peer.linger)


def _start(peer: Peer, settings: Settings, place: Place) -> Running:
    """At its unix socket, where it has one and nobody asks for TCP."""
    tcp = "tcp" in peer.transports and (place.tcp or "unix" not in peer.transports)
    listen = address(place.scratch, "tcp" if tcp else "unix")
    return peer.start(place.scratch, listen, place.upstream, settings, place.core)
