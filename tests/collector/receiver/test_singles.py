"""AgentEx's posts and patches at the real door, and what SGP gets of them.

Each test ends with `Running` checking the books, the memory and the connections.
"""

import gzip
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from tests import virtual_time
from tests.collector.receiver.rig import Reply, chunked
from tests.collector.receiver.scripted import BOTH, DURABLE, JSON, Client, Scripted
from tests.collector.rig import Running, destination, raw

from inspan_collector.receiver.posts import RECALLED
from inspan_collector.sink import Sink

START, END = "2026-11-21T01:09:41Z", "2026-11-21T01:09:42Z"
TYPE = {"content-type": JSON}


def span(number: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": f"s{number}", "trace_id": "t", "name": "n", "start_time": START} | more


def text(members: dict[str, Any]) -> bytes:
    return json.dumps(members).encode()


def sgp(url: str = "http://127.0.0.1:9", **more: Any) -> dict[str, Any]:
    return destination(url, **({"kind": "sgp", "account_id": "acc", "batch": {"linger": "20ms"}} | more))


async def post(running: Running, members: dict[str, Any], **headers: str) -> Reply:
    return await running.post(text(members), "/spans", **({"content_type": JSON} | headers))


async def patch(running: Running, span_id: str, members: dict[str, Any]) -> Reply:
    return await running.post(text(members), f"/spans/{span_id}", "PATCH", content_type=JSON)


def copies(sink: Sink) -> dict[str, dict[str, Any]]:
    """What the upstream was told last of each span, by id."""
    return {item["id"]: item for body in sink.bodies for item in json.loads(body)["items"]}


def received(running: Running) -> tuple[int, int, dict[str, int]]:
    book = running.service.door.receptions["agentex"]
    return book.received, book.accepted, {reason: count for reason, count in book.refused.items() if count}


async def test_a_start_and_its_change_are_one_write_with_the_inputs_of_the_start(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink, Running(tmp_path, sgp(sink.url)) as running:
        reply = await post(running, span(input={"a": 1}, data={"__span_type__": "COMPLETION"}))
        assert (reply.status, json.loads(reply.body)["id"]) == (200, "s1")
        reply = await patch(running, "s1", {"end_time": END, "output": {"b": 2}})
        assert (reply.status, json.loads(reply.body)["input"]) == (200, {"a": 1})
        await running.until(lambda: running.books().get("delivered") == 1)
        copy = copies(sink)["s1"]
        assert (copy["input"], copy["output"], copy["end_timestamp"]) == ({"a": 1}, {"b": 2}, END)
        assert (copy["type"], copy["status"]) == ("COMPLETION", "SUCCESS")
        assert running.books() == {"enqueued": 2, "delivered": 1, "merged": 1}
        assert received(running) == (2, 2, {})


async def test_a_change_of_what_the_upstream_has_already_is_written_whole(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink, Running(tmp_path, sgp(sink.url, upsert={"hold_open": "1ms"})) as running:
        for number, members in enumerate(
            (span(input={"a": 1}), {"data": {"x": 1}}, {"end_time": END}, {"data": {"y": 2}}), 1
        ):
            reply = await (post(running, members) if number == 1 else patch(running, "s1", members))
            assert reply.status == 200
            await running.until(lambda number=number: running.books().get("delivered") == number)  # type: ignore[misc]
        copy = copies(sink)["s1"]
        assert (copy["input"], copy["end_timestamp"]) == ({"a": 1}, END)
        assert copy["metadata"] == {"x": 1, "y": 2, "__source__": "agentex"}


async def test_many_single_posts_are_one_batch(tmp_path: Path) -> None:
    to = sgp(batch={"linger": "1s", "max_spans": 100})
    async with (
        Sink(keep=True) as sink,
        Running(tmp_path, to | {"url": sink.url}) as running,
        running.client() as client,
    ):
        for number in range(100):
            reply = await client.ask(raw(text(span(number, end_time=END)), "/spans", content_type=JSON))
            assert reply.status == 200
        await running.until(lambda: running.books().get("delivered") == 100)
        assert (len(sink.bodies), len(copies(sink))) == (1, 100)


async def test_what_the_server_would_not_take_is_422_in_its_shape(tmp_path: Path) -> None:
    async with Running(tmp_path, sgp()) as running:
        for body in (b"", b"{", text({"name": "n"}), text(span(start_time="x")), text(span(input=5))):
            reply = await running.post(body, "/spans", content_type=JSON)
            said = json.loads(reply.body)
            assert (reply.status, said["status_code"], said["data"]) == (422, 10422, None)
        assert (await patch(running, "s1", {"end_time": 5})).status == 422
        assert running.refused("agentex") == {"malformed": 6}
        assert received(running) == (0, 0, {})


async def test_a_change_of_a_span_that_nobody_posted_is_404_and_counted(tmp_path: Path) -> None:
    async with Running(tmp_path, sgp()) as running:
        reply = await patch(running, "s1", {"end_time": END})
        assert (reply.status, json.loads(reply.body)["code"]) == (404, 404)
        assert received(running) == (1, 0, {"not_found": 1})
        assert (await patch(running, "s1", span(end_time=END))).status == 200
        assert received(running) == (2, 1, {"not_found": 1})


async def test_the_id_of_a_path_is_percent_decoded(tmp_path: Path) -> None:
    async with Running(tmp_path, sgp()) as running:
        await post(running, span() | {"id": "a/b ☃"})
        assert (await patch(running, "a%2Fb%20%E2%98%83", {"end_time": END})).status == 200
        assert (await patch(running, "a/b", {"end_time": END})).status == 404


async def test_spans_are_not_read_here_and_the_answer_says_where(tmp_path: Path) -> None:
    async with Running(tmp_path, sgp()) as running:
        for path in ("/spans", "/spans?trace_id=t", "/spans/s1"):
            reply = await running.post(b"", path, "GET", content_type="")
            assert (reply.status, json.loads(reply.body)["code"]) == (501, 501)
            assert b"ask the upstream" in reply.body
        for method, path, allowed in (("PUT", "/spans", "POST"), ("POST", "/spans/s1", "PATCH")):
            reply = await running.post(b"{}", path, method, content_type=JSON)
            assert (reply.status, reply.headers["allow"]) == (405, allowed)
        async with running.client() as client:
            client.send(raw(b"", "/spans", "HEAD"))
            assert (await client.reply(bodiless=True)).status == 501
        assert running.refused("agentex") == {"not_found": 6}


async def test_other_refusals_are_in_the_servers_shape_too(tmp_path: Path) -> None:
    async with Running(tmp_path, sgp(), limits={"max_span_bytes": "1KiB", "max_request_bytes": "4KiB"}) as running:
        assert (await post(running, span(), content_type="text/plain")).status == 415
        large = span(input={"a": "x" * 2000})
        assert (await post(running, large)).status == 413
        assert received(running) == (1, 0, {"too_large": 1})
        reply = await post(running, span(input={"a": "x" * 5000}))
        assert (reply.status, json.loads(reply.body)["code"]) == (413, 413)
        assert (await patch(running, "s1", {"end_time": END})).status == 404, "what is refused is not remembered"
        running.service.door.draining = True
        reply = await post(running, span())
        assert (reply.status, json.loads(reply.body)["code"], reply.headers["retry-after"]) == (503, 503, "1")
        running.service.door.draining = False


async def test_a_change_that_makes_a_span_too_large_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async with Running(tmp_path, sgp(), limits={"max_span_bytes": "1KiB"}) as running:
        assert (await post(running, span(input={"a": "x" * 600}))).status == 200
        assert (await patch(running, "s1", {"output": {"b": "y" * 600}})).status == 413
        reply = await patch(running, "s1", {"end_time": END})
        assert (reply.status, json.loads(reply.body)["output"]) == (200, None)


async def test_compressed_and_chunked_bodies_are_read_as_ever(tmp_path: Path) -> None:
    async with Running(tmp_path, sgp()) as running, running.client() as client:
        body = gzip.compress(text(span()))
        assert (await running.post(body, "/spans", content_type=JSON, content_encoding="gzip")).status == 200
        reply = await client.ask(chunked(text(span(2)), path="/spans", extra=f"content-type: {JSON}\r\n"))
        assert reply.status == 200
        assert received(running) == (2, 2, {})


async def test_an_id_that_comes_again_is_taken_and_an_end_is_not_undone(tmp_path: Path) -> None:
    async with Running(tmp_path, sgp()) as running:
        for _ in range(2):
            assert (await post(running, span(end_time=END))).status == 200
        assert (await post(running, span())).status == 200
        assert json.loads((await patch(running, "s1", {"name": "m"})).body)["end_time"] == END


async def test_keys_in_headers_are_ignored_and_never_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Running(tmp_path, sgp()) as running:
        for members in (span(), {}):
            await post(running, members, x_agent_api_key="S3CRET", authorization="Bearer S3CRET")
        said = [event.message for event in running.service.events.kept] + [
            str(vars(record)) for record in caplog.records
        ]
        assert said and not any("S3CRET" in each for each in said)


async def test_open_spans_that_had_to_be_forgotten_are_counted_and_said(tmp_path: Path) -> None:
    async with Running(tmp_path, sgp()) as running:
        running.service.door.singles.patchable.max_bytes = 1000
        for number in range(4):
            assert (await post(running, span(number))).status == 200
        shown = json.loads((await running.get("/status"))[1])["patchable"]
        assert (shown["open"], shown["ended"], shown["forgotten"], shown["limit_bytes"]) == (2, 0, 2, 1000)
        assert 0 < shown["bytes"] <= 1000
        assert running.events().count("forgotten") == 1
        assert (await patch(running, "s0", {"end_time": END})).status == 404
        assert (await patch(running, "s3", {"end_time": END})).status == 200


# Refused by the queues, or asked for more than to be taken


def change(scripted: Scripted, members: dict[str, Any], *headers: str) -> Client:
    """A PATCH of s1 on a connection of its own."""
    client, body = scripted.client(), text(members)
    lines = ["PATCH /spans/s1 HTTP/1.1", "host: x", f"content-type: {JSON}", f"content-length: {len(body)}", *headers]
    client.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return client


def test_what_the_queues_refuse_is_not_remembered_and_changes_nothing() -> None:
    async def run() -> None:
        scripted = Scripted()
        scripted.post(TYPE, body=text(span(data={"x": 1})), path="/spans")
        scripted.disk.refusal = "queue_full"
        assert scripted.post(TYPE, body=text(span(2)), path="/spans").status == 429
        refused = change(scripted, {"data": {"x": 2}, "end_time": END})
        assert refused.status == 429 and b'"code":429' in refused.answer and b"retry-after: 1" in refused.answer
        scripted.disk.refusal = None
        known = scripted.door.singles.patchable
        assert (known.find("s2"), len(known.ended)) == (None, 0)
        assert b'"data":{"x":1}' in change(scripted, {}).answer
        assert scripted.books("agentex") == (4, 2, 2)
        assert scripted.memory.custody == 0

    virtual_time.run(run())


def test_a_change_for_whose_whole_span_there_is_no_memory_is_429() -> None:
    async def run() -> None:
        scripted = Scripted()
        scripted.post(TYPE, body=text(span(input={"a": "x" * 1000})), path="/spans")
        scripted.memory.custody_limit = 500
        assert change(scripted, {"end_time": END}).status == 429
        assert scripted.memory.custody == 0
        scripted.memory.custody_limit = 5000
        assert change(scripted, {"end_time": END}).status == 200

    virtual_time.run(run())


def test_a_durable_start_can_be_changed_before_the_disk_has_spoken() -> None:
    async def run() -> None:
        scripted = Scripted()
        asked = scripted.post(TYPE, DURABLE, body=text(span(input={"a": 1})), path="/spans")
        assert asked.answers == []
        client = change(scripted, {"end_time": END})
        assert client.status == 200 and b'"input":{"a":1}' in client.answer
        scripted.disk.settle(True, 0)
        assert asked.status == 200 and b"inspan-custody: durable" in asked.answer
        assert scripted.books("agentex") == (2, 2, 0)

    virtual_time.run(run())


def test_a_numbered_post_that_comes_again_is_answered_again_and_not_taken_again() -> None:
    async def run() -> None:
        scripted = Scripted()
        first, second = (scripted.post(TYPE, BOTH, body=text(span()), path="/spans") for _ in range(2))
        assert first.answer == second.answer and first.status == 200
        assert len(scripted.disk.pledges) == 1
        assert (scripted.books("agentex"), scripted.door.posts.reposted) == ((1, 1, 0), 1)

    virtual_time.run(run())


def test_an_old_change_that_comes_again_does_not_undo_a_newer_one() -> None:
    async def run() -> None:
        scripted = Scripted()
        scripted.post(TYPE, body=text(span()), path="/spans")
        for number, name in (("1", "old"), ("2", "new"), ("1", "old")):
            client = change(scripted, {"name": name}, "inspan-agent: a", f"inspan-sequence: {number}")
            assert client.status == 200
        known = scripted.door.singles.patchable.find("s1")
        assert known is not None and json.loads(known)["name"] == "new"

    virtual_time.run(run())


def test_a_start_of_a_former_life_that_comes_again_can_be_changed() -> None:
    async def run() -> None:
        scripted = Scripted()
        scripted.door.posts.remember([(b"an-agent", b"7")])
        assert scripted.door.posts.find((b"an-agent", b"7")) is RECALLED
        assert scripted.post(TYPE, BOTH, body=text(span()), path="/spans").status == 200
        assert scripted.door.singles.patchable.find("s1") is not None
        assert scripted.disk.pledges == []

    virtual_time.run(run())
