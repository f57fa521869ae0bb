"""What it costs the relay that somebody looks: CPU at a steady rate with 0, 1 and 8 viewers of the live feed.

The sidecar has a core to itself. Stretches with different numbers of viewers take turns within one life of it, so that
a slow minute of the machine hits all of them. `python -m bench page --help`.
"""

import argparse
import contextlib
import http.client
import json
import selectors
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Final

import msgspec

from bench import machine
from bench.bodies import Shape, bodies
from bench.load import Reader, connect, post
from bench.peers.inspan import COMMAND
from bench.peers.starting import READY, free_port, inherited
from bench.process import Failed, Process, cores
from bench.progress import Progress
from bench.table import median, spread, table
from bench.upstream import Upstream

VIEWERS: Final = (0, 1, 8)
GOAL: Final = 0.01  # of a core for a viewer
SHAPE: Final = Shape("10x365", 10, 355)
SETTLE: Final = 1.5  # s; the history that a viewer begins with is sent once, and is no part of what a second costs


class Pod(msgspec.Struct, frozen=True):
    """How much there is to look at."""

    name: str
    destinations: int
    agents: int


PODS: Final = (Pod("2 destinations, 5 agents", 2, 5), Pod("20 destinations, 300 agents", 20, 300))


class Sidecar:
    """inspan, and what is posted to it: `rate` requests a second, from a thread of ours."""

    def __init__(self, pod: Pod, rate: float, scratch: Path, upstream: Upstream) -> None:
        path, self.port = scratch / "inspan.sock", free_port()
        to = [{"name": f"d{i}", "kind": "otlp", "url": f"{upstream.url}/v1/traces"} for i in range(pod.destinations)]
        config = {
            "socket": {"path": str(path)},
            "admin": {"listen": f"127.0.0.1:{self.port}"},
            "destinations": to,
        }
        (scratch / "inspan.yaml").write_text(json.dumps(config))
        argv = [COMMAND, "run", "-c", str(scratch / "inspan.yaml")]
        self.process = Process(argv, cores()[0], scratch / "log", inherited())
        self.target = f"unix:{path}"
        self.rate = rate
        self.stopped = threading.Event()
        self.posting = threading.Thread(target=self._post)

    def __repr__(self) -> str:
        return f"<Sidecar {self.process!r}>"

    @contextlib.contextmanager
    def loaded(self, agents: int) -> Iterator[None]:
        """While it is posted to."""
        with self.process:
            self._wait()
            self._register(agents)
            self.posting.start()
            try:
                yield
            finally:
                self.stopped.set()
                self.posting.join()

    def cpu(self, viewers: int, seconds: float) -> float:
        """Share of a core, with so many viewers."""
        with looking(self.port, viewers):
            time.sleep(SETTLE)
            before, began = self.process.cpu(), time.monotonic()
            time.sleep(seconds)
            return (self.process.cpu() - before) / (time.monotonic() - began)

    def _wait(self) -> None:
        end = time.monotonic() + READY
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                connect(self.target).close()
                return
            time.sleep(0.01)
        raise Failed(f"{self!r} is not ready: {self.process.last_words()}")

    def _register(self, agents: int) -> None:
        reader = Reader()
        with connect(self.target) as sock:
            for i in range(agents):
                body = msgspec.json.encode({"registration_id": f"agent-{i}", "service": f"service-{i % 20}", "pid": i})
                about = f"content-type: application/json\r\ncontent-length: {len(body)}"
                sock.sendall(f"POST /v1/agents HTTP/1.1\r\nhost: x\r\n{about}\r\n\r\n".encode() + body)
                reader.read(sock)

    def _post(self) -> None:
        requests, reader = cycle(map(post, bodies(SHAPE))), Reader()
        with connect(self.target) as sock:
            due = time.monotonic()
            while not self.stopped.wait(max(0.0, due - time.monotonic())):
                sock.sendall(next(requests))
                reader.read(sock)
                due += 1 / self.rate


@contextlib.contextmanager
def looking(port: int, viewers: int) -> Iterator[None]:
    """So many viewers, who read all that comes, in a thread."""
    stopped = threading.Event()
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        for _ in range(viewers):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            sock.sendall(b"GET /live HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            selector.register(sock, selectors.EVENT_READ)

        def read() -> None:
            while not stopped.is_set():
                for key, _ in selector.select(0.1):
                    key.fileobj.recv(1 << 20)  # type: ignore[union-attr]

        reading = threading.Thread(target=read)
        reading.start()
        try:
            yield
        finally:
            stopped.set()
            reading.join()


def main(argv: Sequence[str]) -> int:
    """Measure and print. Returns 1 where a measurement failed; a goal that is missed is a result."""
    parser = argparse.ArgumentParser(prog="python -m bench page")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of a stretch")
    parser.add_argument("--rate", type=float, default=200.0, help="posts a second, of 10 spans")
    told = parser.parse_args(argv)
    print("\n".join(machine.describe()), flush=True)
    progress = Progress(told.runs * len(PODS) * len(VIEWERS))
    for pod in PODS:
        found: dict[int, list[float]] = {viewers: [] for viewers in VIEWERS}
        with tempfile.TemporaryDirectory(prefix="bench") as scratch, Upstream(cores()[1], Path(scratch)) as upstream:
            sidecar = Sidecar(pod, told.rate, Path(scratch), upstream)
            with sidecar.loaded(pod.agents):
                size = moment_size(sidecar.port)
                for run in range(told.runs):
                    for viewers in VIEWERS:
                        _measure(progress, sidecar, found, run, viewers, told.seconds)
        print(_report(pod, told.rate, size, found))
    return 1 if progress.failures else 0


def moment_size(port: int) -> int:
    """Bytes of a moment, but for its events: it is what /status says."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY)
    connection.request("GET", "/status")
    size = len(connection.getresponse().read())
    connection.close()
    return size


def _measure(
    progress: Progress, sidecar: Sidecar, found: dict[int, list[float]], run: int, viewers: int, seconds: float
) -> None:
    def once() -> str:
        found[viewers].append(sidecar.cpu(viewers, seconds))
        return f"{found[viewers][-1]:.2%} of a core"

    progress.measure(f"run {run + 1}  {viewers} viewers", once)


def _report(pod: Pod, rate: float, size: int, found: dict[int, list[float]]) -> str:
    alone = median(found[0])
    rows = []
    for viewers, shares in found.items():
        each = (median(shares) - alone) / viewers if viewers else None
        verdict = "" if each is None else f"{each:.2%}{'' if each <= GOAL else ', missed'}"
        rows.append([f"{viewers}", f"{median(shares):.2%}", spread(shares, ".2f", 100), verdict])
    title = f"{pod.name}, {rate * SHAPE.spans:,.0f} spans/s, a moment of {size:,} bytes; goal {GOAL:.0%} a viewer"
    return table(title, ["viewers", "CPU, median", "range, %", "for each viewer"], rows)
