"""What an outage of the upstream leaves behind."""

from bench.harness.outage import outage
from bench.harness.risk import BOOKS, MACHINE, REFUSALS, SCHEDULE
from bench.harness.scenario import PEAK, Figure, Scenario
from bench.harness.settings import Case, Load
from bench.harness.systems import COLLECTOR, OURS, ROTEL

STEADY = Load(spans=10, span_bytes=1000, rate=50)  # 30 MB in a minute: half of the queue

SCENARIO = Scenario(
    name="recovery",
    asks="How soon is all of it upstream, when an outage is over, and what is lost?",
    how="50 posts a second of 10 spans of 1 KB, while the upstream answers 503; then it takes everything again.",
    cases=tuple(Case(name=f"{seconds} s", x=seconds, load=STEADY) for seconds in (60,)),
    quick=(),  # each run takes as long as the outage, and as the backoff that follows
    systems=(OURS, ROTEL, COLLECTOR),
    run=outage,
    figures=(
        Figure("until all was upstream", "s", lambda row: row.found.recovered, less=True, show=",.1f"),
        Figure("acknowledged and lost", "spans", lambda row: row.found.lost, less=True),
        PEAK,
    ),
    risks=(*MACHINE, BOOKS, REFUSALS, SCHEDULE),
)
