"""What a relay holds when it has nothing to do, and when its upstream is gone."""

from bench.harness.overloaded import overloaded
from bench.harness.risk import MACHINE, SCHEDULE
from bench.harness.scenario import PEAK, Figure, Goal, Scenario
from bench.harness.settings import Case, Load
from bench.harness.systems import COLLECTOR, OURS, ROTEL

KILOBYTES = Load(spans=100, span_bytes=1000)

SCENARIO = Scenario(
    name="overload",
    asks="What does it take of memory, when the upstream is gone?",
    how="Spans of 1 KB, 100 a post, as many bytes of them as a queue of 64 MiB may hold, or twice; the "
    "upstream answers 503 all the time.",
    cases=(
        Case(name="the queue", x=1, load=KILOBYTES),
        Case(name="twice the queue", x=2, load=KILOBYTES),
    ),
    quick=("twice the queue",),
    systems=(OURS, ROTEL, COLLECTOR),
    run=overloaded,
    figures=(PEAK, Figure("posts that were refused", "posts", lambda row: row.found.refused, less=True)),
    risks=(*MACHINE, SCHEDULE),
    goals=(Goal("twice the queue", ROTEL, 1), Goal("twice the queue", COLLECTOR, 1)),
    seconds=6.0,
)
