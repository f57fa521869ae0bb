"""inspan beside its peers: the same load, the same sink, one run, interleaved. `python -m bench relay --help`.

The peer has a core to itself, generator and sink share another. What counts is spans per CPU-second of the peer's
processes, so that a generator or sink at its limit lengthens a run and does not change the figure; their shares of
the core are shown all the same.
"""

import argparse
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from bench import machine, quiet, throughput
from bench.bodies import SHAPES, Shape, write
from bench.candidates import Candidate, candidates
from bench.floor import Floor, gzip_alone
from bench.goals import Figures, Quiets
from bench.peers.known import PEERS, described
from bench.place import Place
from bench.process import cores
from bench.progress import Progress
from bench.report import report
from bench.throughput import Settings
from bench.upstream import Upstream

RUNS, SECONDS, CONNECTIONS = 5, 2.5, 16  # twelve minutes in all


class Plan(msgspec.Struct, frozen=True):
    """What one invocation measures."""

    runs: int
    settings: Settings
    shapes: list[Shape]
    peers: list[Candidate]


class Bench:
    """Measures one thing at a time, and keeps what came of it."""

    def __init__(self, plan: Plan, scratch: Path, upstream: Upstream) -> None:
        self.plan = plan
        self.scratch = scratch
        self.upstream = upstream
        self.figures: Figures = {}
        self.quiets: Quiets = {}
        self.floors: list[Floor] = []
        self.progress = Progress(plan.runs * len(plan.peers) * (1 + len(plan.shapes)))

    def __repr__(self) -> str:
        return f"<Bench {self.progress!r}>"

    def run(self) -> None:
        """All runs. Peers alternate within each, so that a slow minute of the machine hits all of them."""
        for shape in self.plan.shapes:
            write(shape, self.scratch / shape.name)
            self.floors.append(gzip_alone(shape, self.scratch / shape.name))
        for run in range(1, self.plan.runs + 1):
            for peer in self.plan.peers:
                self.progress.measure(f"run {run}  {'start':9} {peer.name}", partial(self._quiet, peer))
            for shape in self.plan.shapes:
                for peer in self.plan.peers:
                    name = f"run {run}  {shape.name:9} {peer.name}"
                    self.progress.measure(name, partial(self._load, peer, shape))

    def _place(self) -> Place:
        settings = self.plan.settings
        scratch = Path(tempfile.mkdtemp(dir=self.scratch))
        return Place(scratch, settings.cores[0], self.upstream.url, settings.tcp)

    def _quiet(self, peer: Candidate) -> str:
        found = quiet.measure(peer, self._place(), self.upstream)
        self.quiets.setdefault(peer.name, []).append(found)
        return f"ready {found.ready:.3f} s"

    def _load(self, peer: Candidate, shape: Shape) -> str:
        settings, bodies = self.plan.settings, self.scratch / shape.name
        found = throughput.measure(peer, shape, bodies, self._place(), self.upstream, settings)
        self.figures.setdefault((shape.name, peer.name), []).append(found)
        return f"{found.speed:12,.0f} spans per CPU-second{f', {found.lost:,} lost' if found.lost else ''}"


def main(argv: Sequence[str]) -> int:
    """Measure and print. Returns 1 where a measurement failed or spans were lost; a goal that is missed is a result."""
    options = _parser().parse_args(argv)
    settings = Settings(options.seconds, options.connections, cores(), options.tcp)
    shapes = [shape for shape in SHAPES if shape.name in (options.shape or [shape.name])]
    found = [peer for peer in candidates() if any(word in peer.name for word in options.peer or [""])]
    print("\n".join([*machine.describe(), *_versions(), _about(settings, options.runs)]), flush=True)
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        scratch = Path(directory)
        with Upstream(settings.cores[1], scratch) as upstream:
            bench = Bench(Plan(options.runs, settings, shapes, found), scratch, upstream)
            bench.run()
    print(report(bench.figures, bench.quiets, bench.floors))
    for failure in bench.progress.failures:
        print(f"failed: {failure}")
    lost = any(figure.lost for runs in bench.figures.values() for figure in runs)
    return 1 if bench.progress.failures or lost else 0


def _versions() -> list[str]:
    """Of the peers."""
    return [f"peer      {peer.name}: {described(peer)}" for peer in PEERS]


def _about(settings: Settings, runs: int) -> str:
    own, others = settings.cores
    ours = "TCP" if settings.tcp else "their unix sockets; rotel has none and listens on TCP (--tcp: all do)"
    warning = "\nwarning   one core for all: figures hold, waiting does not" if own == others else ""
    return (
        f"run       {runs} runs of {settings.seconds} s, {settings.connections} connections in a closed loop\n"
        f"cores     the peer on {own}; generator and sink on {others}\n"
        f"peers     listen on {ours}{warning}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench relay", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of load in each run (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="default: %(default)s")
    parser.add_argument("--tcp", action="store_true", help="who has a unix socket too is posted to over TCP")
    parser.add_argument("--shape", action="append", choices=[shape.name for shape in SHAPES], help="only this; repeat")
    parser.add_argument("--peer", action="append", metavar="WORD", help="only peers with WORD in their name; repeat")
    return parser
