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
DEEP = b'{"input":' + b"[" * 100_000  # deeper than any stack


def changes(*ids: str) -> bytes:
    ends: dict[str, Any] = {"end_timestamp": END, "status": "ERROR", "output": WORDS}
    return json.dumps([{"id": span_id, "trace_id": "t", **ends} for span_id in ids]).encode()


def base(upstream: Upstream) -> str:
    return upstream.url.removesuffix("/v1/traces") + "/base/"


def there(**members: Any) -> Any:
    span = {"id": "a", "trace_id": "t", "name": "llm", "start_timestamp": "2026-11-21T01:09:41Z", "end_timestamp": None}
    return answer(200, json.dumps(span | members).encode())


def lines(upstream: Upstream) -> list[str]:
    return [request.line.removesuffix(" HTTP/1.1") for request in upstream.requests]


@pytest.mark.parametrize("compression", ["none", "gzip"])
async def test_each_span_is_looked_at_and_changed_without_the_ids_in_the_body(compression: str) -> None:
    more = {"headers": {"x-api-key": "k"}, "account_id": "acc", "compression": compression}
    upstream = Upstream(there(), OK, there(), OK)
    async with upstream, exporting(base(upstream), "sgp", **more) as (send, _):
        assert await send(changes("a", "b"), "span_patch") == Receipt()
        assert lines(upstream) == [f"{verb} /base/v5/spans/{name}" for name in "ab" for verb in ("GET", "PATCH")]
        assert upstream.connections == 1
        for look, change in (upstream.requests[:2], upstream.requests[2:]):
            for request in (look, change):
                assert (request.headers["x-api-key"], request.headers["x-selected-account-id"]) == ("k", "acc")
            assert not look.body and not {"content-type", "content-encoding"} & look.headers.keys()
            assert change.headers["content-type"] == "application/json"
            body = inflate(change.headers.get("content-encoding", ""), change.body, 1 << 20)
            assert json.loads(body) == {"end_timestamp": END, "status": "ERROR", "output": WORDS}


@pytest.mark.parametrize(("kind", "end"), [("sgp", "end_timestamp"), ("agentex", "end_time")])
async def test_a_span_that_somebody_else_has_ended_or_that_is_not_there_is_left_alone(kind: str, end: str) -> None:
    """Its end may have come by another sidecar."""
    upstream = Upstream(there(**{end: END}), answer(404), there(**{end: None}), OK)
    async with upstream, exporting(base(upstream), kind) as (send, _):
        assert await send(changes("a", "b", "c"), "span_patch") == Receipt(needless=2)
        assert [line.split()[0] for line in lines(upstream)] == ["GET", "GET", "GET", "PATCH"]


async def test_an_end_that_we_wrote_in_an_attempt_that_failed_further_on_is_delivered_all_the_same() -> None:
    ours = there(end_timestamp="2026-11-21T01:09:42+00:00", output=dict(reversed(WORDS.items())))
    upstream = Upstream(there(), OK, answer(503), ours, there(), OK)
    async with upstream, exporting(base(upstream), "sgp") as (send, _):
        with pytest.raises(Later):
            await send(changes("a", "b"), "span_patch")
        assert await send(changes("a", "b"), "span_patch") == Receipt()


@pytest.mark.parametrize("seen", [answer(403), answer(405), answer(501), answer(302)])
async def test_one_that_cannot_be_seen_is_changed_all_the_same(seen: Any) -> None:
    upstream = Upstream(seen, OK)
    async with upstream, exporting(base(upstream), "sgp") as (send, _):
        assert await send(changes("a"), "span_patch") == Receipt()
        assert [line.split()[0] for line in lines(upstream)] == ["GET", "PATCH"]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-21T01:09:43Z", "2026-11-21T01:09:43Z"),
        ("2026-11-21T05:09:43+02:00", "2026-11-21T05:09:43+02:00"),
        ("2026-11-21T01:09:41", END),
        ("yesterday", END),
        (7, END),
        (None, END),
    ],
)
@pytest.mark.parametrize("kind", ["sgp", "agentex"])
async def test_no_span_ends_before_it_began(kind: str, start: Any, end: str) -> None:
    ours = ("start_timestamp", "end_timestamp") if kind == "sgp" else ("start_time", "end_time")
    upstream = Upstream(answer(200, json.dumps({"id": "a", ours[0]: start, ours[1]: None}).encode()), OK)
    async with upstream, exporting(base(upstream), kind) as (send, _):
        assert await send(changes("a"), "span_patch") == Receipt()
        assert json.loads(upstream.requests[1].body)[ours[1]] == end


@pytest.mark.parametrize("words", [b"x", b"[]", b"null", b"[" * 9000, b'{"end_timestamp":' + b"[" * 9000])
async def test_one_of_which_is_not_known_whether_it_has_ended_is_left_alone_and_that_is_said(words: bytes) -> None:
    upstream = Upstream(answer(200, words), there(), OK)
    async with upstream, exporting(base(upstream), "sgp") as (send, _):
        receipt = await send(changes("a", "b"), "span_patch")
        assert receipt.rejected == 1 and receipt.message.startswith("200: the answer that was to say")
        assert [line.split()[0] for line in lines(upstream)] == ["GET", "GET", "PATCH"]


async def test_a_large_span_is_seen_whole() -> None:
    upstream = Upstream(there(input={"text": "x" * 5_000_000}, end_timestamp=END))
    async with upstream, exporting(base(upstream), "sgp") as (send, _):
        assert await send(changes("a"), "span_patch") == Receipt(needless=1)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_upstream_that_cannot_say_now_is_asked_later(status: int) -> None:
    upstream = Upstream(answer(status))
    async with upstream, exporting(base(upstream), "sgp") as (send, _):
        with pytest.raises(Later):
            await send(changes("a"), "span_patch")
        assert len(upstream.requests) == 1


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
    upstream = Upstream(there(), OK)
    async with upstream, exporting(base(upstream), "sgp") as (send, _):
        await send(changes(span_id), "span_patch")
        assert lines(upstream) == [f"GET /base/v5/spans/{path}", f"PATCH /base/v5/spans/{path}"]


async def test_an_id_that_fits_no_path_is_not_there_and_nobody_is_asked() -> None:
    upstream = Upstream(there(), OK)
    async with upstream, exporting(base(upstream), "sgp") as (send, _):
        assert await send(changes("ü" * 1000, "a"), "span_patch") == Receipt(needless=1)
        assert lines(upstream) == ["GET /base/v5/spans/a", "PATCH /base/v5/spans/a"]


@pytest.mark.parametrize("status", [405, 501])
async def test_where_spans_are_upserted_alone_it_is_written_whole_as_it_was_read(status: int) -> None:
    more = {"input": {"q": 1}, "metadata": {"k": [1]}, "created_by": {"id": "u"}, "account_id": "x", "object": "span"}
    upstream = Upstream(there(**more, group_id=None), answer(status), OK)
    async with upstream, exporting(base(upstream), "sgp") as (send, _):
        assert await send(changes("a"), "span_patch") == Receipt()
        assert lines(upstream)[2] == "PUT /base/v5/spans/batch"
        span = {"id": "a", "trace_id": "t", "name": "llm", "start_timestamp": "2026-11-21T01:09:41Z"}
        span |= {"input": {"q": 1}, "metadata": {"k": [1]}, "end_timestamp": END, "status": "ERROR", "output": WORDS}
        assert json.loads(upstream.requests[2].body) == {"items": [span]}


@pytest.mark.parametrize("kind", ["sgp", "agentex"])
async def test_a_change_that_nothing_will_heal_is_rejected_and_the_others_are_made(kind: str) -> None:
    upstream = Upstream(there(), OK, answer(403), answer(501, b"its words"), there(), OK)
    async with upstream, exporting(base(upstream), kind) as (send, _):
        receipt = await send(changes("a", "b", "c"), "span_patch")
        assert (receipt.rejected, receipt.needless) == (1, 0)
        assert receipt.message == "501, it cannot be changed: its words"
        assert len(upstream.requests) == 6


@pytest.mark.parametrize(
    ("status", "decision"), [(401, Pause), (403, Pause), (422, Isolate), (400, Isolate), (429, Later), (503, Later)]
)
async def test_any_other_answer_asks_for_what_it_asks_for_always(status: int, decision: type[Exception]) -> None:
    upstream = Upstream(there(), OK, there(), answer(status))
    async with upstream, exporting(base(upstream), "sgp") as (send, _):
        with pytest.raises(decision):
            await send(changes("a", "b", "c"), "span_patch")
        assert len(upstream.requests) == 4


async def test_the_words_of_a_rejection_are_cut() -> None:
    upstream = Upstream(answer(403), answer(501, b"x" * 5000))
    async with upstream, exporting(base(upstream), "sgp") as (send, _):
        assert len((await send(changes("a"), "span_patch")).message) == 300


async def test_a_change_is_no_format_that_an_agent_can_post() -> None:
    async with Upstream() as upstream, exporting(base(upstream), "sgp") as (_, exporter):
        assert exporter.formats == {"span_json"}
        assert exporter.upserts
