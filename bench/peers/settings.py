"""What peers are told alike, so that they differ in what they are and not in how they are set."""

from typing import Final

import msgspec

COMPRESSIONS: Final = ("gzip", "zstd", "none")
# s; no batch is ready so soon after the one before. What is off: inspan has no zero, and the Collector's
# `keepalive: {enabled: false}` keeps them all the same (0.162.0).
SHORTEST: Final = 0.001


class Settings(msgspec.Struct, frozen=True):
    """None: the peer's own default, which is what its users have.

    compression: of requests to the upstream, one of COMPRESSIONS. level: its effort, as its format counts. linger:
    seconds that the first span of a batch waits for company. queue_bytes: of spans held. concurrency: requests at once.
    keepalive: seconds that an idle connection is kept; at SHORTEST each request has its own. spool: inspan's mode,
    None for none.
    """

    compression: str = "gzip"
    batch_spans: int | None = None
    batch_bytes: int | None = None
    linger: float | None = None
    queue_bytes: int | None = None
    concurrency: int | None = None
    keepalive: float | None = None
    spool: str | None = None
    level: int | None = None


def milliseconds(seconds: float) -> str:
    """As durations are written for inspan, the Collector and rotel alike."""
    return f"{round(seconds * 1e3)}ms"


def told(**settings: object) -> dict[str, object]:
    """What a peer is told: all but what is left to its own default."""
    return {name: value for name, value in settings.items() if value is not None}
