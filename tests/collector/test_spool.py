"""A whole sidecar with a spool: what an agent is promised, what a restart finds, and what an operator sees."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.collector.rig import Running, destination
from tests.collector.sink.posts import otlp, sgp_span

from inspan_collector.sink import Sink
from inspan_collector.sink.behaviour import Behaviour
from inspan_collector.spool.store import Store

JSON = "application/json"
TRACES = "/v1/traces"
BATCH = "/v5/spans/batch"
END = "2026-11-21T01:09:42Z"
DURABLE = {"Inspan_Ack": "durable"}
POST = {"Inspan_Agent": "a1", "Inspan_Sequence": "1"}


def spool(home: Path, **more: Any) -> dict[str, Any]:
    return {"path": str(home / "spool" / "spool.db"), "mode": "always"} | more


def items(*spans: dict[str, Any]) -> bytes:
    return json.dumps({"items": spans}).encode()


def on_disk(home: Path) -> int:
    """Spans, as one who looks from outside finds them."""
    store = Store.read_only(home / "spool" / "spool.db")
    try:
        return sum(total.spans for total in store.totals().values())
    finally:
        store.close()


@pytest.mark.parametrize("mode", ["always", "overflow"])
async def test_a_durable_ack_says_that_the_spans_are_on_disk(tmp_path: Path, mode: str) -> None:
    async with Running(tmp_path, spool=spool(tmp_path, mode=mode)) as running:
        reply = await running.post(otlp("a", "b"), **DURABLE)
        assert (reply.status, reply.headers["inspan-custody"]) == (200, "durable")
        assert on_disk(tmp_path) == 2
        ledger = await running.drained()
    assert ledger["destinations"]["up"] == {"enqueued": 2, "spooled": 2}
    assert (ledger["spooled"], ledger["at_risk"], ledger["lifetime"]) == (2, 2, "pod")


async def test_what_is_accepted_goes_to_disk_in_one_mode_and_not_in_the_other(tmp_path: Path) -> None:
    for mode, spans in (("always", 1), ("overflow", 0)):
        home = tmp_path / mode
        home.mkdir()
        async with Running(home, spool=spool(home, mode=mode)) as running:
            assert (await running.post(otlp("a"))).status == 200
            await running.until(lambda: running.service.pipelines[0].backlog.share.is_writing() is False)
            assert on_disk(home) == spans


async def test_a_restart_finds_what_was_left_and_delivers_it(tmp_path: Path) -> None:
    async with Running(tmp_path, spool=spool(tmp_path)) as running:
        for number in range(5):
            await running.post(otlp(f"span {number}", first=number + 1))
    async with Sink() as sink:
        async with Running(tmp_path, destination(sink.url + TRACES), spool=spool(tmp_path)) as running:
            await running.until(lambda: running.books().get("delivered") == 5)
            assert running.books() == {"recovered": 5, "delivered": 5}
            assert "backlog" in running.events()
        assert sink.count().spans == 5
    assert on_disk(tmp_path) == 0


async def test_copies_of_a_span_meet_over_a_restart(tmp_path: Path) -> None:
    """The start is on disk, and loses to the end that comes in the next life."""
    async with Sink() as sink:
        sink.behave(Behaviour(status=503, every=1))
        to = destination(sink.url, kind="sgp", headers={"x-api-key": "k"}, upsert={"hold_open": "1h"})
        async with Running(tmp_path, to, spool=spool(tmp_path)) as running:
            await running.post(items(sgp_span("a")), BATCH, "PUT", content_type=JSON)
            assert (await running.drained())["destinations"]["up"] == {"enqueued": 1, "spooled": 1}
        over = spool(tmp_path, recovery_share="1%")
        async with Running(tmp_path, to, spool=over) as running:
            await running.post(items(sgp_span("a", end_timestamp=END)), BATCH, "PUT", content_type=JSON)
            sink.behave(Behaviour())
            await running.until(lambda: running.books().get("delivered", 0) + running.books().get("merged", 0) == 2)
        assert (sink.count().rows, sink.count().running) == (1, 0)


async def test_a_post_whose_answer_was_lost_is_known_in_the_next_life(tmp_path: Path) -> None:
    async with Running(tmp_path, spool=spool(tmp_path)) as running:
        assert (await running.post(otlp("a"), **DURABLE, **POST)).status == 200
    async with Running(tmp_path, spool=spool(tmp_path)) as running:
        reply = await running.post(otlp("a"), **DURABLE, **POST)
        assert (reply.status, reply.headers["inspan-custody"]) == (200, "durable")
        await running.until(lambda: running.books() == {"recovered": 1, "in_flight": 1})
        assert running.service.view.status()["reposted"] == 1


async def test_memory_over_the_threshold_goes_to_disk_and_comes_back(tmp_path: Path) -> None:
    queue = {"max_spans": 100, "max_bytes": "16MiB"}
    batch = {"max_spans": 10, "linger": 0}
    over = spool(tmp_path, mode="overflow", threshold="20%")
    async with Sink() as sink:
        to = destination("http://127.0.0.1:9/v1/traces", queue=queue, batch=batch, concurrency=2)
        async with Running(tmp_path, to, spool=over) as running:
            for number in range(300):
                while (await running.post(otlp(f"s{number}", first=number + 1))).status == 429:
                    await asyncio.sleep(0.01)  # the disk has a moment of its own
            await running.until(lambda: running.books().get("spooled", 0) > 250)
            assert running.service.view.destinations[0].queue.held_spans <= 50
            assert (await running.metrics())['inspan_spool_spans{destination="up"}'] > 250
        to = destination(sink.url + TRACES, queue=queue, batch=batch, concurrency=2)
        async with Running(tmp_path, to, spool=over) as running:
            await running.until(lambda: running.books().get("delivered", 0) == 300)
        assert sink.count().spans == 300


async def test_a_gate_that_stays_shut_sends_what_waits_to_disk(tmp_path: Path) -> None:
    shut = spool(tmp_path, mode="overflow", spill_after="0s")
    async with Running(tmp_path, spool=shut) as running:
        for number in range(20):
            await running.post(otlp(f"s{number}", first=number + 1))
        await running.until(lambda: running.books().get("spooled", 0) >= 15)
        assert running.books().get("queued", 0) == 0


async def test_a_span_that_is_refused_is_in_quarantine_in_the_next_life(tmp_path: Path) -> None:
    async with Sink(Behaviour(reject_span="bad")) as sink:
        to = destination(sink.url + TRACES)
        async with Running(tmp_path, to, spool=spool(tmp_path)) as running:
            await running.post(otlp("good", "bad", "fine"))
            await running.until(lambda: running.books().get("quarantined") == 1)
            assert running.books() == {"enqueued": 3, "delivered": 2, "quarantined": 1}
    async with Sink() as sink:
        to = destination(sink.url + TRACES)
        async with Running(tmp_path, to, spool=spool(tmp_path)) as running:
            quarantine = running.service.view.destinations[0].quarantine
            (entry,) = await quarantine.entries(0, 10)
            assert (quarantine.spans, entry.status, entry.spans) == (1, 400, 1)
            assert await quarantine.replay([entry.id]) == [entry.id]
            await running.until(lambda: running.books().get("delivered") == 1)
            assert running.books() == {"replayed": 1, "delivered": 1}
            await running.until(lambda: quarantine.spans == 0)


async def test_a_destination_that_is_not_configured_any_more_keeps_its_spans_until_they_are_given_away(
    tmp_path: Path,
) -> None:
    async with Running(tmp_path, destination(name="old"), spool=spool(tmp_path)) as running:
        await running.post(otlp("a", "b"))
    async with (
        Sink() as sink,
        Running(tmp_path, destination(sink.url + TRACES, name="new"), spool=spool(tmp_path)) as running,
    ):
        assert running.service.view.status()["spool"]["strangers"] == {"old": 2}
        door = running.service.keeping.door()
        assert door is not None
        assert (await door.replay("old", "new"))["spans"] == 2
        await running.until(lambda: running.books("new").get("delivered") == 2)
        assert running.books("new") == {"replayed": 2, "delivered": 2}


async def test_spans_that_are_too_old_for_the_disk_are_dropped(tmp_path: Path) -> None:
    old = spool(tmp_path, mode="overflow", spill_after="0s", max_age="1500ms")
    async with Running(tmp_path, spool=old) as running:
        for number in range(10):
            await running.post(otlp(f"s{number}", first=number + 1))
        await running.until(lambda: running.books().get("dropped_expired", 0) >= 5)
