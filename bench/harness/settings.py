"""What every system is given alike, and what it is loaded with."""

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a relay sends. The bounds are inspan's defaults; who cannot be told one of them says so in its results.

    linger: seconds that a span waits for company. queue_bytes: of what is held at most. spool: inspan's mode, None for
    none. keepalive: seconds that an idle connection is kept.
    """

    compression: str = "gzip"
    batch_spans: int = 2000
    batch_bytes: int = 4 << 20
    linger: float = 0.1
    queue_bytes: int = 64 << 20
    concurrency: int = 8
    spool: str | None = None
    keepalive: float = 15.0


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
    settings: Settings = Settings()
