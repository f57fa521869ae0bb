"""What an agent's client should reach, beside what it does reach."""

from collections.abc import Sequence
from typing import Final

from bench import agent_lag, agent_load
from bench.agent_cost import Cost, Costs
from bench.agent_lag import HUNG, NOTHING, STANDING, Lags
from bench.agent_load import INSPAN, Loads
from bench.goals import Goal
from bench.rows_sink import MOST
from bench.table import median
from bench.traced import Figure
from bench.ways import OTEL, RECORD, SPAN

CALL: Final = 3e-6  # s of client.record at the median
CALL_P99: Final = 10e-6  # s
SPAN_CPU: Final = 6e-6  # s of the agent's whole process
CHEAPER: Final = 8.0  # times than OpenTelemetry
APART: Final = 1e-3  # s between the best and the worst p99 of the loop
DELIVERED: Final = 0.9  # of the spans, while the load lasts: of its last half second most are still under way
DELAY: Final = 1.0  # s
EXTRA: Final = 1.0  # requests a second, beside those that linger and size make


def cost_goals(costs: Costs) -> list[Goal]:
    """Of the calls and the CPU."""
    own = costs.get(RECORD, [])
    return [
        _micro("record, p50", [cost.paced.p50 for cost in own], CALL),
        _micro("record, p99", [cost.paced.p99 for cost in own], CALL_P99),
        _micro("record at full speed, p50", [cost.full.p50 for cost in own], CALL),
        _micro("record at full speed, p99", [cost.full.p99 for cost in own], CALL_P99),
        _micro("CPU a span of client.record", [cost.span for cost in own], SPAN_CPU),
        Goal("OpenTelemetry / client.record", _ratios(costs, RECORD), CHEAPER, at_least=True, unit="x"),
        Goal("OpenTelemetry / client.span()", _ratios(costs, SPAN), CHEAPER, at_least=True, unit="x"),
    ]


def lag_goals(lags: Lags) -> list[Goal]:
    """Of the loop: what befalls upstream or sidecar makes no difference to it. In each run, best to worst."""
    three = [agent_lag.p99(lags.get(name, [])) for name in (NOTHING, HUNG, STANDING)]
    apart = [max(run) - min(run) for run in zip(*three, strict=False)]
    return [Goal("p99 of the loop, the three of inspan apart", apart, APART, at_least=False, scale=1e3, unit=" ms")]


def load_goals(loads: Loads, linger: float) -> list[Goal]:
    """At each load. linger: the destination's, in seconds."""
    return [
        goal
        for (times, name), figures in sorted(loads.items())
        if name == INSPAN
        for goal in _load(f"{times}×: ", figures, linger)
    ]


def most_requests(spans: float, linger: float) -> float:
    """Per second, for so many spans per second: one each linger, and no more of them than the contract's limit asks."""
    return 1 / linger + spans / MOST + EXTRA


def _load(at: str, figures: Sequence[Figure], linger: float) -> list[Goal]:
    found = [figure.outcome for figure in figures]
    due = [agent_load.delivered_share(figure) for figure in figures]
    most = median([most_requests(each.copies / 2, linger) for each in found])
    return [
        Goal(at + "delivered, of the spans that ended", due, DELIVERED, at_least=True),
        Goal(at + "spans lost", [each.lost for each in found], 0, at_least=False, show=",.0f"),
        Goal(at + "copies dropped", [figure.ran.dropped for figure in figures], 0, at_least=False, show=",.0f"),
        Goal(at + "requests per second", [each.requests for each in found], most, at_least=False, show=",.1f"),
        Goal(at + "end to upstream, p99", [each.delay(0.99) for each in found], DELAY, at_least=False, unit=" s"),
    ]


def _ratios(costs: Costs, way: str) -> list[float]:
    """Of each run, which had both within seconds."""
    return [_of(theirs, ours) for theirs, ours in zip(costs.get(OTEL, []), costs.get(way, []), strict=False)]


def _of(theirs: Cost, ours: Cost) -> float:
    return theirs.span / ours.span


def _micro(what: str, values: Sequence[float], bound: float) -> Goal:
    return Goal(what, values, bound, at_least=False, show=",.1f", scale=1e6, unit=" µs")
