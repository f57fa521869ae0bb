"""How soon a relay is there."""

from bench.harness.risk import MACHINE
from bench.harness.scenario import Figure, Scenario
from bench.harness.settings import Case
from bench.harness.started import started
from bench.harness.systems import COLLECTOR, LIMIT, OURS, ROTEL

SCENARIO = Scenario(
    name="start",
    asks="How soon is it ready, and what does it take when idle?",
    how="From exec until it accepts a connection; memory a second later, with nothing posted.",
    cases=(Case(name="start", x=0),),
    quick=("start",),
    systems=(OURS, ROTEL, COLLECTOR, LIMIT),
    run=started,
    figures=(
        Figure("ready after exec", "ms", lambda row: row.found.ready, less=True, scale=1e3),
        Figure("memory at rest", "MiB", lambda row: row.found.idle, less=True, scale=2**-20, show=",.1f"),
    ),
    risks=MACHINE,
)
