"""How late an agent's own loop is while its spans have nowhere to go.

An asyncio agent, 42 requests a second with 12 spans each that start and end, looks each millisecond how late it is. An
upstream that hangs makes connections and answers nothing; a sidecar that is stopped (SIGSTOP) does not even read.
"""

import os
import signal
import time
from collections.abc import Sequence
from typing import Final

from bench.agents import INSPAN, Kind, Load
from bench.fleet import Fleet
from bench.hung import hung
from bench.outcome import Ran
from bench.peers.in_process import OTEL_SDK, STARTED
from bench.peers.settings import Settings
from bench.place import Place, inspan
from bench.process import Process
from bench.table import median, spread, table
from bench.traced import destination

RATE: Final = 42.0  # requests per second, each with 12 spans: 504 spans a second
CLOSING: Final = 2.0  # s; what inspan's client takes at most by default
STOPPED: Final = 1.0  # s after the load began: connections are made, posts are out
AGAIN: Final = 0.3  # s between the two signals that end a sidecar which has an upstream that hangs, and would drain

NOTHING: Final = "nothing traced"
HUNG: Final = "inspan, upstream hung"
STANDING: Final = "inspan, sidecar stopped"
OTEL: Final = "OpenTelemetry, upstream hung"
AGENTEX: Final = "AsyncSpanQueue, upstream hung"

Lags = dict[str, list[Ran]]  # by name, in the order of the runs
HEAD: Final = ("", "p50", "p99", "lowest – highest", "worst", "closing", "dropped")


def names() -> list[str]:
    """What can be measured here."""
    found = [NOTHING, HUNG, STANDING, OTEL]
    return [*found, AGENTEX] if STARTED.available() is None else found


def measure(name: str, place: Place, load: Load) -> Ran:
    """One of them, alone on the first core. Raises Failed."""
    with hung() as url:
        if name == NOTHING:
            return _run(INSPAN, "nowhere", place, load)
        if name == OTEL:
            return _run(OTEL_SDK.kind(Settings("none")), url, place, load)
        if name == AGENTEX:
            return _run(STARTED.kind(Settings()), url, place, load)
        running = inspan(place, destination(url))
        with running.process:
            stops = running.process if name == STANDING else None
            ran = _run(INSPAN, running.target.removeprefix("unix:"), place, load, stops)
            running.process.popen.terminate()  # the first of two; leaving sends the other
            time.sleep(AGAIN)
            return ran


def _run(kind: Kind, target: str, place: Place, load: Load, stops: Process | None = None) -> Ran:
    """stops: what stands still for most of the load, until the agent has closed."""
    with Fleet(kind, target, load, load.cores[0], place.scratch) as agent:
        agent.begin()
        if stops is None:
            return agent.finish()
        time.sleep(STOPPED)
        os.kill(stops.popen.pid, signal.SIGSTOP)
        try:
            return agent.finish()
        finally:
            os.kill(stops.popen.pid, signal.SIGCONT)


def tables(lags: Lags) -> list[str]:
    """What was measured."""
    title = f"How late the agent's loop is; {RATE:g} requests/s with 12 spans, start and end"
    return [table(title, HEAD, [_row(name, rans) for name, rans in lags.items()])]


def p99(rans: Sequence[Ran]) -> list[float]:
    """Seconds, of each run."""
    return [ran.lag.p99 for ran in rans if ran.lag]


def _row(name: str, rans: Sequence[Ran]) -> list[str]:
    lags = [ran.lag for ran in rans if ran.lag]
    row = [name, _milli(median([lag.p50 for lag in lags])), _milli(median(p99(rans)))]
    row += [spread(p99(rans), ",.2f", 1e3), _milli(max(lag.most for lag in lags))]
    return [*row, f"{median([ran.closing for ran in rans]):.1f} s", f"{sum(ran.dropped for ran in rans):,}"]


def _milli(seconds: float) -> str:
    return f"{seconds * 1e3:,.2f} ms"
