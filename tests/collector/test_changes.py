"""Changes of spans through a whole sidecar, to an upstream that holds to SGP's contract."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.collector.rig import Running, destination

from inspan_collector.chunk import Chunk
from inspan_collector.formats import span_json, span_patch
from inspan_collector.quarantine import MemoryQuarantine
from inspan_collector.sink import Behaviour, Sink

START, END, EARLIER = "2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z", "2026-01-01T00:00:00Z"
INTERRUPTED = {"error": "interrupted"}


def start(name: str) -> dict[str, Any]:
    return {"id": name, "trace_id": "t", "name": "n", "start_timestamp": START, "input": {"of": name}}


def end(name: str, at: str = END) -> dict[str, Any]:
    return {"id": name, "trace_id": "t", "end_timestamp": at, "status": "ERROR", "output": INTERRUPTED}


def sgp(sink: Sink, **more: Any) -> dict[str, Any]:
    return destination(sink.url, kind="sgp", upsert={"hold_open": "0s"}, **more)


async def post(running: Running, *spans: dict[str, Any]) -> None:
    body = json.dumps(spans).encode()
    assert (await running.post(body, "/v1/spans", content_type="application/json")).status == 202


def make_changes(running: Running) -> None:
    """What is taken from now on without a name leaves as changes: no agent can post those."""
    waiting = running.service.pipelines[0].destination.waiting
    take = waiting.take

    def taken(*asked: Any) -> Sequence[Chunk]:
        chunks = take(*asked)
        for chunk in chunks:
            if all(head.name is None for head in span_json.heads(chunk.body)):
                chunk.format = span_patch.name
        return chunks

    waiting.take = taken  # type: ignore[method-assign, assignment]


def rows(sink: Sink) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in sink.rows()["sgp"]}


async def settled(running: Running, copies: int) -> dict[str, int]:
    fates = ("delivered", "quarantined", "dropped_rejected")
    await running.until(lambda: sum(running.books().get(fate, 0) for fate in fates) == copies)
    return {fate: running.books()[fate] for fate in fates if fate in running.books()}


async def test_spans_end_by_changes_that_keep_their_inputs(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink, Running(tmp_path, sgp(sink)) as running:
        make_changes(running)
        await post(running, start("a"), start("b"))
        await settled(running, 2)
        await post(running, end("a"), end("b"))
        assert await settled(running, 4) == {"delivered": 4}
        assert rows(sink) == {name: start(name) | end(name) for name in "ab"}
        assert sink.count().running == 0
        assert [seen.method for seen in sink.requests] == ["PUT", "PATCH", "PATCH"]


async def test_a_change_of_a_span_that_is_not_there_is_booked_as_rejected(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink, Running(tmp_path, sgp(sink)) as running:
        make_changes(running)
        await post(running, start("a"))
        await settled(running, 1)
        await post(running, end("never"), end("a"), end("nor"))
        assert await settled(running, 4) == {"delivered": 2, "dropped_rejected": 2}
        assert "rejected" in running.events()
        assert rows(sink) == {"a": start("a") | end("a")}


@pytest.mark.parametrize("trouble", [Behaviour(status=503), Behaviour(status=429), Behaviour(reset_every=2)])
async def test_changes_that_are_put_off_are_made_when_the_upstream_is_well(tmp_path: Path, trouble: Behaviour) -> None:
    async with Sink(keep=True) as sink, Running(tmp_path, sgp(sink)) as running:
        make_changes(running)
        await post(running, start("a"), start("b"))
        await settled(running, 2)
        sink.behave(trouble)
        await post(running, end("a"), end("b"))
        await running.until(lambda: "gate_shut" in running.events())
        sink.behave(Behaviour())
        assert await settled(running, 4) == {"delivered": 4}
        assert rows(sink) == {name: start(name) | end(name) for name in "ab"}


async def test_a_change_that_is_refused_is_quarantined_alone_and_what_is_cut_stays_a_change(tmp_path: Path) -> None:
    names = [f"{number}" for number in range(8)]
    async with Sink(keep=True) as sink, Running(tmp_path, sgp(sink)) as running:
        make_changes(running)
        await post(running, *map(start, names))
        await settled(running, 8)
        await post(running, *(end(name, EARLIER if name == "5" else END) for name in names))
        assert await settled(running, 16) == {"delivered": 15, "quarantined": 1}
        assert {seen.method for seen in sink.requests[1:]} == {"PATCH"}
        assert rows(sink) == {name: start(name) | (end(name) if name != "5" else {}) for name in names}
        kept = running.service.pipelines[0].destination.quarantine
        assert isinstance(kept, MemoryQuarantine)
        (entry,) = kept.kept.values()
        assert (entry.status, entry.format, json.loads(entry.body)) == (422, "span_patch", [end("5", EARLIER)])


async def test_a_single_change_that_is_refused_is_condemned_by_spans_that_are_taken(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink, Running(tmp_path, sgp(sink), drain={"deadline": "10s"}) as running:
        make_changes(running)
        await post(running, start("a"))
        await settled(running, 1)
        await post(running, end("a", EARLIER))
        await running.until(lambda: 422 in sink.count().answered)
        await post(running, start("b"))
        await running.drained()
        assert running.books() == {"enqueued": 3, "delivered": 2, "quarantined": 1}
