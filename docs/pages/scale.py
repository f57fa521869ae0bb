"""The tables of docs/scale.md: what the rows under bench/results say of one pod and of one request, times as many as
there are."""

import statistics
from collections.abc import Callable
from functools import cache
from typing import Final

from bench.harness.command import RESULTS
from bench.harness.row import Row, read
from bench.harness.settings import GIVEN
from bench.peers.in_process import AGENTEX, HTTPX, OTEL_SDK
from docs.pages.regions import table

PODS: Final = (1, 10, 100, 1_000, 10_000, 100_000)
INSPAN: Final = "inspan"
BUSY: Final = "42 requests/s"  # of the scenario `sending`
QUIET: Final = "1"  # of the scenario `agents`: one that posts twice a second
RELAYED: Final = (
    "512 x 1 KB"  # of the scenario `payload`: what a gateway gets of sidecars, as nearly as it was measured
)
WITHOUT: Final = (OTEL_SDK.name, AGENTEX.name, HTTPX.name)
HEADROOM: Final = 0.5  # of a core that a gateway is given to do; the other half is for its bad hours
GIB: Final = 2**30
BATCH: Final = GIVEN.batch_spans or 1  # spans a request of a gateway, which has enough to fill each
AT_ONCE: Final = GIVEN.concurrency or 1  # connections of a gateway


def tables() -> dict[str, str]:
    """Of the regions `one`, `pods`, `upstream` and `gateway`."""
    return {"one": _one(), "pods": _pods(), "upstream": _upstream(), "gateway": _gateway()}


def _one() -> str:
    rows = [
        ["memory at rest", f"{_idle() / 2**20:,.0f} MiB", "start"],
        ["cores, one agent that posts 10 spans twice a second", f"{_cores(QUIET):.4f}", "agents"],
        [f"cores, one agent at {BUSY}, {_spans():,.0f} spans a second", f"{_sidecar():.3f}", "sending"],
        ["requests a second to its upstream, of that agent", f"{_requests(INSPAN):,.1f}", "sending"],
        ["connections it opened for that", f"{_connections(INSPAN):,.0f}", "sending"],
        ["CPU time to relay a million spans of 1 KB, as a gateway does", f"{_relaying() * 1e6:,.1f} s", "payload"],
    ]
    return table(["", "one sidecar", "scenario"], rows)


def _pods() -> str:
    rows = [
        [
            f"{pods:,}",
            f"{pods * _spans():,.0f}",
            f"{pods * _idle() / GIB:,.2f} GiB",
            f"{pods * _cores(QUIET):,.2f}",
            f"{pods * _sidecar():,.2f}",
        ]
        for pods in PODS
    ]
    return table(["pods", "spans/s where all are busy", "memory", "cores, all quiet", "cores, all busy"], rows)


def _upstream() -> str:
    rows = [
        [f"{pods:,}", *(_seen(pods, system) for system in (INSPAN, *WITHOUT)), _seen_of_gateways(pods)] for pods in PODS
    ]
    return table(["pods", "sidecars", *WITHOUT, "sidecars and gateways"], rows)


def _gateway() -> str:
    rows = []
    for pods in PODS:
        cores = pods * _spans() * _relaying()
        saved = pods * (_requests(INSPAN) - _spans() / BATCH)
        rows.append(
            [
                f"{pods:,}",
                f"{cores:,.2f}",
                f"{_gateways(pods):,}",
                f"{saved:,.1f}",
                f"{cores / saved * 1e3:,.2f} ms",
            ]
        )
    heads = ["busy pods", "cores for gateways", "gateways", "requests/s saved", "worth it above, CPU a request"]
    return table(heads, rows)


def _seen(pods: int, system: str) -> str:
    return f"{pods * _requests(system):,.1f} / {pods * _connections(system):,.0f}"


def _seen_of_gateways(pods: int) -> str:
    return f"{pods * _spans() / BATCH:,.1f} / {_gateways(pods) * AT_ONCE:,}"


def _gateways(pods: int) -> int:
    """Two at least: one may be restarting."""
    return max(2, -int(-pods * _spans() * _relaying() // HEADROOM))


# Of one


def _idle() -> float:
    return _median("start", "start", INSPAN, lambda row: row.found.idle)


def _cores(case: str) -> float:
    """Of its core, of the scenario `agents`."""
    return _median("agents", case, INSPAN, lambda row: _ratio(row.found.cpu, row.found.wall))


def _sidecar() -> float:
    """Cores of the sidecar of one busy agent."""
    return _median("sending", BUSY, INSPAN, lambda row: _ratio(_beside(row), row.found.wall))


def _beside(row: Row) -> float | None:
    found = row.found
    return None if found.cpu is None or found.agent_cpu is None else found.cpu - found.agent_cpu


def _spans() -> float:
    """A second, of one busy agent."""
    return _median("sending", BUSY, INSPAN, lambda row: _ratio(row.found.spans, row.found.wall))


def _requests(system: str) -> float:
    """A second, of one busy agent."""
    return _median("sending", BUSY, system, lambda row: _ratio(row.found.requests, row.found.wall))


def _connections(system: str) -> float:
    return _median("sending", BUSY, system, lambda row: row.found.connections)


def _relaying() -> float:
    """CPU-seconds a span."""
    return 1 / _median("payload", RELAYED, INSPAN, lambda row: row.speed)


def _ratio(value: float | None, by: float | None) -> float | None:
    return None if value is None or not by else value / by


def _median(scenario: str, case: str, system: str, of: Callable[[Row], float | None]) -> float:
    """Of the runs that count. Errors: LookupError where there are none."""
    rows = [row for row in _rows(scenario) if row.kept and row.case == case and row.system == system]
    values = [value for value in map(of, rows) if value is not None]
    if not values:
        raise LookupError(f"bench/results/{scenario}.csv says nothing of {system} at {case}")
    return statistics.median(values)


@cache
def _rows(scenario: str) -> list[Row]:
    return read(RESULTS / f"{scenario}.csv")
