"""The contract of AgentEx's `/spans`, as its server has it."""

import json

import pytest
from tests.collector.sink.posts import JSON, post

from inspan_collector.sink import Sink
from inspan_collector.sink.behaviour import Behaviour

START, END = "2026-11-21T01:09:41.674752+00:00", "2026-11-21T01:09:42Z"
NULLS = dict.fromkeys(("data", "end_time", "input", "output", "parent_id", "task_id"))


def span(**fields):
    return {"id": "a", "trace_id": "t", "name": "n", "start_time": START, **fields}


async def create(client, sink, body):
    """(status, decoded JSON) of a POST."""
    async with client.post(sink.url + "/spans", json=body) as answer:
        return answer.status, await answer.json()


async def change(client, sink, body, span_id="a"):
    """(status, decoded JSON) of a PATCH."""
    async with client.patch(sink.url + f"/spans/{span_id}", json=body) as answer:
        return answer.status, await answer.json()


async def test_a_span_is_created_and_answered_with_all_ten_members(client):
    async with Sink() as sink:
        assert await create(client, sink, span(data={"d": 1}, unheard="of")) == (200, {**NULLS, **span(data={"d": 1})})
        assert sink.rows() == {"sgp": [], "agentex": [{**NULLS, **span(data={"d": 1})}]}
        count = sink.count()
        assert (count.spans, count.unique, count.largest_batch, count.rows) == (1, 1, 1, 0)


async def test_a_span_without_an_id_is_given_one(client):
    async with Sink() as sink:
        for body in (span(id=None), span(id=None)):
            assert (await create(client, sink, body))[0] == 200
        assert len({row["id"] for row in sink.rows()["agentex"]}) == 2


async def test_an_id_that_is_taken_is_400_in_any_trace_and_changes_nothing(client):
    async with Sink() as sink:
        await create(client, sink, span())
        status, answer = await create(client, sink, span(trace_id="u", name="other"))
        assert status == 400
        assert answer == {"message": answer["message"], "code": 400, "data": None} and "'a'" in answer["message"]
        assert sink.rows()["agentex"] == [{**NULLS, **span()}]
        assert sink.count().spans == 1


async def test_a_change_keeps_what_it_does_not_name_and_what_it_names_null(client):
    async with Sink() as sink:
        await create(client, sink, span(input={"i": 1}, parent_id="p"))
        body = {"end_time": END, "output": [{"o": 1}], "input": None, "task_id": "k"}
        expected = {**NULLS, **span(input={"i": 1}, parent_id="p", end_time=END, output=[{"o": 1}], task_id="k")}
        assert await change(client, sink, body) == (200, expected)
        assert sink.rows()["agentex"] == [expected]
        assert await change(client, sink, {}) == (200, expected)


async def test_data_is_merged_and_nothing_else_is(client):
    async with Sink() as sink:
        await create(client, sink, span(data={"a": {"x": 1}, "b": 1}, input={"a": 1}))
        _, row = await change(client, sink, {"data": {"a": {"y": 2}, "c": 3}, "input": {"b": 1}})
        assert (row["data"], row["input"]) == ({"a": {"y": 2}, "b": 1, "c": 3}, {"b": 1})


@pytest.mark.parametrize(("there", "fresh"), [([{"a": 1}], {"b": 1}), ({"a": 1}, [{"b": 1}]), ([{}], [{}])])
async def test_a_list_in_data_cannot_be_merged_which_is_500(client, there, fresh):
    async with Sink() as sink:
        await create(client, sink, span(data=there))
        status, answer = await change(client, sink, {"data": fresh})
        assert (status, answer["code"], sink.rows()["agentex"][0]["data"]) == (500, 500, there)


async def test_a_change_of_an_unknown_span_is_404(client):
    async with Sink() as sink:
        assert (await change(client, sink, {"name": "n"}))[0] == 404
        await create(client, sink, span(id="x/y ü"))
        assert (await change(client, sink, {"name": "new"}, "x%2Fy%20%C3%BC"))[0] == 200
        assert sink.rows()["agentex"][0]["name"] == "new"


WRONG = [{"name": 3}, {"start_time": "yesterday"}, {"trace_id": 1}, {"input": "bare"}, {"output": [1]}, {"data": True}]


@pytest.mark.parametrize("fields", [*WRONG, {"end_time": "x"}, {"parent_id": 1}, {"task_id": []}], ids=str)
async def test_a_field_of_the_wrong_type_is_422_in_its_own_shape(client, fields):
    async with Sink() as sink:
        for status, answer in (await create(client, sink, span(**fields)), await change(client, sink, fields)):
            assert (status, answer["status_code"], answer["data"]) == (422, 10422, None)
            assert next(iter(fields)) in answer["message"]
        assert sink.rows()["agentex"] == []


@pytest.mark.parametrize("field", ["name", "start_time", "trace_id"])
async def test_a_missing_field_is_422_where_a_span_is_created(client, field):
    body = span()
    del body[field]
    async with Sink() as sink:
        assert (await create(client, sink, body))[0] == 422
        assert (await post(client, sink, b"no JSON", JSON, "/spans"))[0] == 422


async def test_what_a_sink_is_told_to_do_it_does_to_agentex_too(client):
    async with Sink(Behaviour(reject_span="poison", reject_status=422)) as sink:
        assert (await create(client, sink, span(name="poison")))[0] == 422
        assert (await create(client, sink, span()))[0] == 200
        assert (await change(client, sink, {"name": "poison"}))[0] == 422
        assert sink.rows()["agentex"][0]["name"] == "n"
        sink.behave(Behaviour(status=503))
        status, answer = await change(client, sink, {"name": "new"})
        assert (status, answer["code"]) == (503, 503)
        sink.reset()
        assert sink.rows() == {"sgp": [], "agentex": []}


async def test_a_span_can_be_looked_at(client):
    async with Sink() as sink:
        await create(client, sink, span())
        async with client.get(sink.url + "/spans/a") as answer:
            assert (answer.status, json.loads(await answer.read())) == (200, sink.rows()["agentex"][0])
        async with client.get(sink.url + "/spans/b") as answer:
            assert (answer.status, json.loads(await answer.read())["code"]) == (404, 404)
