"""Spans of our own JSON to an OTLP endpoint over a real socket: protobuf when they arrive."""

import asyncio
import gzip
import json
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.collector.exporters.upstream import Upstream, answer, exporting
from tests.collector.sink.posts import otlp, otlp_json, sgp_span

from inspan_collector.errors import UNSENT, Isolate
from inspan_collector.formats import FORMATS
from inspan_collector.inflate import inflate
from inspan_collector.receipt import Receipt
from inspan_collector.translate.body import SLICE_SPANS

JSON = FORMATS["span_json"]
END = "2026-11-21T01:09:42Z"


def spans(count: int, **members: Any) -> bytes:
    return json.dumps([sgp_span(f"s{n}", end_timestamp=END, **members) for n in range(count)]).encode()


def names(request: bytes) -> list[str]:
    """The ids that the agent gave, in order."""
    return [
        attribute.value.string_value
        for resource in ExportTraceServiceRequest.FromString(request).resource_spans
        for span in resource.scope_spans[0].spans
        for attribute in span.attributes
        if attribute.key == "inspan.span_id"
    ]


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
@pytest.mark.parametrize("count", [1, 700], ids=["one", "many slices"])
async def test_spans_in_json_arrive_as_protobuf_whole_and_in_order(compression: str, count: int) -> None:
    async with Upstream(answer(200)) as upstream, exporting(upstream.url, compression=compression) as (send, _):
        assert await send(spans(count), "span_json") == Receipt()
        (request,) = upstream.requests
        assert request.headers["content-type"] == "application/x-protobuf"
        assert request.headers.get("content-encoding", "none") == compression
        body = request.body if compression == "none" else inflate(compression, request.body, 1 << 30)
        assert names(body) == [f"s{n}" for n in range(count)]


async def test_otlp_is_sent_as_it_came_beside_it() -> None:
    async with Upstream(answer(200)) as upstream, exporting(upstream.url, compression="gzip") as (send, _):
        await send(otlp("a"))
        await send(otlp_json("b"), "otlp_json")
        assert [gzip.decompress(request.body) for request in upstream.requests] == [otlp("a"), otlp_json("b")]
        assert [request.headers["content-type"] for request in upstream.requests] == [
            "application/x-protobuf",
            "application/json",
        ]


async def test_a_span_that_cannot_be_translated_is_named_and_nothing_is_sent() -> None:
    bad = sgp_span("bad", end_timestamp=END, start_timestamp="yesterday")
    body = b"[%b,%b,%b]" % (spans(1)[1:-1], json.dumps(bad).encode(), spans(1)[1:-1])
    async with Upstream(answer(200)) as upstream, exporting(upstream.url) as (send, exporter):
        with pytest.raises(Isolate) as caught:
            await send(body, "span_json")
        assert caught.value.status == UNSENT
        ((index, why),) = exporter.faults(JSON, body)
        assert index == 1
        assert why.startswith("start_timestamp: expected an RFC 3339 time")
        assert caught.value.words == f"cannot be translated to OTLP: {why}"
        assert upstream.requests == []


async def test_a_body_that_cannot_even_be_taken_apart_asks_for_isolation_too() -> None:
    async with exporting("http://127.0.0.1:9/v1/traces") as (_, exporter):
        with pytest.raises(Isolate, match=str(UNSENT)):
            await exporter.encode(JSON, b"[")


async def test_what_is_passed_on_is_judged_by_its_own_format() -> None:
    wrong = otlp("a").replace(b"a", b"\xff")
    strange = b'[{"id":"1","trace_id":"2","name":5,"end_timestamp":"2026-01-01T00:00:00Z"}]'
    async with exporting("http://127.0.0.1:9/v1/traces") as (_, exporter):
        assert exporter.faults(FORMATS["otlp_protobuf"], wrong) == FORMATS["otlp_protobuf"].faults(wrong) != []
    async with exporting("http://127.0.0.1:9", "sgp") as (_, exporter):
        assert exporter.faults(JSON, strange) == JSON.faults(strange) != []
    async with exporting(None, "file", path="/tmp") as (_, exporter):
        assert exporter.faults(JSON, strange) == JSON.faults(strange)


async def test_while_a_batch_is_translated_the_loop_has_turns_for_others() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with exporting("http://127.0.0.1:9/v1/traces", compression="none") as (_, exporter):
        task = asyncio.create_task(other())
        await asyncio.sleep(0)
        before = turns
        await exporter.encode(JSON, spans(SLICE_SPANS * 20))
        assert turns - before >= 20
        task.cancel()


@pytest.mark.parametrize("compression", ["none", "gzip"])
async def test_room_is_for_what_is_written_anew_and_no_more_for_the_rest(compression: str) -> None:
    async with exporting("http://127.0.0.1:9/v1/traces", compression=compression) as (_, exporter):
        for name in ("otlp_protobuf", "otlp_json"):
            assert exporter.room(FORMATS[name], 1000, 3) == 1000 * exporter.working
        assert exporter.working == (1 if compression == "none" else 2)
        for members in ({}, {"input": {"text": "x" * 5000}}):
            body = spans(300, **members)
            async with exporting("http://127.0.0.1:9/v1/traces", compression="none") as (_, plain):
                translated = await plain.encode(JSON, body)
            assert len(body) + 2 * len(translated) <= exporter.room(JSON, len(body), 300)
