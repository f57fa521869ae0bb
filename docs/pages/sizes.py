"""The tables of docs/sizing.md that are arithmetic: what a memory limit leaves to spans, and how long that lasts."""

import json
from typing import Any, Final

from docs.pages.regions import table

from inspan_collector.config.cgroup import memory_limit
from inspan_collector.config.load import load
from inspan_collector.config.values import KIB
from inspan_collector.pipeline.portions import portion

MIB: Final = KIB**2
LIMITS: Final = (128 * MIB, 192 * MIB, 256 * MIB, 512 * MIB, 1024 * MIB, 2048 * MIB)
ASKED: Final = "8GiB"  # more than any of them leaves, so that the table shows what there is
SETS: Final = {
    "one `otlp`": ("otlp",),
    "one `sgp`": ("sgp",),
    "`otlp` and `sgp`, each": ("otlp", "sgp"),
}
# Spans a second, and bytes of one: agents of one pod, from a quiet one to a hundred busy ones.
LOADS: Final = ((100, 1000), (500, 4000), (1000, 1000), (5000, 1000), (10_000, 1000), (10_000, 4000), (50_000, 1000))


def tables() -> dict[str, str]:
    """Of the regions `limits` and `lasting`."""
    budgets = [[_written(limit), *(_written(left(limit, kinds)) for kinds in SETS.values())] for limit in LIMITS]
    loads = [_lasting(rate, size) for rate, size in LOADS]
    return {
        "limits": table(["memory limit", *SETS], budgets),
        "lasting": table(
            ["spans/s × bytes", "bytes/s", "64 MiB last", "a minute takes", "an hour on disk takes"], loads
        ),
    }


def left(limit: int, kinds: tuple[str, ...]) -> int:
    """Bytes that each queue may have in a container with this memory limit, where `queue.max_bytes` asks for more."""
    addresses = {"url": "http://127.0.0.1:9", "queue": {"max_bytes": ASKED}}
    destinations: list[dict[str, Any]] = [{"name": kind, "kind": kind} | addresses for kind in kinds]
    config = load(json.dumps({"destinations": destinations}), "sizes", {})
    return min(bounds.queue_bytes for bounds in portion(memory_limit(config, limit), config.destinations).destinations)


def _lasting(rate: int, size: int) -> list[str]:
    each = rate * size
    cells = [f"{rate:,} × {size:,}", f"{each / 1e6:,.1f} MB", _time(64 * MIB / each)]
    return [*cells, f"{each * 60 / 1e6:,.0f} MB", f"{each * 3600 / 1e9:,.1f} GB"]


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.1f} s"


def _written(size: int) -> str:
    return f"{size // 1024 // MIB} GiB" if size % (1024 * MIB) == 0 else f"{size / MIB:.0f} MiB"
