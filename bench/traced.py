"""One stretch of an agent's spans: through inspan, or with the agent's own queue, to the same upstream."""

import http.client
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from bench.agents import INSPAN, Kind, Load
from bench.fleet import Fleet
from bench.holding import Holding
from bench.outcome import Outcome, Ran, outcome
from bench.peers.starting import LOOK, READY
from bench.place import Place, inspan
from bench.process import Failed
from bench.upstream import UpsertsUpstream

SLACK: Final = 1.0  # s beyond hold_open and linger without a copy, after which the rest is taken for lost


class Side(msgspec.Struct, frozen=True):
    """What the sidecar alone can say. cpu: seconds. peak: bytes of RSS. merged: copies. imbalance: of the closing
    ledger, in spans. saved: what /status says of it."""

    cpu: float
    peak: int
    saved: dict[str, float]
    merged: int = 0
    imbalance: int = 0


class Figure(msgspec.Struct, frozen=True):
    """One measurement. side: None without a sidecar. sink: share of a core that the upstream took."""

    ran: Ran
    outcome: Outcome
    sink: float
    side: Side | None = None


class Stretch(msgspec.Struct, frozen=True):
    """What every measurement of a run needs. Errors of all that it does: Failed."""

    place: Place
    upstream: UpsertsUpstream
    load: Load
    holding: Holding

    def through_inspan(self) -> Figure:
        """The agent posts to the sidecar, which has a core for itself."""
        running = inspan(self.place, destination(self.upstream.url))
        with running.process:
            idle = running.process.cpu()
            target = running.target.removeprefix("unix:")
            with Fleet(INSPAN, target, self.load, self.load.cores[1], self.place.scratch) as agent:
                figure = self._measured(agent)
            cpu, peak = running.process.cpu() - idle, running.process.memory("VmHWM")
            saved = _saved(self.place.log)
        closed = logged(self.place.log, "closed")["ledger"]
        merged = closed["destinations"]["sink"].get("merged", 0)
        return msgspec.structs.replace(figure, side=Side(cpu, peak, saved, merged, closed["imbalance"]))

    def with_its_own_queue(self, kind: Kind) -> Figure:
        """The agent sends by itself, and has a core for itself."""
        with Fleet(kind, self.upstream.url, self.load, self.load.cores[0], self.place.scratch) as agent:
            return self._measured(agent)

    def nothing_recorded(self) -> Ran:
        """What following the schedule costs an agent."""
        with Fleet(INSPAN, "nowhere", self.load, self.load.cores[0], self.place.scratch) as agent:
            return agent.run()

    def _measured(self, agent: Fleet) -> Figure:
        """Load, and what came of it when nothing came any more."""
        self.upstream.forget()
        before = self.upstream.process.cpu()
        ran = agent.run()
        spans = agent.spans()
        patience = self.holding.longest + SLACK
        self.upstream.wait_for(len(spans), sum(span.ended > 0 for span in spans), patience)
        sink = (self.upstream.process.cpu() - before) / self.load.seconds
        return Figure(ran, outcome(spans, self.upstream.account(), ran, self.holding), sink)


def destination(upstream: str) -> dict[str, str]:
    """Everything that is not named here is a default."""
    return {"kind": "sgp", "url": upstream}


def _saved(log: Path) -> dict[str, float]:
    """What the destination's `upserts.saved` in /status says."""
    connection = http.client.HTTPConnection(admin(log), timeout=READY)
    try:
        connection.request("GET", "/status")
        status = msgspec.json.decode(connection.getresponse().read())
    finally:
        connection.close()
    saved: dict[str, float] = status["destinations"][0]["upserts"]["saved"]
    return saved


def admin(log: Path) -> str:
    """HOST:PORT of the admin address of a sidecar whose socket accepts. Raises Failed."""
    latest = time.monotonic() + READY
    while '"ready"' not in log.read_text() and time.monotonic() < latest:
        time.sleep(LOOK)
    netloc: str = urlsplit(logged(log, "ready")["admin"]).netloc
    return netloc


def logged(log: Path, kind: str) -> Any:
    """The last line of this kind. Raises Failed where there is none."""
    for line in reversed(log.read_text().splitlines()):
        if line.startswith("{") and (said := msgspec.json.decode(line)).get("kind") == kind:
            return said
    raise Failed(f"inspan logged no {kind}: {log.read_text()[-800:]}")
