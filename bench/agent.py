"""What tracing asks of the agent: inspan's client beside OpenTelemetry's SDK and the queue of agentex-sdk.
`python -m bench agent --help`.

Three parts: what a span costs the agent's process (cost), how late its loop is while spans have nowhere to go (lag),
and what arrives as its load grows to 50 times that of a busy agent (load).
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from bench import agent_cost, agent_lag, agent_load, machine
from bench.agent_cost import Costs, Sinks
from bench.agent_goals import cost_goals, lag_goals, load_goals
from bench.agent_lag import Lags
from bench.agent_load import INSPAN, TIMES, Loads
from bench.agents import Load
from bench.holding import holding
from bench.peers.in_process import AGENTEX
from bench.peers.known import described
from bench.place import Place
from bench.process import cores
from bench.progress import Progress
from bench.table import table
from bench.traced import Stretch, destination
from bench.upsert_report import HEAD
from bench.upstream import UpsertsUpstream, Upstream
from bench.ways import available

SEED: Final = 20
PARTS: Final = ("cost", "lag", "load")
RUNS: Final = {"cost": 3, "lag": 1, "load": 1}  # a thousand ticks a second and 40,000 spans have their own spread
SECONDS: Final = {"cost": 2.0, "lag": 8.0, "load": 8.0}  # eight minutes in all


class Bench:
    """Measures one thing at a time, and keeps what came of it."""

    def __init__(self, options: argparse.Namespace, scratch: Path, sinks: Sinks) -> None:
        self.options = options
        self.scratch = scratch
        self.sinks = sinks
        self.cores = cores()
        self.holding = holding(self._place(self.cores[1]), destination(sinks.sgp.url))
        self.costs: Costs = {}
        self.lags: Lags = {}
        self.loads: Loads = {}
        todo = [found for part in options.part or PARTS for found in self._runs(part)]
        self.todo = todo
        self.progress = Progress(len(todo))

    def __repr__(self) -> str:
        return f"<Bench {self.progress!r}>"

    def run(self) -> None:
        """All runs. Who is measured alternates within each, so that a slow minute of the machine hits all of them."""
        for name, measure in self.todo:
            self.progress.measure(name, measure)

    def seconds(self, part: str) -> float:
        """Of load in each measurement of a part."""
        return float(self.options.seconds or SECONDS[part])

    def _runs(self, part: str) -> list[tuple[str, Callable[[], str]]]:
        measures = {"cost": self._costs, "lag": self._lags, "load": self._loads}[part]
        runs = self.options.runs or RUNS[part]
        return [(f"{part} {run}  {name}", measure) for run in range(1, runs + 1) for name, measure in measures()]

    def _costs(self) -> list[tuple[str, Callable[[], str]]]:
        return [(way, partial(self._cost, way)) for way in available()]

    def _lags(self) -> list[tuple[str, Callable[[], str]]]:
        return [(name, partial(self._lag, name)) for name in agent_lag.names()]

    def _loads(self) -> list[tuple[str, Callable[[], str]]]:
        wanted = self.options.times or TIMES
        pairs = [(times, name) for times in wanted for name in agent_load.names()]
        return [(f"{times}× {name}", partial(self._load, times, name)) for times, name in pairs]

    def _cost(self, way: str) -> str:
        place = self._place(self.cores[1])
        found = agent_cost.measure(way, place, self.sinks, self.cores[0], self.seconds("cost"))
        self.costs.setdefault(way, []).append(found)
        return f"{found.span * 1e6:,.1f} µs of CPU a span, a call {found.paced.p50 * 1e6:,.1f} µs"

    def _lag(self, name: str) -> str:
        seconds = self.seconds("lag")
        load = Load(agent_lag.RATE, seconds, self.options.seed, self.cores, closing=agent_lag.CLOSING, ticks=True)
        found = agent_lag.measure(name, self._place(self.cores[1]), load)
        self.lags.setdefault(name, []).append(found)
        return f"p99 {agent_lag.p99([found])[0] * 1e3:,.2f} ms"

    def _load(self, times: int, name: str) -> str:
        load = agent_load.load(times, self.seconds("load"), self.options.seed, self.cores, self.options.processes)
        stretch = Stretch(self._place(self.cores[0]), self.sinks.sgp, load, self.holding)
        found = agent_load.measure(name, stretch)
        self.loads.setdefault((times, name), []).append(found)
        return f"{found.outcome.delivered:,.0f} spans/s delivered, {found.outcome.lost:,} lost"

    def _place(self, core: int) -> Place:
        return Place(Path(tempfile.mkdtemp(dir=self.scratch)), core, self.sinks.sgp.url)


def main(argv: Sequence[str]) -> int:
    """Measure and print. Returns 1 where a measurement failed, or inspan lost spans; a goal that is missed is a
    result."""
    options = _parser().parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        scratch, core = Path(directory), cores()[1]
        with Upstream(core, scratch) as otlp, UpsertsUpstream(core, scratch) as sgp:
            bench = Bench(options, scratch, Sinks(otlp, sgp))
            print("\n".join([*machine.describe(), *_about(bench)]), flush=True)
            bench.run()
    print(_report(bench))
    for failure in bench.progress.failures:
        print(f"failed: {failure}")
    lost = any(figure.outcome.lost for (_, name), found in bench.loads.items() for figure in found if name == INSPAN)
    return 1 if bench.progress.failures or lost else 0


def _report(bench: Bench) -> str:
    tables = agent_cost.tables(bench.costs) if bench.costs else []
    tables += agent_lag.tables(bench.lags) if bench.lags else []
    tables += agent_load.tables(bench.loads, bench.seconds("load")) if bench.loads else []
    goals = cost_goals(bench.costs) if bench.costs else []
    goals += lag_goals(bench.lags) if bench.lags else []
    goals += load_goals(bench.loads, bench.holding.linger)
    return "\n".join([*tables, table("Goals of inspan", HEAD, [goal.row() for goal in goals])])


def _about(bench: Bench) -> list[str]:
    own, others = bench.cores
    parts = bench.options.part or PARTS
    runs = ", ".join(f"{part} {bench.options.runs or RUNS[part]} × {bench.seconds(part):g} s" for part in parts)
    return [
        f"agentex   {described(AGENTEX)}",
        f"peers     {agent_cost.described()}",
        f"run       {runs}; seed {bench.options.seed}",
        f"cores     cost, lag: the agent on {own}, all else on {others}",
        f"          load: the sidecar, or the agent that has none, on {own}",
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench agent", description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this; repeat")
    parser.add_argument("--runs", type=int, help="of each part (default: cost 3, the others 1)")
    parser.add_argument("--seconds", type=float, help="of load in each measurement (default: cost 2, the others 8)")
    parser.add_argument("--times", type=int, action="append", help="a load of that many agents; repeat")
    parser.add_argument("--processes", type=int, help="that share each load (default: 1, from 10 times 2, at 50 4)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the schedule (default: %(default)s)")
    return parser
