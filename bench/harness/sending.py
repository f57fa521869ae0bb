"""An agent that follows a schedule, and hands its spans to a sidecar or sends them by itself: what it pays for that,
and what the upstream sees of it."""

from collections.abc import Sequence
from typing import Final

import msgspec

from bench.agents import INSPAN, Agent, Kind
from bench.agents import Load as Schedule
from bench.bodies import SEED
from bench.harness.row import Measures
from bench.harness.settings import Case
from bench.harness.stage import Stage
from bench.holding import Holding, holding
from bench.outcome import Ran, Span, outcome
from bench.peers.in_process import InProcess
from bench.peers.inspan import Inspan
from bench.place import Place, inspan
from bench.process import Failed, Process
from bench.quantile import quantile
from bench.sink import Seen
from bench.traced import SLACK, destination
from bench.upstream import UpsertsUpstream

LONGEST: Final = 4.0  # s that a span takes; a minute of patience for the last ones would be most of a run
BY_ITSELF: Final = Holding(hold_open=0.0, linger=5.0)  # s; what OpenTelemetry's processor lingers, the longest of all


class Unmerged(Inspan):
    """inspan whose starts do not wait for their ends."""

    name = "inspan, hold_open: 0s"

    def __repr__(self) -> str:
        return "<Unmerged>"


class Silent:
    """An agent that records nothing: what following the schedule costs. Take it off the others."""

    name = "nothing recorded"

    def __repr__(self) -> str:
        return "<Silent>"

    def available(self) -> str | None:
        """See Peer."""
        return None

    def version(self) -> str:
        """See Peer."""
        return "the schedule alone"


def sending(stage: Stage, system: Inspan | Silent | InProcess, case: Case) -> Measures:
    """One agent, one schedule, from its first span until nothing comes any more. Raises Failed."""
    if isinstance(system, Inspan):
        return _through_a_sidecar(stage, system, case)
    place = stage.place()
    if isinstance(system, Silent):
        return _followed(stage, INSPAN, "nowhere", case, place)
    kind = system.kind(case.settings)
    if system.dialect == "otlp":
        return _followed(stage, kind, stage.upstream.url, case, place)
    with UpsertsUpstream(stage.beside, place.scratch) as upstream:
        return _followed(stage, kind, upstream.url, case, place, upstream, BY_ITSELF)


def _through_a_sidecar(stage: Stage, system: Inspan, case: Case) -> Measures:
    place = stage.place()
    with UpsertsUpstream(stage.beside, place.scratch) as upstream:
        place = msgspec.structs.replace(place, upstream=upstream.url)
        told = destination(upstream.url) | ({"upsert": {"hold_open": "0s"}} if isinstance(system, Unmerged) else {})
        running = inspan(place, told)
        with running.process:
            target = running.target.removeprefix("unix:")
            return _followed(stage, INSPAN, target, case, place, upstream, holding(place, told), running.process)


def _followed(
    stage: Stage,
    kind: Kind,
    target: str,
    case: Case,
    place: Place,
    upstream: UpsertsUpstream | None = None,
    held: Holding = BY_ITSELF,
    sidecar: Process | None = None,
) -> Measures:
    """Whoever sends has a core to itself: the sidecar, or the agent that has none. upstream: None for that of OTLP."""
    rate = case.load.rate
    if rate is None:
        raise Failed(f"{case.name} has no rate")
    schedule = Schedule(rate, stage.seconds, SEED, (stage.core, stage.beside), longest=LONGEST)
    with Agent(kind, target, schedule, stage.core if sidecar is None else stage.beside, place.scratch) as agent:
        agent.ready()
        stage.upstream.forget()
        beside = None if upstream is None else upstream.process
        ours = [each for each in (agent.process, sidecar, beside) if each is not None]
        watch, before = stage.watch(*ours), 0.0 if sidecar is None else sidecar.cpu()
        agent.begin()
        ran = agent.finish()
        spans = agent.spans()
        found = Measures(spans=sum(span.ended > 0 for span in spans), agent_cpu=ran.cpu, missed=ran.missed)
        if target != "nowhere":
            _arrived(stage, spans, ran, upstream, held, found)
        found.wall = (ran.finished - ran.began) / 1e9
        found.cpu = ran.cpu + (0.0 if sidecar is None else sidecar.cpu() - before)
        return watch.note(found)


def _arrived(
    stage: Stage, spans: Sequence[Span], ran: Ran, upstream: UpsertsUpstream | None, held: Holding, found: Measures
) -> None:
    """Wait for what comes, and write down what the upstream saw."""
    ended = found.spans or 0
    if upstream is None:
        seen: Seen = stage.upstream.wait_for(ended)
        found.requests, found.connections, found.sent_bytes = seen.posts, seen.connections, seen.sent_bytes
        found.lost, found.encodings = ended - seen.spans, "+".join(sorted(seen.encodings))
        return
    upstream.wait_for(len(spans), ended, held.longest + SLACK)
    tally, came = upstream.tally(), outcome(spans, upstream.account(), ran, held)
    found.requests, found.connections, found.sent_bytes = tally.posts, tally.connections, came.size
    found.lost, found.encodings = came.lost, "+".join(sorted(tally.encodings))
    if came.delays:
        found.arrival_p50, found.arrival_p99 = quantile(came.delays, 0.5), quantile(came.delays, 0.99)
