"""Every peer that spans are posted to. Those inside the agent are in in_process.py."""

from typing import Final

from bench.peers.in_process import InProcess
from bench.peers.inspan import Inspan
from bench.peers.noop import Noop
from bench.peers.otelcol import Collector
from bench.peers.peer import Peer
from bench.peers.rotel import Rotel

PEERS: Final[tuple[Peer, ...]] = (Inspan(), Rotel(), Collector(), Rotel("blackhole"), Noop())


def described(peer: Peer | InProcess) -> str:
    """A line about it: its version, or why it is left out."""
    missing = peer.available()
    return f"{missing}; measuring without it" if missing else peer.version()
