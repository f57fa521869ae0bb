"""A real sidecar with real upstreams and agents, in the states that the page has to show."""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.collector.sink.posts import otlp
from tests.e2e.sink_process import SinkProcess
from tests.sidecar import Sidecar

JSON: Final = {"content-type": "application/json"}
RETRY: Final = {"initial": "100ms", "max": "500ms"}
NOWHERE: Final = "http://127.0.0.1:9/v1/traces"  # discard's port: nobody listens


def otlp_to(url: str, name: str, **more: Any) -> dict[str, Any]:
    """A destination that takes OTLP at this sink."""
    return {"name": name, "kind": "otlp", "url": f"{url}/v1/traces", "retry": RETRY} | more


def sgp_to(url: str, name: str, **more: Any) -> dict[str, Any]:
    """A destination that takes spans of our own at this sink."""
    return {"name": name, "kind": "sgp", "url": url, "account_id": "demo", "headers": {"x-api-key": "k"}} | more


class Posting:
    """Posts at a pace, in a thread of its own, until the end of `with`: so many spans, so many times a second."""

    def __init__(self, sidecar: Sidecar, make: Callable[[int], tuple[str, bytes, dict[str, str]]], pace: float) -> None:
        self.sidecar = sidecar
        self.make = make
        self.pace = pace
        self.posts = 0
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self.thread.join()

    def _run(self) -> None:
        while not self.stopped.wait(1 / self.pace):
            self.posts += 1
            path, body, headers = self.make(self.posts)
            with contextlib.suppress(OSError):  # it is being restarted
                self.sidecar.post(path, body, headers)


def otlp_spans(count: int, *, bad: int = 0) -> Callable[[int], tuple[str, bytes, dict[str, str]]]:
    """Posts of OTLP spans, some of which a sink that refuses `bad` will refuse."""

    def make(number: int) -> tuple[str, bytes, dict[str, str]]:
        names = ["bad"] * bad + ["llm.chat"] * (count - bad)
        return "/v1/traces", otlp(*names, first=number * count), {"content-type": "application/x-protobuf"}

    return make


def own_spans(count: int) -> Callable[[int], tuple[str, bytes, dict[str, str]]]:
    """Posts of spans in our own dialect, begun and ended."""

    def make(number: int) -> tuple[str, bytes, dict[str, str]]:
        at = {"start_timestamp": "2026-11-21T01:09:41Z", "end_timestamp": "2026-11-21T01:09:42Z"}
        spans = [
            {"id": f"{os.getpid()}-{number}-{i}", "trace_id": f"t{number}", "name": "retrieve", **at}
            for i in range(count)
        ]
        return "/v1/spans", json.dumps(spans).encode(), JSON

    return make


def beats(count: int) -> Callable[[int], tuple[str, bytes, dict[str, str]]]:
    """Beats of agents that `register` made, in turn: without them they are lost after a minute."""

    def make(number: int) -> tuple[str, bytes, dict[str, str]]:
        body = json.dumps({"recorded": 100 * number, "accepted": 100 * number}).encode()
        return f"/v1/agents/{number % count:08x}-agent/heartbeat", body, JSON

    return make


def register(sidecar: Sidecar, count: int, service: Callable[[int], str] = lambda i: f"planner-{i % 7}") -> None:
    """So many agents, each of which has told what it recorded, and some what they dropped."""
    for i in range(count):
        told = {"registration_id": f"{i:08x}-agent", "service": service(i), "pid": 1000 + i, "sdk": "test"}
        sidecar.post("/v1/agents", json.dumps(told).encode(), JSON)
        beat: dict[str, Any] = {"recorded": 1200 * i, "accepted": 0, "queued": i % 5}
        if i % 40 == 3:
            beat["dropped"] = {"buffer_full": 12 + i}
        sidecar.post(f"/v1/agents/{i:08x}-agent/heartbeat", json.dumps(beat).encode(), JSON)


@contextlib.contextmanager
def calm(home: Path) -> Iterator[Sidecar]:
    """Two upstreams that work."""
    with SinkProcess(home, "--delay", "20ms-60ms", "--no-unique") as sink:
        to = [otlp_to(sink.url, "tempo"), sgp_to(sink.url, "sgp")]
        with Sidecar({"destinations": to}) as sidecar, contextlib.ExitStack() as agents:
            register(sidecar, 3, lambda i: ("planner", "retriever", "writer")[i])
            agents.enter_context(Posting(sidecar, otlp_spans(8), 20))
            agents.enter_context(Posting(sidecar, own_spans(5), 12))
            yield sidecar


@contextlib.contextmanager
def empty(home: Path) -> Iterator[Sidecar]:
    """Nobody has posted yet."""
    del home
    with Sidecar({"destinations": [otlp_to("http://127.0.0.1:9", "traces")]}) as sidecar:
        yield sidecar


@contextlib.contextmanager
def broken(home: Path) -> Iterator[Sidecar]:
    """One upstream refuses us, one is down and its small queue overflows, one throws spans away, one is well."""
    with contextlib.ExitStack() as stack:
        folders = [home / name for name in ("well", "locked", "partial", "slow")]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        well = stack.enter_context(SinkProcess(folders[0], "--delay", "10ms-30ms", "--reject-span", "bad"))
        locked = stack.enter_context(SinkProcess(folders[1], "--status", "401"))
        partial = stack.enter_context(SinkProcess(folders[2], "--partial", "2"))
        to = [
            otlp_to(well.url, "tempo"),
            otlp_to(locked.url, "vendor"),
            otlp_to(partial.url, "lossy"),
            otlp_to("http://127.0.0.1:9", "archive", queue={"max_spans": 1500}, batch={"max_spans": 200}),
        ]
        spool = {"path": str(home / "spool.db"), "max_bytes": "40MiB"}
        with Sidecar({"destinations": to, "spool": spool}) as sidecar:
            register(sidecar, 5)
            stack.enter_context(Posting(sidecar, otlp_spans(8), 15))
            stack.enter_context(Posting(sidecar, otlp_spans(3, bad=1), 1))
            stack.enter_context(Posting(sidecar, lambda n: ("/v1/traces", b"\xff", {}), 1))
            yield sidecar
            stack.close()


@contextlib.contextmanager
def many(home: Path) -> Iterator[Sidecar]:
    """Twenty destinations, with names as long as they may be, and hundreds of agents."""
    with SinkProcess(home, "--delay", "5ms-20ms", "--no-unique") as sink:
        to = [otlp_to(sink.url, f"{'a-tenant-with-a-long-name-' * (i % 2)}backend-{i:02}") for i in range(18)]
        to += [
            otlp_to(sink.url + "/no-such-path" * 8, "wrong-path"),
            otlp_to("http://127.0.0.1:9", "down"),
        ]
        with Sidecar({"destinations": to}) as sidecar, Posting(sidecar, otlp_spans(50), 5):
            register(sidecar, 300, lambda i: f"a-service-with-a-name-that-says-too-much-{'x' * 15}-{i % 40}")
            yield sidecar


SCENES: Final = {"calm": calm, "empty": empty, "broken": broken, "many": many}


def settle(sidecar: Sidecar, seconds: float) -> None:
    """Let the scene play; the sidecar's own clock and its upstreams' are real."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert sidecar.process.poll() is None, sidecar.text()
        time.sleep(0.05)
