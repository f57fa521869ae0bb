"""What a sidecar takes at a steady load, while its upstream is gone, and when it is back: CPU, memory, what is held.

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
from bench.peers.inspan import COMMAND
from bench.peers.starting import free_port, inherited
from bench.place import Place, inspan
from bench.process import Failed, Process, cores
from bench.progress import Progress
from bench.steady import Steady
from bench.table import mebibytes, table
from bench.upstream import Upstream

SECONDS, OUTAGE = 10.0, 60.0  # of each load
LOOK: Final = 0.2  # s between two looks at what is held
EMPTY: Final = 120.0  # s to send what was held; 384 MiB take twenty
GRACE: Final = 30.0  # s over the load's own time
BIG: Final = {"max_spans": 2_000_000, "max_bytes": "384MiB"}
ROOMY: Final = {"memory": {"max_bytes": "1GiB"}}
SECTIONS: Final = {"drain": {"deadline": "1s"}}  # where the upstream is gone it would take all of its 20 s
HEAD: Final = (
    *("spans of 1 KB", "cores", "RSS idle", "at the end", "at most", "held"),
    *("posts", "refused", "late", "when back", "empty in"),
)


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
    """cpu: cores. Bytes: idle, at the end and at the most of RSS; held of spans, as the sidecar says. back: where the
    upstream came back, the most of RSS until nothing was held, and the seconds that took."""

    cpu: float
    idle: int
    last: int
    peak: int
    held: float
    steady: Steady
    back: tuple[int, float] | None


def measure(load: Load, seconds: float, scratch: Path, upstream: Upstream) -> Figure:
    """One sidecar, one load. Raises Failed."""
    bodies = scratch / "bodies"
    write(Shape(load.name, load.spans, load.span_bytes), bodies)
    measured, measuring = cores()
    away = f"127.0.0.1:{free_port()}"
    url = f"http://{away}" if load.outage else upstream.url
    destination = {"kind": "otlp", "url": f"{url}/v1/traces", "queue": load.queue or {}, "retry": {"max": "1s"}}
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
        steady, kept = msgspec.json.decode(said, type=Steady), held(running.process.log)
        back = returned(running.process, away, scratch) if load.outage else None
        return Figure(used, idle, last, peak, kept, steady, back)


def returned(process: Process, address: str, scratch: Path) -> tuple[int, float]:
    """The upstream is there again, 200 ms an answer: RSS at most, and seconds until nothing is held. Raises Failed."""
    argv = [COMMAND, "sink", "--listen", address, "--no-unique", "--delay", "200ms"]
    with Process(argv, cores()[1], scratch / "sink.log", inherited()):
        began = time.monotonic()
        while held(process.log):
            if time.monotonic() > began + EMPTY:
                raise Failed(f"{process!r} still holds spans {EMPTY} s after its upstream came back")
            time.sleep(LOOK)
        return process.memory("VmHWM"), time.monotonic() - began


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
    head = [
        "spans of 1 KB",
        "cores",
        "RSS idle",
        "at the end",
        "at most",
        "held",
        "posts",
        "refused",
        "late",
        "when back",
        "empty in",
    ]
    print(table("memory and CPU", head, [[name, *_row(figure)] for name, figure in found.items()]))
    for failure in progress.failures:
        print(f"failed: {failure}")
    return 1 if progress.failures else 0


def _row(figure: Figure) -> list[str]:
    sizes = map(mebibytes, (figure.idle, figure.last, figure.peak, figure.held))
    steady = figure.steady
    back = ["", ""] if figure.back is None else [mebibytes(figure.back[0]), f"{figure.back[1]:.1f} s"]
    return [f"{figure.cpu:.3f}", *sizes, f"{steady.posts:,}", f"{steady.refused:,}", f"{steady.behind:.2f} s", *back]
