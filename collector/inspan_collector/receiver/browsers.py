"""Pages in a browser do not post here: over TCP each of them could, whoever wrote it, wherever it is from.

A browser asks before most requests of a page to another origin (CORS), but sends some at once, and takes a page for one
of ours where its name leads here (DNS rebinding). So no answer lets a page read or send anything, and what one sends is
refused.
"""

from collections.abc import Mapping
from typing import Final

from inspan_collector.hosts import Hosts

# A browser adds these to what a page posts, and no page can take them out (Fetch standard, "forbidden request-header").
# `null` is an origin too, that of a file or a frame in a sandbox. Node.js sends a Sec-Fetch-Mode, and neither of these.
ORIGIN: Final = b"origin"
SITE: Final = b"sec-fetch-site"
KNOWN: Final = 64  # Host headers that are remembered, so that they are read once; agents send a handful


class Browsers:
    """What tells pages from agents. hosts: what we may be called; None where others than this machine may connect, by
    names that we cannot know."""

    def __init__(self, hosts: Hosts | None) -> None:
        self.hosts = hosts
        self._known: set[bytes] = set()

    def __repr__(self) -> str:
        return f"<Browsers {self.hosts!r}>"

    def refuse(self, headers: Mapping[bytes, bytes]) -> str | None:
        """Why this request is not taken, None where it is."""
        if ORIGIN in headers or SITE in headers:
            return "a page in a browser may not post here: send its spans to a server of your own, which hands them on"
        host = headers.get(b"host", b"")
        if self.hosts is None or host in self._known:
            return None
        if not self.hosts.know(host.decode("latin-1")):
            said = host[:80].decode("latin-1")
            return f"this is not called {said!r}: post to its address, or add the name to admin.allow_hosts"
        if len(self._known) < KNOWN:
            self._known.add(host)
        return None
