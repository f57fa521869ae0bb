"""Spans to AgentEx over a real socket: which requests each copy makes, and what each answer asks for."""

import json
from typing import Any

import pytest
from tests.collector.exporters.upstream import OK, Request, Send, Upstream, answer, exporting

from inspan_collector.errors import Isolate, Later, Pause
from inspan_collector.exporters import agentex
from inspan_collector.exporters.agentex import AgentexExporter
from inspan_collector.inflate import inflate
from inspan_collector.receipt import Receipt
from inspan_collector.sink import Sink
from inspan_collector.sink.behaviour import Behaviour

START, END = "2026-11-21T01:09:41Z", "2026-11-21T01:09:42Z"
TAKEN = answer(400, b'{"message":"taken"}')
GONE = answer(404, b"gone")


def span(span_id: str = "a", *, ended: bool = False, **members: Any) -> dict[str, Any]:
    end = {"end_timestamp": END} if ended else {}
    return {"id": span_id, "trace_id": "t", "name": "n", "start_timestamp": START, **end, **members}


async def write(send: Send, *spans: dict[str, Any]) -> None:
    assert await send(json.dumps(spans).encode(), "span_json") == Receipt()


def base(upstream: Upstream) -> str:
    return upstream.url.removesuffix("/v1/traces") + "/api/"


def lines(requests: list[Request]) -> list[str]:
    return [request.line.removesuffix(" HTTP/1.1") for request in requests]


CREATE, CHANGE = "POST /api/spans", "PATCH /api/spans/a"


@pytest.mark.parametrize("compression", ["none", "gzip"])
async def test_a_span_is_created_by_one_request_with_the_destinations_key(compression: str) -> None:
    more = {"headers": {"x-agent-api-key": "k"}, "compression": compression}
    async with Upstream(answer(200, b"garbage")) as upstream, exporting(base(upstream), "agentex", **more) as (send, _):
        await write(send, span(ended=True, output={"o": 1}))
        (request,) = upstream.requests
        assert lines(upstream.requests) == [CREATE]
        assert (request.headers["x-agent-api-key"], request.headers["content-type"]) == ("k", "application/json")
        body = inflate(request.headers.get("content-encoding", ""), request.body, 1 << 20)
        assert json.loads(body)["output"] == {"o": 1} and json.loads(body)["end_time"] == END


async def test_several_spans_go_one_after_the_other_over_one_connection() -> None:
    async with Upstream() as upstream, exporting(base(upstream), "agentex") as (send, _):
        await write(send, *(span(name) for name in "abc"))
        assert [json.loads(request.body)["id"] for request in upstream.requests] == ["a", "b", "c"]
        assert upstream.connections == 1


async def test_the_end_of_a_span_that_was_left_open_is_a_change() -> None:
    async with Upstream() as upstream, exporting(base(upstream), "agentex") as (send, _):
        await write(send, span(input={"i": 1}))
        await write(send, span(input={"i": 2}))
        await write(send, span(ended=True))
        assert lines(upstream.requests) == [CREATE, CHANGE, CHANGE]
        assert json.loads(upstream.requests[1].body) == {"name": "n", "start_time": START, "input": {"i": 2}}
        assert json.loads(upstream.requests[2].body) == {
            "name": "n",
            "start_time": START,
            "end_time": END,
            "output": {},
        }


async def test_a_span_that_has_ended_is_not_remembered() -> None:
    async with Upstream() as upstream, exporting(base(upstream), "agentex") as (send, exporter):
        await write(send, span())
        await write(send, span(ended=True))
        await write(send, span("b", ended=True))
        assert isinstance(exporter, AgentexExporter)
        assert exporter.running == {}
        await write(send, span(ended=True))
        assert lines(upstream.requests)[-1] == CREATE


async def test_of_too_many_running_spans_the_one_longest_unheard_of_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(agentex, "RUNNING", 2)
    async with Upstream() as upstream, exporting(base(upstream), "agentex") as (send, exporter):
        for name in "abac":
            await write(send, span(name))
        assert isinstance(exporter, AgentexExporter)
        assert list(exporter.running) == ["a", "c"]
        assert lines(upstream.requests) == [CREATE, CREATE, CHANGE, CREATE]


async def test_a_change_of_a_span_that_is_gone_becomes_a_creation() -> None:
    async with Upstream(OK, GONE, OK) as upstream, exporting(base(upstream), "agentex") as (send, _):
        await write(send, span())
        await write(send, span(ended=True, input={"i": 1}))
        assert lines(upstream.requests) == [CREATE, CHANGE, CREATE]
        assert json.loads(upstream.requests[2].body)["input"] == {"i": 1}


async def test_an_open_copy_whose_id_is_taken_asks_whether_it_is_there_and_changes_nothing() -> None:
    async with Upstream(TAKEN, OK) as upstream, exporting(base(upstream), "agentex") as (send, exporter):
        await write(send, span(input={"i": 1}))
        assert lines(upstream.requests) == [CREATE, CHANGE]
        assert json.loads(upstream.requests[1].body) == {"name": "n"}
        assert isinstance(exporter, AgentexExporter)
        assert exporter.running == {}, "it may have ended there"


async def test_an_open_copy_whose_id_is_taken_by_an_open_span_is_written_by_a_change() -> None:
    there = answer(200, b'{"id":"a","end_time":null}')
    async with Upstream(TAKEN, there, OK) as upstream, exporting(base(upstream), "agentex") as (send, exporter):
        await write(send, span(input={"i": 1}))
        assert lines(upstream.requests) == [CREATE, CHANGE, CHANGE]
        assert json.loads(upstream.requests[1].body) == {"name": "n"}
        assert json.loads(upstream.requests[2].body)["input"] == {"i": 1}
        assert isinstance(exporter, AgentexExporter)
        assert list(exporter.running) == ["a"]


async def test_a_span_that_goes_between_the_question_and_the_change_is_refused_with_the_words_to_its_creation() -> None:
    there = answer(200, b'{"id":"a","end_time":null}')
    async with Upstream(TAKEN, there, GONE) as upstream, exporting(base(upstream), "agentex") as (send, _):
        with pytest.raises(Isolate, match="400"):
            await write(send, span())


async def test_an_ended_copy_whose_id_is_taken_is_written_by_a_change() -> None:
    async with Upstream(TAKEN, OK) as upstream, exporting(base(upstream), "agentex") as (send, _):
        await write(send, span(ended=True, output={"o": 1}))
        assert lines(upstream.requests) == [CREATE, CHANGE]
        assert json.loads(upstream.requests[1].body)["output"] == {"o": 1}
        assert json.loads(upstream.requests[1].body)["end_time"] == END


@pytest.mark.parametrize("ended", [False, True])
async def test_a_400_for_a_span_that_is_not_there_is_a_refusal_with_its_words(ended: bool) -> None:
    async with Upstream(TAKEN, GONE) as upstream, exporting(base(upstream), "agentex") as (send, _):
        with pytest.raises(Isolate, match="400") as refused:
            await write(send, span(ended=ended))
        assert refused.value.words == '{"message":"taken"}'
        assert lines(upstream.requests) == [CREATE, CHANGE]


async def test_a_400_for_an_open_span_without_a_name_is_a_refusal_and_nobody_is_asked() -> None:
    async with Upstream(TAKEN) as upstream, exporting(base(upstream), "agentex") as (send, _):
        with pytest.raises(Isolate):
            await write(send, span(name=None))
        assert lines(upstream.requests) == [CREATE]


async def test_what_can_neither_be_changed_nor_created_is_put_off_once_and_refused_then() -> None:
    script = [OK, GONE, TAKEN, GONE, TAKEN, GONE]
    async with Upstream(*script) as upstream, exporting(base(upstream), "agentex") as (send, _):
        await write(send, span())
        with pytest.raises(Later):
            await write(send, span(ended=True))
        assert lines(upstream.requests) == [CREATE, CHANGE, CREATE, CHANGE]
        with pytest.raises(Isolate):
            await write(send, span(ended=True))
        assert lines(upstream.requests)[4:] == [CREATE, CHANGE]


DECISIONS = [(401, Pause), (403, Pause), (404, Pause), (409, Isolate), (422, Isolate), (413, Isolate), (429, Later)]


@pytest.mark.parametrize(("status", "decision"), [*DECISIONS, (500, Later), (503, Later)])
async def test_any_other_answer_to_a_creation_asks_for_what_it_asks_for_always(
    status: int, decision: type[Exception]
) -> None:
    async with Upstream(answer(status)) as upstream, exporting(base(upstream), "agentex") as (send, exporter):
        with pytest.raises(decision):
            await write(send, span())
        assert lines(upstream.requests) == [CREATE]
        assert isinstance(exporter, AgentexExporter)
        assert exporter.running == {}


@pytest.mark.parametrize(
    ("status", "decision"), [(401, Pause), (400, Isolate), (422, Isolate), (429, Later), (500, Later)]
)
@pytest.mark.parametrize("before", ["it was left open", "its id is taken"])
async def test_any_other_answer_to_a_change_does_too_and_it_is_asked_for_again(
    status: int, decision: type[Exception], before: str
) -> None:
    script = [OK, answer(status), OK] if before == "it was left open" else [TAKEN, answer(status), TAKEN, OK]
    async with Upstream(*script) as upstream, exporting(base(upstream), "agentex") as (send, _):
        if before == "it was left open":
            await write(send, span())
        with pytest.raises(decision):
            await write(send, span(ended=True))
        await write(send, span(ended=True))
        assert lines(upstream.requests)[-1] == CHANGE
        assert json.loads(upstream.requests[-1].body)["end_time"] == END


async def test_a_change_for_an_agent_that_is_gone_has_its_end_and_its_words_and_no_status() -> None:
    ends = {"end_timestamp": END, "status": "ERROR", "output": {"error": "interrupted"}}
    patch = json.dumps([{"id": "a", "trace_id": "t", **ends}, {"id": "b", "trace_id": "t", **ends}]).encode()
    open_one = answer(200, b'{"id":"a","end_time":null}')
    async with Upstream(open_one, OK, open_one, GONE) as upstream, exporting(base(upstream), "agentex") as (send, _):
        assert await send(patch, "span_patch") == Receipt(needless=1)
        assert lines(upstream.requests) == ["GET /api/spans/a", CHANGE, "GET /api/spans/b", "PATCH /api/spans/b"]
        for request in upstream.requests[1::2]:
            assert json.loads(request.body) == {"end_time": END, "output": {"error": "interrupted"}}


# With the sink, which holds to the contract


async def there(sink: Sink) -> dict[str, Any]:
    (found,) = sink.rows()["agentex"]
    return found


async def test_a_creation_whose_answer_was_lost_is_written_once() -> None:
    for ended in (False, True):
        async with Sink(Behaviour(chance="swallow=1")) as sink, exporting(sink.url, "agentex") as (send, _):
            with pytest.raises(Later):
                await write(send, span(ended=ended))
            sink.behave(Behaviour())
            await write(send, span(ended=ended))
            assert (await there(sink))["end_time"] == (END if ended else None)
            assert sink.count().answered == {400: 1, 200: 1 if ended else 2}


async def test_an_end_after_a_restart_finds_the_start_that_another_life_created() -> None:
    async with Sink() as sink:
        async with exporting(sink.url, "agentex") as (send, _):
            await write(send, span(input={"i": 1}, metadata={"m": 1}))
        async with exporting(sink.url, "agentex") as (send, _):
            await write(send, span(ended=True, output={"o": 1}, metadata={"n": 2}))
        row = await there(sink)
        assert (row["end_time"], row["input"], row["output"]) == (END, {"i": 1}, {"o": 1})
        assert row["data"] == {"m": 1, "n": 2}


async def test_what_is_new_in_an_open_copy_is_written_also_after_a_lost_answer() -> None:
    async with Sink(Behaviour(chance="swallow=1")) as sink, exporting(sink.url, "agentex") as (send, _):
        with pytest.raises(Later):
            await write(send, span(output={"o": 1}))
        sink.behave(Behaviour())
        await write(send, span(output={"o": 2}))
        assert (await there(sink))["output"] == {"o": 2}
        await write(send, span(output={"o": 3}))
        assert (await there(sink))["output"] == {"o": 3}
        assert sink.count().answered == {400: 1, 200: 3}


async def test_an_open_copy_after_the_end_overwrites_nothing() -> None:
    async with Sink() as sink, exporting(sink.url, "agentex") as (send, _):
        await write(send, span(ended=True, output={"o": 1}, input={"i": 2}))
        before = await there(sink)
        await write(send, span(output={"o": 0}, input={"i": 1}))
        assert await there(sink) == before


@pytest.mark.parametrize("output", [{}, {"output": {"text": "true"}}])
@pytest.mark.parametrize("restart", [False, True])
async def test_a_true_end_after_an_interruption_wins(output: dict[str, Any], restart: bool) -> None:
    ends = {"end_timestamp": START, "status": "ERROR", "output": {"error": "interrupted"}}
    async with Sink() as sink:
        async with exporting(sink.url, "agentex") as (send, _):
            await write(send, span(input={"i": 1}))
            await send(json.dumps([{"id": "a", "trace_id": "t", **ends}]).encode(), "span_patch")
            assert (await there(sink))["output"] == {"error": "interrupted"}
            if not restart:
                await write(send, span(ended=True, **output))
        if restart:
            async with exporting(sink.url, "agentex") as (send, _):
                await write(send, span(ended=True, **output))
        row = await there(sink)
        assert (row["end_time"], row["output"], row["input"]) == (END, output.get("output", {}), {"i": 1})


async def test_a_list_in_data_stays_as_it_was_created() -> None:
    async with Sink() as sink, exporting(sink.url, "agentex") as (send, _):
        await write(send, span(metadata=[{"a": 1}]))
        await write(send, span(ended=True, metadata=[{"a": 1}]))
        assert ((await there(sink))["data"], (await there(sink))["end_time"]) == ([{"a": 1}], END)
