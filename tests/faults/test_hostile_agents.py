"""Agents that are slow, leave half-way, take all connections, or post more than everybody else together."""

import asyncio
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import pytest
from tests.collector.pipeline.upstream import otlp_spans
from tests.collector.receiver.rig import Client, post
from tests.e2e.sink_process import SinkProcess
from tests.faults.rig import LONG, Agents, Watch, add_up, behave, config
from tests.sidecar import PATIENCE, Sidecar

SECONDS: Final = 60.0 if LONG else 2.5  # of the agent that posts little
FULL: Final = 8 << 20  # bytes that a queue holds: a flood fills it within a second
IDLERS: Final = 2000
MAX_CONNECTIONS: Final = 1024  # the default
LIMITS: Final = {"header_timeout": "1s", "body_timeout": "1500ms"}
BETWEEN_BYTES: Final = 0.1  # s; faster than any timeout, and still for ever
SLOW: Final = 50  # connections of each kind

NAMESPACE: Final = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")


def upstream(url: str, **more: Any) -> dict[str, Any]:
    return {"name": "up", "kind": "otlp", "url": url + "/v1/traces", "retry": {"initial": "20ms"}} | more


async def drip(path: Path, raw: bytes, at_once: int = 0) -> tuple[float, bytes]:
    """Send a byte at a time until the server ends it, `at_once` of them at first: (seconds, what it said)."""
    client = Client(*await asyncio.open_unix_connection(path))
    began = asyncio.get_running_loop().time()
    said = asyncio.create_task(client.reader.read(-1))
    client.send(raw[:at_once])
    for at in range(at_once, len(raw)):
        if said.done():
            break
        client.send(raw[at : at + 1])
        await asyncio.wait({said}, timeout=BETWEEN_BYTES)
    answer = b"" if said.cancel() else said.result()
    await client.close()
    return asyncio.get_running_loop().time() - began, answer


async def leave_half_way(path: Path, raw: bytes) -> bytes:
    """Send a part, close the sending side, and read."""
    client = Client(*await asyncio.open_unix_connection(path))
    client.send(raw)
    client.writer.write_eof()
    said = await client.rest()
    await client.close()
    return said


async def test_slow_and_broken_off_requests_end_in_time_and_cost_others_nothing(tmp_path: Path) -> None:
    whole = post(otlp_spans(range(1, 200)), "/v1/traces", "content-type: application/x-protobuf")
    body_at = whole.index(b"\r\n\r\n") + 4
    endless_head = whole[: body_at - 2] + b"x: " + b"y" * 9000
    with SinkProcess(tmp_path) as sink, Sidecar(config(upstream(sink.url), limits=LIMITS)) as sidecar:
        slow = [asyncio.create_task(drip(sidecar.socket, endless_head)) for _ in range(SLOW)]
        async with asyncio.timeout(60):
            for _ in range(SLOW):
                assert await leave_half_way(sidecar.socket, whole[: body_at + 30]) == b""
                assert (await leave_half_way(sidecar.socket, whole)).startswith(b"HTTP/1.1 200")
            ends = await asyncio.gather(*slow)
            ends += await asyncio.gather(*(drip(sidecar.socket, whole, body_at) for _ in range(SLOW)))
        metrics = sidecar.metrics()
        ledger = await asyncio.to_thread(sidecar.stop)
        count = sink.count()
    assert all(took < 5 and said.startswith(b"HTTP/1.1 408") for took, said in ends), ends
    timeouts = (value for name, value in metrics.items() if "requests_refused" in name and 'reason="timeout"' in name)
    assert sum(timeouts) == 2 * SLOW
    add_up([{"acked": 199 * SLOW, "unknown": 0}], ledger, count | {"unique": count["spans"]})  # the same 199 each time


def test_of_two_thousand_idle_connections_the_longest_idle_are_closed_and_nobody_is_refused(tmp_path: Path) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < IDLERS + 100:
        pytest.skip(f"only {hard} open files are allowed here")
    with SinkProcess(tmp_path) as sink, Sidecar(config(upstream(sink.url))) as sidecar:
        argv = [sys.executable, str(Path(__file__).parent / "idlers.py"), str(sidecar.socket), str(IDLERS)]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as idlers:
            assert idlers.stdin is not None and idlers.stdout is not None
            assert idlers.stdout.readline() == "ready\n"
            assert sidecar.post("/v1/traces", otlp_spans([1]))[0] == 200
            end = time.monotonic() + PATIENCE
            left: list[int] = []
            while len(left) != MAX_CONNECTIONS - 1 and time.monotonic() < end:  # a socket is closed a little later
                idlers.stdin.write("\n")
                idlers.stdin.flush()
                left = json.loads(idlers.stdout.readline())
            idlers.stdin.close()
        metrics = sidecar.metrics()
        ledger = sidecar.stop()
        add_up([{"acked": 1, "unknown": 0}], ledger, sink.count())
    # One of them went to let the post in.
    assert left == list(range(IDLERS - MAX_CONNECTIONS + 1, IDLERS))
    refused = [series for series, value in metrics.items() if "too_many_connections" in series and value]
    assert refused == []


def may_unshare() -> bool:
    """Whether the kernel, and who set it up, lets us make namespaces of users and processes."""
    try:
        return subprocess.run([*NAMESPACE, "true"], capture_output=True, timeout=20).returncode == 0
    except OSError:
        return False


def flood(folder: Path, sidecar: Sidecar, sink: SinkProcess, seed: int, prefix: tuple[str, ...]) -> None:
    watch = Watch(sidecar)
    # Without a pid each connection is an agent, and each has its share of the queue, so that less is left over.
    # Small posts that take no refusal for an answer: large ones leave gaps in a full queue, in which others find room.
    noisy = ["--connections", "4" if prefix else "16", "--spans", "3", "--bytes", "2000"]
    small = ["--rate", "10", "--bytes", "2000", "--kinds", "otlp", "--seconds", str(SECONDS + 60)]
    # The quiet one comes first: while an agent is alone it may fill the queue, and who comes then waits like everybody.
    with Agents(folder, sidecar.socket, seed, *small, number=2, prefix=prefix) as posting:
        watch.until(lambda metrics: metrics['inspan_spans_accepted_total{dialect="otlp"}'] > 0, 20)
        with Agents(folder, sidecar.socket, seed, *noisy, "--seconds", str(SECONDS + 1), prefix=prefix) as flooding:
            watch.until(lambda metrics: metrics['inspan_queue_bytes{destination="up"}'] > FULL / 2, 20)
            watch.during(SECONDS)
            posting.enough()
            few = posting.count()
            many = flooding.count()
    behave(sink)
    watch.until_delivered()
    ledger = sidecar.stop()
    add_up([few, many], ledger, sink.count())
    assert few["acked"] == few["made"] > 2 * SECONDS, "the small agent lost spans"
    assert few["slowest"] < 1
    assert many["posts"].get("429", 0) > 0, "the flood filled nothing"


@pytest.mark.parametrize("namespaces", [False, True], ids=["one namespace", "namespaces"])
def test_an_agent_that_floods_costs_one_that_posts_ten_spans_a_second_nothing(
    tmp_path: Path, seed: int, namespaces: bool
) -> None:
    if namespaces and not may_unshare():
        pytest.skip("no user and PID namespaces are allowed here")
    # The sidecar has one as well: agents of a namespace below its own would have a pid to it, those beside it have 0.
    prefix = NAMESPACE if namespaces else ()
    few = {"queue": {"max_bytes": FULL}, "batch": {"max_spans": 500}, "concurrency": 1, "compression": "none"}
    with (
        SinkProcess(tmp_path, "--delay", "200ms") as sink,
        Sidecar(config(upstream(sink.url, **few)), prefix=prefix) as sidecar,
    ):
        flood(tmp_path, sidecar, sink, seed, prefix)
