"""What a sidecar takes at a steady load, and while its upstream is gone: CPU, memory, what is held and what is refused.

`python -m bench sizing`. docs/sizing.md has what it said. Memory is that of the process (RSS): a container's limit
counts the pages of its files too, and buffers of its sockets.
"""

import argparse
import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from tests.sidecar import series

from bench import machine
from bench.bodies import Shape, write
from bench.peers import Place, free_port, inherited, inspan
from bench.process import Process, cores
from bench.progress import Progress
from bench.steady import Steady
from bench.table import mebibytes, table
from bench.upstream import Upstream

SECONDS, OUTAGE = 10.0, 60.0  # of each load
LOOK: Final = 0.5  # s between two looks at the memory
GRACE: Final = 30.0  # s over the load's own time
BIG: Final = {"max_spans": 2_000_000, "max_bytes": "384MiB"}
ROOMY: Final = {"memory": {"max_bytes": "1GiB"}}
SECTIONS: Final = {"drain": {"deadline": "1s"}}  # where the upstream is gone it would take all of its 20 s


class Load(msgspec.Struct, frozen=True):
    """rate: spans a second. queue: of the configuration, None for its defaults. outage: nobody listens upstream."""

    rate: int
    spans: int = 10
    span_bytes: int = 1000
    queue: dict[str, Any] | None = None
    outage: bool = False

    @property
    def name(self) -> str:
        queue = f", queue {self.queue['max_bytes']}" if self.queue else ""
        return f"{self.rate:,}/s, {self.spans} a post{', upstream gone' if self.outage else ''}{queue}"


LOADS: Final = (
    Load(0),
    Load(1000),
    Load(10_000),
    Load(50_000, spans=100),
    Load(1000, outage=True),
    Load(10_000, outage=True),
    Load(10_000, queue=BIG, outage=True),
)


class Figure(msgspec.Struct, frozen=True):
    """cpu: cores. Bytes: idle, at the end and at the most of RSS; held of spans, as the sidecar says."""

    cpu: float
    idle: int
    last: int
    peak: int
    held: float
    steady: Steady


def measure(load: Load, seconds: float, scratch: Path, upstream: Upstream) -> Figure:
    """One sidecar, one load. Raises Failed."""
    bodies = scratch / "bodies"
    write(Shape(load.name, load.spans, load.span_bytes), bodies)
    measured, measuring = cores()
    url = f"http://127.0.0.1:{free_port()}" if load.outage else upstream.url
    destination = {"kind": "otlp", "url": f"{url}/v1/traces", "queue": load.queue or {}}
    running = inspan(Place(scratch, measured, url), destination, SECTIONS | (ROOMY if load.queue else {}))
    rate = load.rate / load.spans
    argv = [sys.executable, "-m", "bench.steady", running.target, str(bodies), "--rate", str(rate)]
    log = scratch / "steady.log"
    with running.process, Process(argv, measuring, log, inherited(), asked=True) as generator:
        time.sleep(1)  # what the start took and needs no more has been given back
        idle, cpu, began = running.process.memory("VmRSS"), running.process.cpu(), time.monotonic()
        said = generator.ask(str(seconds), seconds + GRACE)
        used = (running.process.cpu() - cpu) / (time.monotonic() - began)
        last, peak = running.process.memory("VmRSS"), running.process.memory("VmHWM")
        return Figure(used, idle, last, peak, held(running.process.log), msgspec.json.decode(said, type=Steady))


def held(log: Path) -> float:
    """Bytes of spans, as the sidecar's metrics say."""
    ready = next(line for line in map(json.loads, log.read_text().splitlines()) if line["kind"] == "ready")
    with urllib.request.urlopen(f"{ready['admin']}/metrics", timeout=GRACE) as answer:
        return series(answer.read().decode())["inspan_memory_bytes"]


def main(argv: Sequence[str]) -> int:
    """Print a table. Returns 1 where a measurement failed."""
    parser = argparse.ArgumentParser(prog="bench sizing", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of a load, default %(default)s")
    parser.add_argument("--outage", type=float, default=OUTAGE, help="of one without an upstream, default %(default)s")
    options = parser.parse_args(argv)
    print("\n".join(machine.describe()), flush=True)
    found: dict[str, Figure] = {}
    progress = Progress(len(LOADS))
    with tempfile.TemporaryDirectory(prefix="bench") as directory, Upstream(cores()[1], Path(directory)) as upstream:
        for load in LOADS:

            def once(load: Load = load) -> str:
                scratch = Path(tempfile.mkdtemp(dir=directory))
                seconds = options.outage if load.outage else options.seconds
                found[load.name] = measure(load, seconds, scratch, upstream)
                return f"{mebibytes(found[load.name].peak)} at most"

            progress.measure(load.name, once)
    head = ["spans of 1 KB", "cores", "RSS idle", "at the end", "at most", "held", "posts", "refused", "late"]
    print(table("memory and CPU", head, [[name, *_row(figure)] for name, figure in found.items()]))
    for failure in progress.failures:
        print(f"failed: {failure}")
    return 1 if progress.failures else 0


def _row(figure: Figure) -> list[str]:
    sizes = map(mebibytes, (figure.idle, figure.last, figure.peak, figure.held))
    steady = figure.steady
    return [f"{figure.cpu:.3f}", *sizes, f"{steady.posts:,}", f"{steady.refused:,}", f"{steady.behind:.2f} s"]
