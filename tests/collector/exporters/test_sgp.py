"""Spans to SGP's batch endpoint."""

import json

import pytest
from tests.collector.exporters.upstream import Upstream, answer, exporting
from tests.collector.sink.posts import sgp_span

from inspan_collector.errors import Isolate, Later, Pause
from inspan_collector.inflate import inflate
from inspan_collector.receipt import Receipt


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
async def test_spans_are_put_as_items_with_the_destinations_own_account(compression: str) -> None:
    spans = [sgp_span("s1"), sgp_span("s2")]
    headers = {"x-api-key": "k"}
    async with Upstream(answer(200, b"garbage")) as upstream:
        base = upstream.url.removesuffix("/v1/traces") + "/base/"
        more = {"headers": headers, "account_id": "acc", "compression": compression}
        async with exporting(base, "sgp", **more) as (send, exporter):
            assert exporter.upserts
            assert await send(json.dumps(spans).encode(), "span_json") == Receipt()
    request = upstream.requests[0]
    assert request.line == "PUT /base/v5/spans/batch HTTP/1.1"
    assert (request.headers["x-api-key"], request.headers["x-selected-account-id"]) == ("k", "acc")
    assert request.headers["content-type"] == "application/json"
    body = inflate(request.headers.get("content-encoding", ""), request.body, 1 << 20)
    assert json.loads(body) == {"items": spans}


@pytest.mark.parametrize(("status", "decision"), [(422, Isolate), (401, Pause), (404, Pause), (502, Later)])
async def test_its_refusals_ask_for_the_same_decisions(status: int, decision: type[Exception]) -> None:
    async with Upstream(answer(status)) as upstream, exporting(upstream.url, "sgp") as (send, _):
        with pytest.raises(decision):
            await send(b"[%b]" % json.dumps(sgp_span()).encode(), "span_json")
        assert len(upstream.requests) == 1
