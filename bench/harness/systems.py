"""What is measured beside each other: each started with the same settings, in the same place."""

import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import msgspec

from bench import peers
from bench.harness.settings import Case
from bench.peers import Place, Running

OURS = "inspan"
LIMIT = "limit loop"
NOTHING = "no-op"


class System(msgspec.Struct, frozen=True):
    """version: None where it cannot be had here. delivers: spans reach the sink. knows: its compressions; of cases with
    another it is left out."""

    name: str
    version: Callable[[], str | None]
    start: Callable[[Place, Case], Running]
    delivers: bool = True
    knows: frozenset[str] = frozenset({"none", "gzip", "zstd"})


def _inspan(place: Place, case: Case) -> Running:
    how = case.settings
    destination: dict[str, Any] = {
        "kind": "otlp",
        "url": f"{place.upstream}/v1/traces",
        "compression": how.compression,
        "concurrency": how.concurrency,
        "keepalive": f"{how.keepalive}s",
        "batch": {"max_spans": how.batch_spans, "max_bytes": how.batch_bytes, "linger": f"{how.linger}s"},
        "queue": {"max_bytes": how.queue_bytes},
    }
    return peers.inspan(msgspec.structs.replace(place, tcp=case.load.tcp, spool=how.spool), destination)


def _limit(place: Place, case: Case) -> Running:
    """So many requests a batch that its bytes are those of inspan's batches."""
    how, load = case.settings, case.load
    together = max(1, min(how.batch_spans // load.spans, how.batch_bytes // (load.spans * load.span_bytes)))
    path = place.scratch / "limit.sock"
    argv = [sys.executable, "-m", "bench.harness.limit", str(path), place.upstream]
    argv += ["--together", str(together), "--linger", str(how.linger), "--compression", how.compression]
    argv += ["--connections", str(how.concurrency)]
    return peers._start(argv, place, f"unix:{path}")


def _rotel(place: Place, case: Case) -> Running:
    """At its own defaults: 8,192 spans or 200 ms a batch, gzip."""
    del case
    return peers._rotel(place, "otlp")


def _rotel_version() -> str | None:
    path = peers.rotel()
    return None if path is None else peers.rotel_version(path)


SYSTEMS: dict[str, System] = {
    system.name: system
    for system in (
        System(OURS, lambda: version("inspan"), _inspan),
        System("rotel", _rotel_version, _rotel, knows=frozenset({"gzip", "none"})),
        System(LIMIT, lambda: version("inspan"), _limit),
        System(NOTHING, lambda: version("inspan"), lambda place, _: peers._noop(place), delivers=False),
    )
}


def found(names: tuple[str, ...]) -> tuple[list[tuple[System, str]], list[str]]:
    """Those that can be had here with their versions, and the names of the others."""
    there, missing = [], []
    for name in names:
        said = SYSTEMS[name].version() if name in SYSTEMS else None
        if said is None:
            missing.append(name)
        else:
            there.append((SYSTEMS[name], said))
    return there, missing
