"""What agents cost beside their spans: one, ten, a hundred, a thousand connections that post now and then."""

from bench.harness.paced import paced
from bench.harness.risk import PACED
from bench.harness.scenario import COST, PEAK, Scenario
from bench.harness.settings import Case, Load
from bench.harness.systems import COLLECTOR, OURS, ROTEL
from bench.scenarios.growth import CORE

AGENTS = (1, 10, 100, 1000)
EACH = 2.0  # posts a second of one agent: its client gathers for half a second

SCENARIO = Scenario(
    name="agents",
    asks="What does it cost to have more agents?",
    how=f"Each agent has a connection of its own and posts {EACH:g} times a second, 10 spans of 1 KB.",
    cases=tuple(
        Case(name=f"{many:,}", x=many, load=Load(spans=10, span_bytes=1000, connections=many, rate=EACH * many))
        for many in AGENTS
    ),
    quick=(),
    systems=(OURS, ROTEL, COLLECTOR),
    run=paced,
    figures=(CORE, COST, PEAK),
    risks=PACED,
    chart="lines",
    axis="agents",
    seconds=4.0,
)
