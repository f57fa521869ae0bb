"""Matched pairs: the same load, and one thing changed."""

import msgspec

from bench.harness.paced import paced
from bench.harness.risk import PACED
from bench.harness.row import Measures
from bench.harness.scenario import COST, PEAK, Figure, Scenario
from bench.harness.settings import GIVEN, Case, Load, given
from bench.harness.stage import Stage
from bench.harness.systems import OURS
from bench.peers.peer import Peer
from bench.peers.settings import Settings

STEADY = Load(spans=1, span_bytes=1000, connections=16, rate=500)
CLOSING = "upstream keeps no connection"
ASKED = Figure(
    "requests to the upstream",
    "a second",
    lambda row: row.found.requests / row.found.wall if row.found.requests and row.found.wall else None,
    less=True,
    show=",.1f",
)
OPENED = Figure("connections opened", "in a run", lambda row: row.found.connections, less=True)
SPOOLS = ("overflow", "always")


def run(stage: Stage, system: Peer, case: Case) -> Measures:
    """A steady load; in one case the upstream closes each connection behind its answer."""
    stage.upstream.answer("closed" if CLOSING in case.name else "kept")
    try:
        return paced(stage, system, case)
    finally:
        stage.upstream.answer("kept")


def _case(name: str, x: int, settings: Settings, load: Load = STEADY) -> Case:
    return Case(name=name, x=x, settings=settings, load=load)


NO_LINGER = given(linger=0)
FULL = msgspec.structs.replace(STEADY, spans=100, span_bytes=360, rate=1000)

SCENARIO = Scenario(
    name="switches",
    asks="What is each thing worth that can be switched off?",
    how="500 posts a second of one span of 1 KB, and one thing changed; of a spool, 1,000 posts of 100 x 360 B.",
    cases=(
        _case("as it comes", 0, GIVEN),
        _case("no linger", 1, NO_LINGER),
        _case(CLOSING, 2, GIVEN),
        _case(f"no linger, {CLOSING}", 3, NO_LINGER),
        _case("no spool", 4, GIVEN, FULL),
        *(_case(f"spool {mode}", 5 + at, given(spool=mode), FULL) for at, mode in enumerate(SPOOLS)),
    ),
    quick=(),
    systems=(OURS,),
    run=run,
    figures=(COST, ASKED, OPENED, PEAK),
    risks=PACED,
    seconds=6.0,
)
