"""What a relay costs as its load grows from nothing."""

from bench.harness.paced import paced
from bench.harness.risk import PACED
from bench.harness.scenario import COST, PEAK, Figure, Scenario
from bench.harness.settings import Case, Load
from bench.harness.systems import COLLECTOR, OURS, ROTEL
from bench.scenarios.latency import SHARES

CORE = Figure(
    "of its core",
    "%",
    lambda row: row.found.cpu / row.found.wall if row.found.cpu is not None and row.found.wall else None,
    less=True,
    scale=100,
    show=",.1f",
)

SCENARIO = Scenario(
    name="growth",
    asks="What does a million spans cost, as the load grows?",
    how="Requests of 100 spans of 360 B over 16 connections, at a share of what the same process took in a closed loop "
    "seconds before. At little load batches are small, and a span pays for a larger part of its request.",
    cases=tuple(Case(name=f"{share:.0%}", x=share * 100, load=Load(share=share)) for share in SHARES),
    quick=(),
    systems=(OURS, ROTEL, COLLECTOR),
    run=paced,
    figures=(COST, CORE, PEAK),
    risks=PACED,
    chart="lines",
    axis="load, % of capacity",
)
