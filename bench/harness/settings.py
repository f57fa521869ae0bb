"""What every system is given alike, and what it is loaded with."""

from typing import Final

import msgspec

from bench.peers.settings import Settings

# inspan's defaults; a peer that cannot be told one of them is named with it in the results.
GIVEN: Final = Settings(
    batch_spans=2000, batch_bytes=4 << 20, linger=0.1, queue_bytes=64 << 20, concurrency=8, keepalive=15.0
)


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What agents post. span_bytes: of one encoded span. encoding: of the requests. rate: requests a second in all,
    None for a closed loop, in which every connection always has one request out; share: of the capacity that the same
    run measured first, in place of a rate."""

    spans: int = 100
    span_bytes: int = 360
    connections: int = 16
    encoding: str = "identity"
    rate: float | None = None
    share: float | None = None
    tcp: bool = False


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One point of a scenario: what is varied has the value x."""

    name: str
    x: float
    load: Load = Load()
    settings: Settings = GIVEN


def given(**changed: object) -> Settings:
    """What every system is given, but for these."""
    return msgspec.structs.replace(GIVEN, **changed)
