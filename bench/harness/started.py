"""A system that is started and left alone: how soon it is ready, and what it holds when idle."""

import time
from typing import Final

from bench.harness.row import Measures
from bench.harness.settings import Case
from bench.harness.stage import Stage
from bench.harness.systems import start
from bench.peers.peer import Peer

IDLE: Final = 1.0  # s after it accepts connections: what the start allocated and needs no more may be gone by then


def started(stage: Stage, system: Peer, case: Case) -> Measures:
    """Start it, wait, look, end it. Raises Failed."""
    watch = stage.watch()
    running = start(system, stage.place(), case)
    with running.process as process:
        time.sleep(IDLE)
        found = Measures(ready=running.ready, idle=process.memory("VmRSS"), peak=process.memory("VmHWM"))
        watch.ours.append(process)
        found.cpu = process.cpu()
        return watch.note(found)
