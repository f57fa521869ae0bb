"""How the cost of a relay grows with the size of spans."""

from bench.harness.relayed import relayed
from bench.harness.risk import RELAYING
from bench.harness.scenario import COST, PEAK, SPEED, Goal, Scenario
from bench.harness.settings import Case, Load
from bench.harness.systems import COLLECTOR, LIMIT, OURS, ROTEL

# Spans a request, bytes a span.
SHAPES = ((1, 1_000), (100, 1_000), (512, 1_000), (1, 10_000), (100, 10_000), (1, 100_000), (10, 100_000))


def name(spans: int, size: int) -> str:
    """As it is read in a table."""
    return f"{spans} x {size / 1000:g} KB"


SCENARIO = Scenario(
    name="payload",
    asks="How does the cost grow with the size of spans?",
    how="A closed loop over 16 connections, gzip to the upstream. The text is made of some thousand words in any order "
    "and compresses to two fifths, as conversations do; no two spans are alike.",
    cases=tuple(
        Case(name=name(*shape), x=shape[1], load=Load(spans=shape[0], span_bytes=shape[1])) for shape in SHAPES
    ),
    quick=(name(100, 10_000),),
    systems=(OURS, ROTEL, COLLECTOR, LIMIT),
    run=relayed,
    figures=(SPEED, COST, PEAK),
    risks=RELAYING,
    goals=tuple(Goal(name(*shape), peer, 2) for shape in ((100, 10_000), (10, 100_000)) for peer in (ROTEL, COLLECTOR)),
)
