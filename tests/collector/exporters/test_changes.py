"""Changes of single spans, one request each, to upstreams that take them."""

import json
from typing import Any

import pytest
from tests.collector.exporters.upstream import OK, Upstream, answer, exporting

from inspan_collector.errors import Isolate, Later, Pause
from inspan_collector.inflate import inflate
from inspan_collector.receipt import Receipt

END = "2026-11-21T01:09:42Z"
WORDS = {"error": "interrupted", "message": "its agent is gone"}


def changes(*ids: str) -> bytes:
    ends: dict[str, Any] = {"end_timestamp": END, "status": "ERROR", "output": WORDS}
    return json.dumps([{"id": span_id, "trace_id": "t", **ends} for span_id in ids]).encode()


def base(upstream: Upstream) -> str:
    return upstream.url.removesuffix("/v1/traces") + "/base/"


@pytest.mark.parametrize("compression", ["none", "gzip"])
async def test_each_change_is_a_request_of_its_own_without_the_ids_in_its_body(compression: str) -> None:
    more = {"headers": {"x-api-key": "k"}, "account_id": "acc", "compression": compression}
    async with Upstream() as upstream, exporting(base(upstream), "sgp", **more) as (send, _):
        assert await send(changes("a", "b"), "span_patch") == Receipt()
        lines = [request.line for request in upstream.requests]
        assert lines == [f"PATCH /base/v5/spans/{name} HTTP/1.1" for name in "ab"]
        assert upstream.connections == 1
        for request in upstream.requests:
            assert (request.headers["x-api-key"], request.headers["x-selected-account-id"]) == ("k", "acc")
            assert request.headers["content-type"] == "application/json"
            body = inflate(request.headers.get("content-encoding", ""), request.body, 1 << 20)
            assert json.loads(body) == {"end_timestamp": END, "status": "ERROR", "output": WORDS}


@pytest.mark.parametrize(
    ("span_id", "path"),
    [
        ("a/b", "a%2Fb"),
        ("a?b#c", "a%3Fb%23c"),
        ("100%", "100%25"),
        ("ü 1", "%C3%BC%201"),
        ("a\0", "a%00"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("a.b", "a.b"),
    ],
)
async def test_an_id_is_one_part_of_the_path_whatever_is_in_it(span_id: str, path: str) -> None:
    async with Upstream() as upstream, exporting(base(upstream), "sgp") as (send, _):
        await send(changes(span_id), "span_patch")
        assert upstream.requests[0].line == f"PATCH /base/v5/spans/{path} HTTP/1.1"


async def test_an_id_that_fits_no_path_is_not_there_and_nobody_is_asked() -> None:
    async with Upstream() as upstream, exporting(base(upstream), "sgp") as (send, _):
        receipt = await send(changes("ü" * 1000, "a"), "span_patch")
        assert (receipt.rejected, "too long" in receipt.message) == (1, True)
        assert [request.line for request in upstream.requests] == ["PATCH /base/v5/spans/a HTTP/1.1"]


@pytest.mark.parametrize(("status", "word"), [(404, "not there"), (405, "changed here"), (501, "this account")])
async def test_a_change_that_nothing_will_heal_is_rejected_and_the_others_are_made(status: int, word: str) -> None:
    async with (
        Upstream(OK, answer(status, b"its words"), OK) as upstream,
        exporting(base(upstream), "sgp") as (send, _),
    ):
        receipt = await send(changes("a", "b", "c"), "span_patch")
        assert receipt.rejected == 1
        assert receipt.message.startswith(f"{status}, ")
        assert word in receipt.message and receipt.message.endswith(": its words")
        assert len(upstream.requests) == 3


@pytest.mark.parametrize(
    ("status", "decision"), [(401, Pause), (403, Pause), (422, Isolate), (400, Isolate), (429, Later), (503, Later)]
)
async def test_any_other_answer_asks_for_what_it_asks_for_always(status: int, decision: type[Exception]) -> None:
    async with Upstream(OK, answer(status)) as upstream, exporting(base(upstream), "sgp") as (send, _):
        with pytest.raises(decision):
            await send(changes("a", "b", "c"), "span_patch")
        assert len(upstream.requests) == 2


async def test_the_words_of_a_rejection_are_cut() -> None:
    async with Upstream(answer(404, b"x" * 5000)) as upstream, exporting(base(upstream), "sgp") as (send, _):
        assert len((await send(changes("a"), "span_patch")).message) == 300


async def test_a_change_is_no_format_that_an_agent_can_post() -> None:
    async with Upstream() as upstream, exporting(base(upstream), "sgp") as (_, exporter):
        assert exporter.formats == {"span_json"}
        assert exporter.upserts
