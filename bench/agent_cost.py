"""What it costs an agent to record a span, with all that its library does for it later.

The agent has a core to itself; sidecar and sink share the other. The same loop with nothing recorded runs in the same
process just before, and is taken off: making the dict, the random text and the clock are the agent's own.
"""

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

import msgspec

from bench.peers.starting import inherited
from bench.place import Place, inspan
from bench.process import Process
from bench.recording import Recorded, Stretch
from bench.table import median, spread, table
from bench.traced import destination
from bench.upstream import UpsertsUpstream, Upstream
from bench.ways import JSON, OTEL, PATIENCE

RATE: Final = 1000.0  # spans per second; an agent that answers 42 requests a second makes half as many
FULL: Final = 0.25  # of the seconds at that rate: nobody keeps up for long, and what is over is dropped
WARM: Final = Stretch(0.3, RATE)  # connections are made, and what is imported late is there
SLACK: Final = 10.0  # s beyond a stretch and its flush
READY: Final = 30.0  # s until the libraries are imported
HEAD_PACED: Final = ("1,000 spans/s", "CPU a span", "lowest – highest", "p50", "p99", "worst", "not taken")
HEAD_FULL: Final = ("as many as there is time for", "spans/s", "CPU a span", "p50", "p99", "worst", "not taken")


class Cost(msgspec.Struct, frozen=True):
    """One way, in one run: at the rate and at full speed, each beside the same loop with nothing recorded."""

    idle: Recorded
    paced: Recorded
    idle_full: Recorded
    full: Recorded

    @property
    def span(self) -> float:
        """Seconds of CPU a span, at the rate."""
        return self.paced.cpu / self.paced.calls - self.idle.cpu / self.idle.calls

    @property
    def span_full(self) -> float:
        """The same at full speed; a span that is dropped counts as one."""
        return self.full.cpu / self.full.calls - self.idle_full.cpu / self.idle_full.calls


Costs = dict[str, list[Cost]]  # by way, in the order of the runs


class Sinks(msgspec.Struct, frozen=True):
    """Where spans go in the end."""

    otlp: Upstream
    sgp: UpsertsUpstream


def measure(way: str, place: Place, sinks: Sinks, core: int, seconds: float) -> Cost:
    """One way, in a process of its own on this core. place: of its sidecar, where it has one. Raises Failed."""
    if way == OTEL:
        return _cost(way, f"{sinks.otlp.url}/v1/traces", place, core, seconds)
    where = destination(sinks.sgp.url) if way in JSON else {"kind": "otlp", "url": f"{sinks.otlp.url}/v1/traces"}
    running = inspan(place, where)
    with running.process:
        return _cost(way, running.target.removeprefix("unix:"), place, core, seconds)


def _cost(way: str, target: str, place: Place, core: int, seconds: float) -> Cost:
    argv = [sys.executable, "-m", "bench.recording", way, target]
    with Process(argv, core, place.scratch / "recording.log", inherited(), asked=True) as agent:
        _ask(agent, WARM)
        short = seconds * FULL
        return Cost(
            idle=_ask(agent, Stretch(seconds, RATE, records=False)),
            paced=_ask(agent, Stretch(seconds, RATE)),
            idle_full=_ask(agent, Stretch(short, records=False)),
            full=_ask(agent, Stretch(short)),
        )


def _ask(agent: Process, stretch: Stretch) -> Recorded:
    question = msgspec.json.encode(stretch).decode()
    return msgspec.json.decode(agent.ask(question, stretch.seconds + PATIENCE + SLACK + READY), type=Recorded)


def described() -> str:
    """A line about OpenTelemetry."""
    names = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")
    return ", ".join(f"{name} {version(name)}" for name in names)


def tables(costs: Costs) -> list[str]:
    """What was measured."""
    empty = [each.p50 for found in costs.values() for cost in found for each in (cost.idle, cost.idle_full)]
    title = f"Cost to the agent; {median(empty) * 1e9:,.0f} ns of each time are the clock's own"
    paced = [_paced(way, found) for way, found in costs.items()]
    full = [_full(way, found) for way, found in costs.items()]
    return [
        table(title, HEAD_PACED, paced),
        table("At full speed; a span that is dropped counts as one", HEAD_FULL, full),
    ]


def _paced(way: str, costs: Sequence[Cost]) -> list[str]:
    spans = [cost.span for cost in costs]
    row = [way, _micro(spans), spread(spans, ",.1f", 1e6), *_times([cost.paced for cost in costs])]
    return [*row, f"{sum(cost.paced.lost for cost in costs):,}"]


def _full(way: str, costs: Sequence[Cost]) -> list[str]:
    fulls = [cost.full for cost in costs]
    speed = median([each.calls / each.wall for each in fulls])
    lost = sum(each.lost for each in fulls) / sum(each.calls for each in fulls)
    return [way, f"{speed:,.0f}", _micro([cost.span_full for cost in costs]), *_times(fulls), f"{lost:.1%}"]


def _times(found: Sequence[Recorded]) -> list[str]:
    each = ([one.p50 for one in found], [one.p99 for one in found], [max(one.most for one in found)])
    return [_micro(values) for values in each]


def _micro(values: Sequence[float]) -> str:
    return f"{median(values) * 1e6:,.1f} µs"
