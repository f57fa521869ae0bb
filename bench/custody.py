"""What custody on disk costs, and how fast it is: durable acks, a spool that is not needed, one that is always written,
and a start with spans on disk. `python -m bench custody --help`.

The sidecar has a core to itself, its disk's thread included; generator, sampler and sink share another. Shares are of
spans per CPU-second, each of figures measured within seconds of each other and in an order that changes.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from bench import beside, copies, durable, machine, recovery
from bench.bodies import SHAPES, write
from bench.custody_report import ALWAYS, MODES, RELAY, UPSERTS, report
from bench.durable import Settings
from bench.place import Place
from bench.process import cores
from bench.progress import Progress
from bench.table import median
from bench.upstream import Server, UpsertsUpstream, Upstream

RUNS, SECONDS, CONNECTIONS = 5, 3.0, 8
PARTS: Final = ("acks", "beside", "recovery")
ACKED: Final = "100x358"  # the shape of durable acks, and of what is left on disk
BESIDE: Final = ("1x436", "100x358")  # a row costs the same whatever it holds: the dearest, and that of the goals
LEFT: Final = 1_000_000  # spans, in rows of 100
LEFT_COPIES: Final = 200_000
SYNCS: Final = 50  # of the disk alone, for people to compare


class Plan(msgspec.Struct, frozen=True):
    """What one invocation measures. scale: of what is left on disk."""

    runs: int
    settings: Settings
    parts: list[str]
    scale: float


class Bench:
    """Measures one thing at a time, and keeps what came of it."""

    def __init__(self, plan: Plan, scratch: Path, upstream: Upstream, upserts: UpsertsUpstream) -> None:
        self.plan = plan
        self.scratch = scratch
        self.upstream = upstream
        self.upserts = upserts
        self.acked: list[durable.Figure] = []
        self.besides: dict[str, dict[str, list[beside.Figure]]] = {}
        self.recoveries: dict[str, list[recovery.Figure]] = {}
        self.shapes = {shape.name: shape for shape in SHAPES}
        self.progress = Progress(sum(len(self._measures(run)) for run in range(plan.runs)))

    def __repr__(self) -> str:
        return f"<Bench {self.progress!r}>"

    def run(self) -> None:
        """All runs."""
        for name in {ACKED, *BESIDE}:
            write(self.shapes[name], self.scratch / name)
        (self.scratch / beside.COPIES).write_bytes(msgspec.msgpack.encode([copies.post()]))
        for run in range(self.plan.runs):
            for name, measure in self._measures(run):
                self.progress.measure(f"run {run + 1}  {name}", measure)

    def _measures(self, run: int) -> list[tuple[str, Callable[[], str]]]:
        """By name, in turn."""
        found: list[tuple[str, Callable[[], str]]] = []
        if "acks" in self.plan.parts:
            found.append(("acks", self._acks))
        if "beside" in self.plan.parts:
            for load in (*BESIDE, beside.COPIES):
                modes = list(MODES)
                turn = run % len(modes)  # who comes first finds another machine than who comes last
                turned = modes[turn:] + modes[:turn]
                found += [(f"{load:9} {mode}", partial(self._beside, load, mode)) for mode in turned]
        if "recovery" in self.plan.parts:
            found += [(f"recovery  {RELAY}", self._relay), (f"recovery  {UPSERTS}", self._copies)]
        return found

    def _place(self, upstream: Server, mode: str | None) -> Place:
        scratch = Path(tempfile.mkdtemp(dir=self.scratch))
        return Place(scratch, self.plan.settings.cores[0], upstream.url, spool=mode)

    def _acks(self) -> str:
        place, bodies = self._place(self.upstream, ALWAYS), self.scratch / ACKED
        found = durable.measure(self.shapes[ACKED], bodies, place, self.upstream, self.plan.settings)
        self.acked.append(found)
        level = found.levels["durable"]
        return f"{level.rate:12,.0f} spans/s durable, p99 {level.acks.p99 * 1e3:.1f} ms, lag {level.lag * 1e3:.1f} ms"

    def _beside(self, load: str, mode: str) -> str:
        bodies, settings = self.scratch / load, self.plan.settings
        if load == beside.COPIES:
            figure = beside.upserts(bodies, self._place(self.upserts, MODES[mode]), self.upserts, settings)
        else:
            place = self._place(self.upstream, MODES[mode])
            figure = beside.relay(self.shapes[load], bodies, place, self.upstream, settings)
        self.besides.setdefault(load, {name: [] for name in MODES})[mode].append(figure)
        return f"{figure.speed:12,.0f} spans per CPU-second{f', {figure.lost:,} lost' if figure.lost else ''}"

    def _relay(self) -> str:
        spans, place = int(LEFT * self.plan.scale), self._place(self.upstream, "overflow")
        figure = recovery.relay(spans, self.shapes[ACKED], self.scratch / ACKED, place, self.upstream)
        return self._recovered(RELAY, figure)

    def _copies(self) -> str:
        count, place = int(LEFT_COPIES * self.plan.scale), self._place(self.upserts, "overflow")
        return self._recovered(UPSERTS, recovery.upserts(count, place, self.upserts))

    def _recovered(self, name: str, figure: recovery.Figure) -> str:
        self.recoveries.setdefault(name, []).append(figure)
        return f"{figure.spans / figure.read:12,.0f} spans/s, the first {figure.ready:.2f} s after ready"


def main(argv: Sequence[str]) -> int:
    """Measure and print. Returns 1 where a measurement failed or spans were lost; a goal that is missed is a result."""
    options = _parser().parse_args(argv)
    settings = Settings(options.seconds, options.connections, cores())
    plan = Plan(options.runs, settings, options.part or list(PARTS), options.scale)
    with tempfile.TemporaryDirectory(prefix="bench", dir=options.disk) as directory:
        scratch = Path(directory)
        print("\n".join([*machine.describe(), *_about(plan, scratch)]), flush=True)
        # Upstreams that answer at once: what is measured is ours.
        with (
            Upstream(settings.cores[1], scratch) as upstream,
            UpsertsUpstream(settings.cores[1], scratch, 0) as upserts,
        ):
            bench = Bench(plan, scratch, upstream, upserts)
            bench.run()
    print(report(bench.acked, bench.besides, bench.recoveries))
    for failure in bench.progress.failures:
        print(f"failed: {failure}")
    return 1 if bench.progress.failures or _lost(bench) else 0


def _lost(bench: Bench) -> bool:
    figures: list[durable.Level | beside.Figure | recovery.Figure] = []
    figures += [level for run in bench.acked for level in run.levels.values()]
    figures += [figure for modes in bench.besides.values() for runs in modes.values() for figure in runs]
    figures += [figure for runs in bench.recoveries.values() for figure in runs]
    return any(figure.lost for figure in figures)


def _about(plan: Plan, scratch: Path) -> list[str]:
    settings = plan.settings
    own, others = settings.cores
    return [
        f"disk      {scratch.parent}: 36 KB appended and synced in {_synced(scratch) * 1e3:.2f} ms (median of {SYNCS})",
        f"run       {plan.runs} runs of {settings.seconds:g} s, {settings.connections} connections in a closed loop",
        f"cores     the sidecar on {own}; generator, sampler and sinks on {others}",
    ]


def _synced(scratch: Path) -> float:
    """What the disk takes to keep a chunk, without anything of ours."""
    took = []
    with (scratch / "synced").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            started = time.monotonic()
            file.write(os.urandom(36_000))
            os.fdatasync(file.fileno())
            took.append(time.monotonic() - started)
    return median(took)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench custody", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of load in each (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="default: %(default)s")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this; repeat")
    parser.add_argument("--scale", type=float, default=1.0, help="of what is left on disk (default: %(default)s)")
    parser.add_argument(
        "--disk", type=Path, help="a directory on the disk to measure (default: that for temporary files)"
    )
    return parser
