"""What an agent pays to be rid of its spans, and what the upstream sees of one agent: with a sidecar and without."""

from bench.harness.risk import BOOKS, MACHINE
from bench.harness.row import Row
from bench.harness.scenario import Figure, Scenario
from bench.harness.sending import sending
from bench.harness.settings import Case, Load
from bench.harness.systems import DIRECT, OURS, OWN_QUEUE, OWN_QUEUE_STARTS, SDK, SILENT, UNMERGED
from bench.peers.settings import Settings
from bench.scenarios.switches import ASKED, OPENED
from bench.schedule import SPANS

RATE = 42  # requests a second, of a busy agent


def _each(seconds: float | None, row: Row) -> float | None:
    return None if seconds is None or not row.found.spans else seconds / row.found.spans


SCENARIO = Scenario(
    name="sending",
    asks="What does an agent pay, and what does its upstream see, with a sidecar and without?",
    how=f"One agent that follows a schedule of {SPANS} spans a request, each started and ended, at the defaults of "
    "whoever sends; `hold_open: 0s` sends starts on their own, which is what merging saves. The upstream takes upserts "
    "and answers after 150 ms; OpenTelemetry's processor sends OTLP, ended spans alone, to one that answers at once.",
    cases=(Case(name=f"{RATE} requests/s", x=RATE, load=Load(rate=RATE), settings=Settings()),),
    quick=(),
    systems=(OURS, UNMERGED, SDK, OWN_QUEUE, OWN_QUEUE_STARTS, DIRECT, SILENT),
    run=sending,
    figures=(
        Figure("the agent's CPU time, a span", "µs", lambda row: _each(row.found.agent_cpu, row), less=True, scale=1e6),
        Figure("all CPU time, a span", "µs", lambda row: _each(row.found.cpu, row), less=True, scale=1e6),
        ASKED,
        Figure(
            "bytes to the upstream, a span",
            "bytes",
            lambda row: _each(row.found.sent_bytes, row),
            less=True,
            show=",.0f",
        ),
        OPENED,
        Figure("ended and never upstream", "spans", lambda row: row.found.lost, less=True),
        Figure("never recorded, for want of time", "copies", lambda row: row.found.missed, less=True),
        Figure("from end to upstream, p99", "s", lambda row: row.found.arrival_p99, less=True, show=",.2f"),
    ),
    risks=(*MACHINE, BOOKS),
    seconds=6.0,
)
