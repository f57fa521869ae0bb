"""What a relay adds to the way of a span, from an idle hour to a busy one."""

from bench.harness.paced import paced
from bench.harness.risk import PACED
from bench.harness.scenario import Figure, Scenario
from bench.harness.settings import Case, Load
from bench.harness.systems import COLLECTOR, OURS, ROTEL

SHARES = (0.01, 0.1, 0.5, 0.9)

SCENARIO = Scenario(
    name="latency",
    asks="How long is a span on its way, as the load grows?",
    how="Requests of 10 spans of 360 B over 64 connections, at a share of what the same process took in a closed loop "
    "seconds before; each span that is timed is one of fifty a second. A linger of 100 ms is in it, for each system.",
    cases=tuple(
        Case(name=f"{share:.0%}", x=share * 100, load=Load(spans=10, connections=64, share=share)) for share in SHARES
    ),
    quick=("50%",),
    systems=(OURS, ROTEL, COLLECTOR),
    run=paced,
    figures=(
        Figure(
            "from post to upstream, p99", "ms", lambda row: row.found.arrival_p99, less=True, scale=1e3, show=",.1f"
        ),
        Figure(
            "from post to upstream, p50", "ms", lambda row: row.found.arrival_p50, less=True, scale=1e3, show=",.1f"
        ),
        Figure("from post to answer, p99", "ms", lambda row: row.found.answer_p99, less=True, scale=1e3, show=",.2f"),
        Figure("from post to answer, p50", "ms", lambda row: row.found.answer_p50, less=True, scale=1e3, show=",.2f"),
    ),
    risks=PACED,
    chart="lines",
    axis="load, % of capacity",
    seconds=4.0,
)
