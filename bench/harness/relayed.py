"""A closed loop of load on one system: CPU time, memory, and whether every span arrived."""

import sys
import time
from pathlib import Path

import msgspec

from bench.harness.row import Measures
from bench.harness.settings import Case
from bench.harness.stage import Stage
from bench.harness.systems import start
from bench.load import Load
from bench.peers.peer import Peer, Running
from bench.peers.starting import inherited
from bench.process import Process
from bench.sink import Seen
from bench.throughput import STARTING, WARM, wait_for_quiet


def relayed(stage: Stage, system: Peer, case: Case) -> Measures:
    """Start it, load it, wait until it holds nothing, end it. The first stretch is thrown away. Raises Failed."""
    bodies, place = stage.bodies(case.load), stage.place()
    running = start(system, place, case)
    with running.process, generator(stage, running, case, bodies, place.scratch / "load.log") as posting:
        _stretch(stage, system, running, posting, WARM)
        watch = stage.watch(running.process, posting)
        began, own, sink = time.monotonic(), running.process.cpu(), stage.upstream.process.cpu()
        load, seen = _stretch(stage, system, running, posting, stage.seconds)
        found = upstream_saw(
            seen, load.spans if system.delivers else None, Measures(spans=load.spans, posts=load.posts)
        )
        found.cpu, found.sink_cpu = running.process.cpu() - own, stage.upstream.process.cpu() - sink
        found.wall, found.load_wall, found.generator_cpu = time.monotonic() - began, load.wall, load.cpu
        found.peak, found.refused, found.ready = running.process.memory("VmHWM"), load.refused, running.ready
        found.posted_bytes = load.sent
        return watch.note(found)


def generator(stage: Stage, running: Running, case: Case, bodies: Path, log: Path) -> Process:
    """The process that posts in a closed loop; asked for seconds, it answers with a Load."""
    argv = [sys.executable, "-m", "bench.load", running.target, str(bodies), "--encoding", case.load.encoding]
    argv += ["--spans", str(case.load.spans), "--connections", str(case.load.connections)]
    return Process(argv, stage.beside, log, inherited(), asked=True)


def upstream_saw(seen: Seen, acknowledged: int | None, found: Measures) -> Measures:
    """Write down what arrived. acknowledged: spans, None where none should arrive."""
    if acknowledged is None:
        return found
    found.lost = acknowledged - seen.spans
    found.requests, found.most_spans, found.connections = seen.posts, seen.most_spans, seen.connections
    found.sent_bytes, found.plain_bytes = seen.sent_bytes, seen.plain_bytes
    found.encodings = "+".join(sorted(seen.encodings))
    return found


def _stretch(stage: Stage, system: Peer, running: Running, posting: Process, seconds: float) -> tuple[Load, Seen]:
    """Load, and what came of it when the last span had arrived."""
    stage.upstream.forget()
    load = msgspec.json.decode(posting.ask(str(seconds), seconds + STARTING), type=Load)
    if system.delivers:
        return load, stage.upstream.wait_for(load.spans)
    wait_for_quiet(running.process)
    return load, stage.upstream.seen()
