"""Small requests over many connections."""

from bench.harness.relayed import relayed
from bench.harness.risk import RELAYING
from bench.harness.scenario import COST, PEAK, SPEED, Scenario
from bench.harness.settings import Case, Load
from bench.harness.systems import COLLECTOR, NOTHING, OURS, ROTEL

NUMBERS = (50, 100, 200, 400)

SCENARIO = Scenario(
    name="connections",
    asks="What do many connections cost?",
    how="Requests of one span of 360 B, each connection with one out all the time.",
    cases=tuple(Case(name=f"{many}", x=many, load=Load(spans=1, connections=many)) for many in NUMBERS),
    quick=("400",),
    systems=(OURS, ROTEL, COLLECTOR, NOTHING),
    run=relayed,
    figures=(SPEED, COST, PEAK),
    risks=RELAYING,
    chart="lines",
    axis="connections",
)
