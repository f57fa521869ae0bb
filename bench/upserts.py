"""What it is worth to merge a span's start and end in the sidecar: inspan beside the queue of agentex-sdk, which sends
from the agent's own process. `python -m bench upserts --help`.

One agent follows one schedule, drawn from a seed, with each of them in turn; the upstream answers after 150 ms and
notes every write. The SDK is measured as it comes, where a span is sent when it has ended, and with its starts sent
too: only then, as with inspan, can anybody see what is running. Spans that still run when the load ends are left open.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from bench import machine, waiting
from bench.agents import Kind, Load
from bench.holding import Holding, holding
from bench.outcome import Ran
from bench.peers.in_process import AGENTEX, STARTED
from bench.peers.known import described
from bench.peers.settings import Settings
from bench.place import Place
from bench.process import cores
from bench.progress import Progress
from bench.schedule import SPANS, longer_than, plan
from bench.table import median
from bench.traced import Figure, Stretch, destination
from bench.upsert_goals import END_ONLY, INSPAN, STARTS_TOO
from bench.upsert_report import report
from bench.upstream import UpsertsUpstream

RUNS: Final = 1
SEED: Final = 20
# Requests per second, and seconds of load: enough for the longest spans at the rate of one busy agent. At ten times
# the rate it is the number of spans that counts, and what the SDK has to leave behind takes it 30 s to give up.
RATES: Final = {42.0: 75.0, 420.0: 30.0}
SCHEDULE: Final = 10.0  # s; what following the schedule costs needs no more


class Bench:
    """Measures one thing at a time, and keeps what came of it."""

    def __init__(self, loads: list[Load], runs: int, scratch: Path, upstream: UpsertsUpstream) -> None:
        self.loads = loads
        self.runs = runs
        self.scratch = scratch
        self.upstream = upstream
        self.holding = holding(self._place(), destination(upstream.url))
        self.kinds = _kinds()
        self.figures: dict[float, dict[str, list[Figure]]] = {}
        self.idle: dict[float, list[Ran]] = {}
        self.waiting: waiting.Waiting | None = None
        self.progress = Progress(runs * len(loads) * (2 + len(self.kinds)) + 1)

    def __repr__(self) -> str:
        return f"<Bench {self.progress!r}>"

    def run(self) -> None:
        """All runs. Who is measured alternates within each, so that a slow minute of the machine hits all of them."""
        for run in range(1, self.runs + 1):
            for load in self.loads:
                for name, measure in self._measures(load):
                    self.progress.measure(f"run {run}  {load.rate:g}/s  {name}", measure)
        self.progress.measure("merging in one process", self._wait)

    def _measures(self, load: Load) -> list[tuple[str, Callable[[], str]]]:
        """By name, in turn."""
        found: list[tuple[str, Callable[[], str]]] = [("nothing recorded", partial(self._nothing, load))]
        found.append((INSPAN, partial(self._keep, load, INSPAN, lambda stretch: stretch.through_inspan())))
        for name, kind in self.kinds.items():
            with_queue = partial(Stretch.with_its_own_queue, kind=kind)
            found.append((name, partial(self._keep, load, name, with_queue)))
        return found

    def _wait(self) -> str:
        self.waiting = waiting.measure(cores()[0])
        return f"{median(self.waiting.merging) * 1e6:.2f} µs a copy"

    def _place(self) -> Place:
        return Place(Path(tempfile.mkdtemp(dir=self.scratch)), cores()[0], self.upstream.url)

    def _stretch(self, load: Load) -> Stretch:
        return Stretch(self._place(), self.upstream, load, self.holding)

    def _nothing(self, load: Load) -> str:
        short = msgspec.structs.replace(load, seconds=min(load.seconds, SCHEDULE))
        ran = self._stretch(short).nothing_recorded()
        self.idle.setdefault(load.rate, []).append(ran)
        return f"{ran.cpu / ran.copies * 1e6:,.1f} µs a copy to follow the schedule"

    def _keep(self, load: Load, name: str, measure: Callable[[Stretch], Figure]) -> str:
        figure = measure(self._stretch(load))
        self.figures.setdefault(load.rate, {}).setdefault(name, []).append(figure)
        found = figure.outcome
        return f"{found.spans:,} spans, {found.writes:.2f} writes each{f', {found.lost:,} lost' if found.lost else ''}"


def main(argv: Sequence[str]) -> int:
    """Measure and print. Returns 1 where a measurement failed, or inspan lost spans or does not balance; a goal that
    is missed is a result."""
    options = _parser().parse_args(argv)
    loads = [
        Load(rate, options.seconds or RATES.get(rate, min(RATES.values())), options.seed, cores())
        for rate in options.rate or RATES
    ]
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        scratch = Path(directory)
        with UpsertsUpstream(cores()[1], scratch) as upstream:
            bench = Bench(loads, options.runs, scratch, upstream)
            print("\n".join([*machine.describe(), *_about(bench)]), flush=True)
            bench.run()
    print(report(bench.figures, bench.idle, bench.holding, bench.waiting))
    for failure in bench.progress.failures:
        print(f"failed: {failure}")
    ours = [figure for rate in bench.figures.values() for figure in rate.get(INSPAN, [])]
    wrong = any(figure.outcome.lost or figure.side is None or figure.side.imbalance for figure in ours)
    return 1 if bench.progress.failures or wrong else 0


def _kinds() -> dict[str, Kind]:
    """The peers that can be measured here."""
    if AGENTEX.available() is not None:
        return {}
    return {END_ONLY: AGENTEX.kind(Settings()), STARTS_TOO: STARTED.kind(Settings())}


def _about(bench: Bench) -> list[str]:
    held: Holding = bench.holding
    own, others = cores()
    loads = ", ".join(f"{load.seconds:g} s at {load.rate:g} requests/s" for load in bench.loads)
    return [
        f"agentex   {described(AGENTEX)}",
        f"run       {bench.runs} × {loads}, {SPANS} spans a request, seed {bench.loads[0].seed}",
        f"spans     {longer_than(held.hold_open):.1%} take longer than hold_open by chance, {_drawn(bench)} as drawn",
        f"inspan    hold_open {held.hold_open:g} s, linger {held.linger:g} s",
        f"cores     the sidecar, or the agent that has none, on {own}; upstream and inspan's agent on {others}",
    ]


def _drawn(bench: Bench) -> str:
    """The share of spans in each schedule that take longer than hold_open, had they the time to end."""
    plans = [plan(load.rate, load.seconds, load.seed) for load in bench.loads]
    shares = [sum(span.end - span.start > bench.holding.hold_open for span in spans) / len(spans) for spans in plans]
    return " and ".join(f"{share:.1%}" for share in shares)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench upserts", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, help="of load (default: 75 at 42 requests/s, 30 at 420)")
    parser.add_argument("--rate", type=float, action="append", help="requests per second; repeat (default: 42, 420)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the schedule (default: %(default)s)")
    return parser
