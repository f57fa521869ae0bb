"""A steady load on one system: what it costs, how soon a post is answered, and how soon a span is upstream."""

import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from bench.harness.pacing import Pace, Paced
from bench.harness.relayed import generator, upstream_saw
from bench.harness.row import Measures
from bench.harness.settings import Case
from bench.harness.stage import Stage
from bench.harness.systems import start
from bench.load import Load
from bench.peers.peer import Peer, Running
from bench.peers.starting import inherited
from bench.process import Failed, Process
from bench.quantile import quantile
from bench.throughput import STARTING, WARM

MARKS: Final = "/marked"  # below this path the sink notes when a marked span came
AT_ONCE: Final = 16  # connections, where capacity is measured
GRACE: Final = 40.0  # s over the load's own time: the generator's patience for an answer, twice


def paced(stage: Stage, system: Peer, case: Case) -> Measures:
    """Start it, load it at a rate, wait until it holds nothing, end it. Raises Failed."""
    place = stage.place(MARKS)
    running = start(system, place, case)
    with running.process:
        rate = rate_of(stage, running, case, place.scratch)
        with pacer(stage, running, case, place.scratch / "pacing.log") as posting:
            _stretch(stage, system, posting, Pace(rate, WARM))
            watch = stage.watch(running.process, posting)
            began, own, sink = time.monotonic(), running.process.cpu(), stage.upstream.process.cpu()
            load = _stretch(stage, system, posting, Pace(rate, stage.seconds))
            found = written_down(load, Measures(ready=running.ready))
            found.cpu, found.sink_cpu = running.process.cpu() - own, stage.upstream.process.cpu() - sink
            found.wall, found.peak = time.monotonic() - began, running.process.memory("VmHWM")
            seen = stage.upstream.seen()
            arrived(load, seen.stamps, found)
            return watch.note(upstream_saw(seen, load.spans if system.delivers else None, found))


def rate_of(stage: Stage, running: Running, case: Case, scratch: Path) -> float:
    """Posts a second: as the case says, or a share of what this very process takes in a closed loop."""
    if case.load.rate is not None:
        return case.load.rate
    if case.load.share is None:
        raise Failed(f"{case.name} has neither a rate nor a share")
    wide = msgspec.structs.replace(case, load=msgspec.structs.replace(case.load, connections=AT_ONCE))
    with generator(stage, running, wide, stage.bodies(case.load), scratch / "load.log") as posting:
        stage.upstream.forget()
        for seconds in (WARM, stage.seconds / 2):
            load = msgspec.json.decode(posting.ask(str(seconds), seconds + STARTING), type=Load)
        stage.upstream.drained()
    return case.load.share * load.posts / load.wall


def pacer(stage: Stage, running: Running, case: Case, log: Path) -> Process:
    """The process that posts at a rate; asked for a Pace, it answers with a Paced."""
    argv = [sys.executable, "-m", "bench.harness.pacing", running.target, str(stage.bodies(case.load))]
    argv += ["--spans", str(case.load.spans), "--connections", str(case.load.connections)]
    return Process([*argv, "--encoding", case.load.encoding], stage.beside, log, inherited(), asked=True)


def ask(posting: Process, pace: Pace) -> Paced:
    """One stretch. Raises Failed."""
    answer = posting.ask(msgspec.json.encode(pace).decode(), pace.seconds + GRACE)
    return msgspec.json.decode(answer, type=Paced)


def written_down(load: Paced, found: Measures) -> Measures:
    """What the generator saw."""
    found.spans, found.posts, found.refused, found.missed = load.spans, load.posts, load.refused, load.missed
    found.posted_bytes, found.generator_cpu, found.load_wall = load.sent, load.cpu, load.wall
    found.answer_p50, found.answer_p99 = load.p50, load.p99
    return found


def arrived(load: Paced, stamps: dict[str, int], found: Measures) -> None:
    """How long marked spans were on their way; those that were refused never came."""
    took = sorted((stamps[trace] - at) / 1e9 for trace, at in load.marks.items() if trace in stamps)
    if took:
        found.arrival_p50, found.arrival_p99 = quantile(took, 0.5), quantile(took, 0.99)


def _stretch(stage: Stage, system: Peer, posting: Process, pace: Pace) -> Paced:
    stage.upstream.forget()
    load = ask(posting, pace)
    if system.delivers:
        stage.upstream.wait_for(load.spans)
    return load
