"""An upstream that is gone for a while under a steady load: what is lost, and how soon all of it is there."""

import time

from bench.harness.paced import ask, pacer, written_down
from bench.harness.pacing import Pace
from bench.harness.relayed import upstream_saw
from bench.harness.row import Measures
from bench.harness.settings import Case
from bench.harness.stage import Stage
from bench.harness.systems import start
from bench.peers.peer import Peer


def outage(stage: Stage, system: Peer, case: Case) -> Measures:
    """Start it, load it at a rate while the upstream answers 503 for x seconds, wait for all of it. Raises Failed."""
    assert case.load.rate is not None
    place = stage.place()
    stage.upstream.forget()
    running = start(system, place, case)
    with running.process as process, pacer(stage, running, case, place.scratch / "pacing.log") as posting:
        watch, began, own = stage.watch(process, posting), time.monotonic(), process.cpu()
        stage.upstream.answer("down")
        try:
            load = ask(posting, Pace(case.load.rate, case.x))
        finally:
            stage.upstream.answer("kept")
        back = time.monotonic_ns()
        seen = stage.upstream.wait_for(load.spans)
        found = upstream_saw(seen, load.spans if system.delivers else None, Measures(ready=running.ready))
        written_down(load, found)
        found.recovered = (seen.last - back) / 1e9 if seen.spans else None
        found.cpu, found.wall, found.peak = process.cpu() - own, time.monotonic() - began, process.memory("VmHWM")
        return watch.note(found)
