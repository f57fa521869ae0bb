"""A span that is stuck at the upstream holds up its own next copy, and no other span."""

import asyncio
import json
from typing import Any

import pytest
from tests.collector.pipeline.rig import Rig
from tests.collector.pipeline.upstream import Upserting
from tests.virtual_time import run

from inspan_collector.errors import Later
from inspan_collector.formats import Format
from inspan_collector.receipt import Receipt

SPANS = 100  # a second, for a minute
SECONDS = 60
LATENCY = 0.15  # s
STUCK = "stuck"


class Slow(Upserting):
    """Answers after 150 ms; where the stuck span is among them, after `stuck` seconds, or not at all."""

    def __init__(self, stuck: float, *, timeout: bool) -> None:
        super().__init__()
        self.stuck = stuck
        self.timeout = timeout
        self.written: list[tuple[float, str]] = []

    async def send(self, format: Format, payload: bytes, spans: int) -> Receipt:
        keys = [item["id"] for item in json.loads(payload)]
        stuck = STUCK in keys and self.stuck > LATENCY
        await asyncio.sleep(self.stuck if stuck else LATENCY)
        if stuck and self.timeout:
            raise Later("no answer")
        now = asyncio.get_running_loop().time()
        self.written += [(now, key) for key in keys]
        return Receipt()


async def minute(stuck: float, *, timeout: bool = False, **settings: Any) -> tuple[Slow, dict[str, int]]:
    """A minute of load, in the third second of which the stuck span begins; it is told of again every second."""
    upstream = Slow(stuck, timeout=timeout)
    rig = Rig(upstream, kind="sgp", url="http://up.example", upsert={"hold_open": 0.0}, **settings)
    for tick in range(SECONDS * 10):
        spans: list[dict[str, Any]] = [
            {"id": f"{tick} {n}", "trace_id": "t", "end_timestamp": "x"} for n in range(SPANS // 10)
        ]
        if tick >= 30 and tick % 10 == 0:
            spans.append({"id": STUCK, "trace_id": "t", "n": tick})
        assert rig.post(format="span_json", body=json.dumps(spans).encode())
        await asyncio.sleep(0.1)
    upstream.stuck = 0.0
    await asyncio.sleep(60.0)
    return upstream, await rig.drained()


def throughput(upstream: Slow, since: float, until: float) -> int:
    """Other spans written between two moments."""
    return sum(since <= when < until and key != STUCK for when, key in upstream.written)


@pytest.mark.parametrize("concurrency", [2, 8, 16])
def test_one_key_stuck_for_thirty_seconds_leaves_the_throughput_of_the_rest(concurrency: int) -> None:
    healthy, _ = run(minute(0.0, concurrency=concurrency))
    slow, books = run(minute(30.0, concurrency=concurrency))
    before, now = throughput(healthy, 5.0, 33.0), throughput(slow, 5.0, 33.0)
    assert now >= 0.95 * before > 0
    assert [key for _, key in slow.written].count(STUCK) < 5, "what was told of it meanwhile became one write"
    assert books["delivered"] + books["merged"] == books["enqueued"]


def test_a_key_that_times_out_again_and_again_leaves_the_throughput_of_the_rest() -> None:
    healthy, _ = run(minute(0.0))
    slow, books = run(minute(10.0, timeout=True))
    before, now = throughput(healthy, 5.0, 60.0), throughput(slow, 5.0, 60.0)
    assert now >= 0.95 * before > 0
    assert books["delivered"] + books["merged"] + books.get("quarantined", 0) == books["enqueued"]
