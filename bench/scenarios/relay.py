"""How many spans a second of CPU time relays, as requests grow."""

from bench.harness.relayed import relayed
from bench.harness.risk import RELAYING
from bench.harness.scenario import COST, PEAK, SPEED, Goal, Scenario
from bench.harness.settings import Case, Load
from bench.harness.systems import COLLECTOR, LIMIT, NOTHING, OURS, ROTEL

SIZES = (1, 10, 100, 512)  # spans a request; 512 is what OpenTelemetry's batch processors post

SCENARIO = Scenario(
    name="relay",
    asks="How many spans does a second of CPU time relay, as requests hold more of them?",
    how="Spans of 360 B in a closed loop over 16 connections; rotel listens on TCP, the others on a "
    "unix socket, but where the case says TCP. The system has a core to itself, generator and sink share the other.",
    cases=(
        *(Case(name=f"{spans} x 360 B", x=spans, load=Load(spans=spans)) for spans in SIZES),
        *(Case(name=f"{spans} x 360 B, TCP", x=spans, load=Load(spans=spans, tcp=True)) for spans in (1, 100)),
    ),
    quick=("1 x 360 B", "100 x 360 B"),
    systems=(OURS, ROTEL, COLLECTOR, LIMIT, NOTHING),
    run=relayed,
    figures=(SPEED, COST, PEAK),
    risks=RELAYING,
    goals=(
        Goal("100 x 360 B", ROTEL, 7),
        Goal("100 x 360 B", COLLECTOR, 6),
        Goal("100 x 360 B", LIMIT, 0.6),
        Goal("1 x 360 B", ROTEL, 1),
        Goal("1 x 360 B", COLLECTOR, 1),
    ),
)
