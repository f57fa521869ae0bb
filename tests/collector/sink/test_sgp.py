"""The contract of SGP's batch endpoint, clause by clause. Source: scale_gp_beta 0.7.0, `spans.upsert_batch`."""

import itertools
import json
from datetime import UTC, datetime

import pytest
from tests.collector.sink.posts import JSON, post, put, sgp_span

from inspan_collector.sink import Sink
from inspan_collector.sink.rows import Rows
from inspan_collector.sink.sgp import Posted, Refused

END = "2026-11-21T01:09:42+00:00"


async def test_an_upsert_is_confirmed_with_a_list_of_its_spans(client):
    spans = [sgp_span("a", input={"text": "ü"}), sgp_span("b", parent_id="a", end_timestamp=END)]
    async with Sink() as sink:
        assert await put(client, sink, *spans) == (200, {"items": spans, "object": "list"})
        count = sink.count()
        assert (count.spans, count.unique, count.rows) == (2, 2, 2)


async def test_post_is_taken_as_well_as_put(client):
    async with Sink() as sink:
        body = b'{"items":[{"name":"n","trace_id":"t","id":"s","start_timestamp":"2026-11-21T01:09:41Z"}]}'
        status, _, _ = await post(client, sink, body, JSON, "/v5/spans/batch")
        assert (status, sink.count().rows) == (200, 1)


async def test_a_span_without_an_id_is_given_one(client):
    async with Sink() as sink:
        status, answer = await put(client, sink, sgp_span(None), sgp_span(None))
        assert status == 200
        assert len({span["id"] for span in answer["items"]}) == 2
        assert sink.count().unique == 2


async def test_the_api_key_is_asked_for_where_one_is_set(client):
    async with Sink(api_key="right") as sink:
        assert (await put(client, sink, sgp_span(), key="wrong"))[0] == 401
        assert (await put(client, sink, sgp_span(), key="right"))[0] == 200
        assert sink.count().spans == 1


async def test_every_field_of_the_contract_is_taken_where_it_is_right_and_null_is_none(client):
    objects = {field: {"text": ["a", 1, None]} for field in ("input", "output", "expected", "metadata")}
    more = {"status": "CANCELED", "type": "AGENT_TRACER", "obs_trace_id": "0a" * 16, "obs_span_id": "0a" * 8}
    full = sgp_span(**objects, **more, parent_id="p", group_id="g", end_timestamp=END)
    empty = sgp_span("s2", **dict.fromkeys(full.keys() - sgp_span().keys()))
    async with Sink() as sink:
        assert await put(client, sink, full, empty) == (200, {"items": [full, empty], "object": "list"})


async def test_a_thousand_spans_are_taken_and_one_more_is_422(client):
    spans = [sgp_span(str(number)) for number in range(1001)]
    async with Sink() as sink:
        assert (await put(client, sink, *spans))[0] == 422
        assert (await put(client, sink, *spans[:1000]))[0] == 200
        assert (sink.count().spans, sink.count().largest_batch) == (1000, 1000)


@pytest.mark.parametrize("field", ["name", "start_timestamp", "trace_id"])
async def test_a_missing_field_is_422_and_named(client, field):
    broken = sgp_span("b")
    del broken[field]
    async with Sink() as sink:
        status, answer = await put(client, sink, sgp_span("a"), broken)
        assert (status, sink.count().rows) == (422, 0)
        assert field in answer["detail"] and "items[1]" in answer["detail"]


WRONG = [
    {"name": 3},
    {"start_timestamp": "yesterday"},
    {"id": 7},
    {"parent_id": []},
    {"input": "bare"},
    {"output": [{}]},
    {"expected": 1},
    {"metadata": True},
    {"status": "OK"},
    {"type": 1},
    {"obs_trace_id": "A" * 32},
    {"obs_span_id": "a" * 15, "obs_trace_id": "a" * 32},
    {"obs_span_id": "a" * 16},
]


@pytest.mark.parametrize("fields", WRONG, ids=str)
async def test_a_field_of_the_wrong_type_is_422_and_named(client, fields):
    async with Sink() as sink:
        status, answer = await put(client, sink, {**sgp_span(), **fields})
        assert status == 422
        assert next(iter(fields)) in answer["detail"]


@pytest.mark.parametrize("end", ["2026-11-21T01:09:40Z", "2026-11-21T02:09:40+01:00", "2026-11-21T01:09:40"])
async def test_an_end_before_its_start_is_422_for_the_whole_batch(client, end):
    async with Sink() as sink:
        status, answer = await put(client, sink, sgp_span("a"), sgp_span("b", end_timestamp=end))
        assert (status, sink.count().rows) == (422, 0)
        assert "items[1].end_timestamp" in answer["detail"]


@pytest.mark.parametrize("field", ["id", "trace_id", "parent_id", "group_id"])
async def test_nul_in_an_id_is_400_and_named(client, field):
    async with Sink() as sink:
        status, answer = await put(client, sink, {**sgp_span(), field: "a\0b"})
        assert (status, sink.count().rows) == (400, 0)
        assert f"items[0].{field}" in answer["detail"]


@pytest.mark.parametrize("field", [b"id", b"trace_id", b"parent_id", b"group_id"])
async def test_invalid_utf8_in_an_id_is_400_and_the_field_named(client, field):
    body = b'{"items":[{"name":"\xff","start_timestamp":"2026-11-21T01:09:41Z","trace_id":"t","%b":"\xff"}]}' % field
    async with Sink() as sink:
        status, answer, _ = await post(client, sink, body, JSON, "/v5/spans/batch")
        assert status == 400
        assert b"items[0]." + field in answer


async def test_invalid_utf8_and_nul_elsewhere_are_taken_and_the_first_is_replaced(client):
    body = b'{"items":[{"name":"a\xffb","start_timestamp":"2026-11-21T01:09:41Z","trace_id":"t","id":"\xc3\xbc"}]}'
    async with Sink() as sink:
        status, answer, _ = await post(client, sink, body, JSON, "/v5/spans/batch")
        assert status == 200
        assert json.loads(answer)["items"][0] | {"name": "a\ufffdb", "id": "ü"} == json.loads(answer)["items"][0]
        assert (await put(client, sink, sgp_span(name="a\0b", input={"text": "\0"})))[0] == 200
        assert sink.count().rows == 2


@pytest.mark.parametrize("body", [b"", b"{", b'{"items":[\xff]}', b'{"items":[{"other":' + b"[" * 5000])
async def test_what_is_not_json_is_400(client, body):
    async with Sink() as sink:
        assert (await post(client, sink, body, JSON, "/v5/spans/batch"))[0] == 400


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"items":3}', b'{"items":[3]}'])
async def test_json_of_another_shape_is_422(client, body):
    async with Sink() as sink:
        assert (await post(client, sink, body, JSON, "/v5/spans/batch"))[0] == 422


@pytest.mark.parametrize("field", ["id", "group_id"])
@pytest.mark.parametrize(("text", "status"), [("a" * 256, 200), ("a" * 257, 422), ("ü" * 128, 200), ("ü" * 129, 400)])
async def test_ids_have_at_most_256_characters_and_256_bytes(client, field, text, status):
    async with Sink() as sink:
        answered, answer = await put(client, sink, {**sgp_span(), field: text})
        assert answered == status
        assert status == 200 or f"items[0].{field}" in answer["detail"]


async def test_a_parent_in_another_trace_is_409_and_nothing_is_written(client):
    async with Sink() as sink:
        await put(client, sink, sgp_span("p", "t1"))
        status, _ = await put(client, sink, sgp_span("x", "t2"), sgp_span("c", "t2", parent_id="p"))
        assert (status, sink.count().rows, sink.count().spans) == (409, 1, 1)
        within, _ = await put(client, sink, sgp_span("q", "t3"), sgp_span("c", "t2", parent_id="q"))
        assert (within, sink.count().rows) == (409, 1)


async def test_a_parent_that_is_not_there_yet_is_no_fault(client):
    async with Sink() as sink:
        assert (await put(client, sink, sgp_span("c", parent_id="p")))[0] == 200
        assert (await put(client, sink, sgp_span("p")))[0] == 200


async def test_the_same_id_in_two_traces_is_two_spans_and_each_is_its_childrens_parent(client):
    async with Sink() as sink:
        assert (await put(client, sink, sgp_span("p", "t1"), sgp_span("p", "t2")))[0] == 200
        assert (await put(client, sink, sgp_span("c", "t2", parent_id="p")))[0] == 200
        assert sink.count().rows == 3


CIRCLES = [[[("a", "a")]], [[("a", "b"), ("b", "a")]], [[("a", "b")], [("b", "c"), ("c", "a")]]]


@pytest.mark.parametrize("batches", CIRCLES)
async def test_parents_in_a_circle_are_409_and_nothing_of_that_batch_is_written(client, batches):
    async with Sink() as sink:
        for batch in batches[:-1]:
            assert (await put(client, sink, *(sgp_span(span, parent_id=parent) for span, parent in batch)))[0] == 200
        before = sink.count().rows
        status, _ = await put(client, sink, *(sgp_span(span, parent_id=parent) for span, parent in batches[-1]))
        assert (status, sink.count().rows) == (409, before)


async def test_a_span_that_gave_up_its_parent_is_no_part_of_a_circle(client):
    async with Sink() as sink:
        await put(client, sink, sgp_span("a", parent_id="b"))
        assert (await put(client, sink, sgp_span("a"), sgp_span("b", parent_id="a")))[0] == 200


async def test_a_repost_is_harmless(client):
    async with Sink() as sink:
        for _ in range(3):
            await put(client, sink, sgp_span("a", end_timestamp=END))
        assert (sink.count().spans, sink.count().unique, sink.count().rows) == (3, 1, 1)


async def test_a_start_on_another_utc_day_makes_a_second_row_of_one_span(client):
    async with Sink() as sink:
        await put(client, sink, sgp_span("a"), sgp_span("a", start_timestamp="2026-11-22T00:30:00+01:00"))
        assert (sink.count().unique, sink.count().rows) == (1, 1)
        await put(client, sink, sgp_span("a", start_timestamp="2026-11-22T00:30:00Z"))
        assert (sink.count().unique, sink.count().rows) == (1, 2)


@pytest.mark.parametrize("start", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
async def test_a_start_in_a_year_that_no_calendar_has_is_a_day_too(client, start):
    async with Sink() as sink:
        status, _ = await put(client, sink, sgp_span("a", start_timestamp=start))
        assert (status, sink.count().rows) == (200, 1)


def copy(parent: str | None, *, ended: bool) -> Posted:
    start = datetime(2026, 11, 21, tzinfo=UTC)
    return Posted("n", start, "t", "s", parent, None, start if ended else None)


@pytest.mark.parametrize("ends", list(itertools.product([False, True], repeat=3)))
@pytest.mark.parametrize("together", [False, True])
def test_a_completed_copy_beats_an_open_one_else_the_later_wins(ends, together):
    copies = [copy(f"p{number}", ended=ended) for number, ended in enumerate(ends)]
    rows = Rows()
    for batch in [copies] if together else [[one] for one in copies]:
        rows.write(rows.merge(batch))
    winner = max(range(3), key=lambda number: (ends[number], number))
    (row,) = rows.by_identity.values()
    assert (row.parent_id, row.ended) == (f"p{winner}", ends[winner])


def test_rows_without_an_end_are_counted_as_running(rng):
    rows = Rows()
    for _ in range(300):
        copies = [
            Posted("n", copy(None, ended=False).start_timestamp, "t", f"s{rng.randrange(40)}", end_timestamp=end)
            for end in rng.choices([None, datetime(2026, 11, 22, tzinfo=UTC)], weights=[9, 1], k=rng.randint(1, 3))
        ]
        rows.write(rows.merge(copies))
        assert rows.running == sum(not row.ended for row in rows.by_identity.values())
    assert rows.running < len(rows)


def test_circles_are_found_exactly_where_a_walk_finds_them(rng):
    for _ in range(300):
        rows, truth = Rows(), {}
        for _ in range(rng.randint(1, 4)):
            spans = [f"s{rng.randrange(8)}" for _ in range(rng.randint(1, 5))]
            batch = {span: rng.choice([None, f"s{rng.randrange(8)}"]) for span in spans}
            after = {**truth, **batch}
            copies = [Posted("n", copy(None, ended=False).start_timestamp, "t", s, p) for s, p in batch.items()]
            if any(circles(after, span) for span in after):
                with pytest.raises(Refused, match="circle"):
                    rows.merge(copies)
            else:
                rows.write(rows.merge(copies))
                truth = after


def circles(parents: dict[str, str | None], start: str) -> bool:
    at = parents.get(start)
    for _ in parents:
        if at is None or at == start:
            break
        at = parents.get(at)
    return at == start


async def change(client, sink, span_id, **fields):
    """(status, decoded JSON) of a change of one span."""
    async with client.patch(sink.url + f"/v5/spans/{span_id}", json=fields, headers={"x-api-key": "k"}) as answer:
        return answer.status, await answer.json()


async def test_a_change_keeps_what_it_does_not_name(client):
    span = sgp_span("a", input={"text": "ü"}, metadata={"m": 1}, parent_id="p")
    async with Sink(texts=True) as sink:
        await put(client, sink, span)
        words = {"status": "ERROR", "output": {"error": "interrupted"}, "end_timestamp": END}
        assert await change(client, sink, "a", **words) == (200, span | words)
        assert sink.rows() == {"sgp": [span | words], "agentex": []}
        assert (sink.count().rows, sink.count().running) == (1, 0)
        async with client.get(sink.url + "/rows") as answer:
            assert await answer.json() == sink.rows()
        assert sink.count().requests == 2


async def test_a_change_of_an_unknown_span_is_404(client):
    async with Sink() as sink:
        await put(client, sink, sgp_span("a"))
        status, answer = await change(client, sink, "b", name="n")
        assert (status, sink.count().answered) == (404, {200: 1, 404: 1})
        assert "'b'" in answer["detail"]


async def test_a_span_is_found_by_an_id_with_escapes(client):
    async with Sink(keep=True) as sink:
        await put(client, sink, sgp_span("a/b?ü"), sgp_span("b"))
        assert (await change(client, sink, "a%2Fb%3F%C3%BC", name="new"))[0] == 200
        assert {row["id"]: row["name"] for row in sink.rows()["sgp"]} == {"a/b?ü": "new", "b": "llm"}
        assert sink.requests[1].path == "/v5/spans/a/b?ü"


@pytest.mark.parametrize(
    "fields",
    [
        {"end_timestamp": 1},
        {"end_timestamp": None},
        {"end_timestamp": "2026-11-21T01:09:40Z"},
        {"output": "text"},
        {"metadata": []},
        {"name": None},
        {"status": "OK"},
        {"input": {}},
        {"trace_id": "t"},
    ],
    ids=str,
)
async def test_a_change_of_the_wrong_type_or_of_another_field_is_422_and_changes_nothing(client, fields):
    async with Sink(texts=True) as sink:
        await put(client, sink, sgp_span("a"))
        status, answer = await change(client, sink, "a", **fields)
        assert (status, sink.rows()["sgp"], sink.count().running) == (422, [sgp_span("a")], 1)
        assert next(iter(fields)) in answer["detail"]


async def test_a_copy_that_ended_replaces_a_change_and_an_open_one_does_not(client):
    end = sgp_span("a", end_timestamp=END, output={"text": "true"})
    async with Sink(texts=True) as sink:
        await put(client, sink, sgp_span("a", input={"n": 1}))
        await change(client, sink, "a", end_timestamp=END, output={"error": "interrupted"})
        await put(client, sink, sgp_span("a"))
        (row,) = sink.rows()["sgp"]
        assert (row["output"], row["input"]) == ({"error": "interrupted"}, {"n": 1})
        await put(client, sink, end)
        assert sink.rows()["sgp"] == [end]
        assert (sink.count().rows, sink.count().running) == (1, 0)


async def test_texts_are_kept_only_where_that_was_asked(client):
    async with Sink() as sink:
        await put(client, sink, sgp_span("a"))
        assert (await change(client, sink, "a", end_timestamp=END)) == (200, {"id": "a", "trace_id": "t1"})
        assert (sink.rows()["sgp"], sink.count().running) == ([], 0)


async def test_a_change_needs_the_key_too_and_a_span_is_not_read_or_deleted_here(client):
    async with Sink(api_key="right") as sink:
        assert (await change(client, sink, "a", name="n"))[0] == 401
        async with client.delete(sink.url + "/v5/spans/a") as answer:
            assert answer.status == 405
