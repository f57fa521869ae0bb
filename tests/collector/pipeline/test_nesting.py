"""A span that was taken can be read everywhere after that, however deep the stack is there.

msgspec stops where Python's recursion limit is reached, counted from the caller's frames: what a scan reads near the
top of the stack cannot be read further down.
"""

import asyncio
import contextlib

import pytest
from tests.collector.pipeline.rig import Rig, config
from tests.collector.pipeline.upstream import Upserting, Upstream
from tests.virtual_time import run

from inspan_collector.errors import Isolate, MalformedChunk
from inspan_collector.exporters.otlp import otlp_exporter
from inspan_collector.formats import Format
from inspan_collector.receipt import Receipt

TIMES = '"start_timestamp":"2026-01-01T00:00:00Z","end_timestamp":"2026-01-01T00:00:01Z"'
DEPTHS = range(900, 1000)  # the limit is 1000 frames, and some of them are our own


def span(name: str, depth: int = 1) -> str:
    return f'{{"id":"{name}","trace_id":"t",{TIMES},"input":{{"x":{"[" * depth}0{"]" * depth}}}}}'


class Refusing(Upserting):
    async def send(self, format: Format, payload: bytes, spans: int) -> Receipt:
        if b"bad" in payload:
            raise Isolate(400, "bad span")
        return Receipt()


class Translating(Upstream):
    def __init__(self) -> None:
        super().__init__()
        self.real = otlp_exporter(config(compression="none"))
        self.room, self.faults, self.encode = self.real.room, self.real.faults, self.real.encode  # type: ignore[method-assign]

    async def send(self, format: Format, payload: bytes, spans: int) -> Receipt:
        return Receipt()


async def deep(upstream: Upstream, depth: int, bad: str) -> None:
    sgp = {"kind": "sgp", "url": "http://up.example"} if upstream.upserts else {}
    rig = Rig(upstream, **sgp)
    body = f"[{span('deep', depth)},{span('neighbour')},{bad}]".encode()
    with contextlib.suppress(MalformedChunk):  # the door would have said 400
        rig.post(format="span_json", body=body)
    assert rig.pipeline.imbalance() == 0, f"{depth}: the books are wrong for good"
    rig.post(format="span_json", body=f"[{span('witness')}]".encode())
    await asyncio.sleep(60.0)
    assert "dropped_bug" not in rig.books(), f"{depth}: {rig.books()}"


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_deep_span_for_an_upstream_that_refuses_its_neighbour(depth: int) -> None:
    run(deep(Refusing(), depth, span("bad")))


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_deep_span_beside_one_that_cannot_be_translated(depth: int) -> None:
    run(deep(Translating(), depth, '{"id":"bad","trace_id":"t","end_timestamp":"x"}'))
