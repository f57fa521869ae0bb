"""A system whose upstream is gone, and more load than it may hold: what it takes of memory."""

from bench.harness.paced import ask, pacer, written_down
from bench.harness.pacing import Pace
from bench.harness.row import Measures
from bench.harness.settings import Case
from bench.harness.stage import Stage
from bench.harness.started import started
from bench.harness.systems import start
from bench.peers.peer import Peer


def overloaded(stage: Stage, system: Peer, case: Case) -> Measures:
    """Start it, post x times the bytes that it may hold while the upstream answers 503, kill it. Raises Failed.

    x 0: it is left alone. Nothing is taken out of what it holds, so that its peak is that of its bounds.
    """
    if case.x == 0:
        return started(stage, system, case)
    place = stage.place()
    stage.upstream.answer("down")
    try:
        running = start(system, place, case)
        with running.process as process, pacer(stage, running, case, place.scratch / "pacing.log") as posting:
            idle, watch = process.memory("VmRSS"), stage.watch(process, posting)
            own = process.cpu()
            held = case.settings.queue_bytes
            assert held is not None
            posts = case.x * held / (case.load.spans * case.load.span_bytes)
            load = ask(posting, Pace(posts / stage.seconds, stage.seconds))
            found = written_down(load, Measures(idle=idle, ready=running.ready))
            found.cpu, found.wall = process.cpu() - own, load.wall
            found.peak = process.memory("VmHWM")
            watch.note(found)
            process.popen.kill()  # a drain would wait for the upstream
            return found
    finally:
        stage.upstream.answer("kept")
