"""A copy that is posted again, through a whole sidecar to an upstream that holds to SGP's contract."""

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from tests.collector.rig import Running
from tests.collector.test_upserts import copies, sgp
from tests.sidecar import Sidecar

from inspan_collector.config.load import load
from inspan_collector.errors import ConfigError
from inspan_collector.row import Refused
from inspan_collector.sink import Sink
from inspan_collector.sink.behaviour import Behaviour

DURABLE: Final = {"content_type": "application/json", "inspan_ack": "durable"}
JSON: Final = {"content-type": "application/json"}
ON: Final = {"hold_open": "0s", "dedupe": {}}


def spool(home: Path, **more: Any) -> dict[str, Any]:
    return {"path": str(home / "spool" / "spool.db"), "mode": "overflow"} | more


def changed(name: str) -> bytes:
    """The copy with another output."""
    (span,) = json.loads(copies(f"{name}."))
    return json.dumps([span | {"output": {}}]).encode()


def writes(sink: Sink) -> list[str]:
    """The ids of what the upstream was sent, in order."""
    return [item["id"] for body in sink.bodies for item in json.loads(body)["items"]]


async def sent(running: Running, body: bytes, **headers: str) -> int:
    """Post, and wait until nothing is held. Returns the status."""
    reply = await running.post(body, "/v1/spans", content_type="application/json", **headers)
    await running.until(lambda: running.books().get("queued", 0) == running.books().get("in_flight", 0) == 0)
    return reply.status


async def test_an_identical_post_is_acknowledged_and_one_write_and_a_changed_one_is_two(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink, Running(tmp_path, sgp(sink, upsert=ON)) as running:
        for _ in range(3):
            assert await sent(running, copies("a.", "b.")) == 202
        assert writes(sink) == ["a", "b"]
        assert running.books() == {"enqueued": 6, "delivered": 2, "merged": 4}
        assert await sent(running, changed("a")) == 202
        assert await sent(running, copies("a.")) == 202
        assert writes(sink) == ["a", "b", "a", "a"]
        assert running.books() == {"enqueued": 8, "delivered": 4, "merged": 4}
        metrics = await running.metrics()
        assert metrics['inspan_spans_deduplicated_total{destination="up"}'] == 4
        shown = json.loads((await running.get("/status"))[1])["destinations"][0]["upserts"]
        assert (shown["remembered"], shown["deduped"]) == (2, 4)


async def test_the_trail_says_which_copy_was_sent_and_what_came_of_the_others(tmp_path: Path) -> None:
    async with Sink() as sink, Running(tmp_path, sgp(sink, upsert=ON)) as running:
        for body in (copies("a."), copies("a."), changed("a")):
            await sent(running, body)
        told = (await running.service.control.tracing.trace("t", "a"))["destinations"]["up"]
        steps = [(step.status, step.attempt, step.fingerprint) for step in told.spans[0].steps]
        first, second = [mark for status, _, mark in steps if status == "in_flight"]
        assert first and second and first != second
        assert steps == [
            ("accepted", 0, ""),
            ("in_flight", 1, first),
            ("delivered", 0, ""),
            ("accepted", 0, ""),
            ("merged", 0, ""),
            ("accepted", 0, ""),
            ("invalidated", 0, ""),
            ("in_flight", 1, second),
            ("delivered", 0, ""),
        ]


async def test_off_by_default_everything_is_sent(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink, Running(tmp_path, sgp(sink)) as running:
        for _ in range(2):
            await sent(running, copies("a."))
        assert writes(sink) == ["a", "a"]


async def test_after_the_window_it_is_sent(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink:
        place = sgp(sink, upsert={"dedupe": {"window": "200ms"}})
        async with Running(tmp_path, place) as running:
            await sent(running, copies("a."))
            await asyncio.sleep(0.21)
            await sent(running, copies("a."))
            assert writes(sink) == ["a", "a"]


async def test_a_durable_promise_of_what_the_upstream_has_is_kept(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink, Running(tmp_path, sgp(sink, upsert=ON), spool=spool(tmp_path)) as running:
        await sent(running, copies("a."))
        assert await sent(running, copies("a."), Inspan_Ack="durable") in (200, 202)
        assert writes(sink) == ["a"]
        assert running.books() == {"enqueued": 2, "delivered": 1, "merged": 1}


async def test_a_restart_with_a_spool_knows_it_and_one_without_does_not(tmp_path: Path) -> None:
    for kept, expected in ((True, ["a"]), (False, ["a", "a"])):
        home = tmp_path / str(kept)
        home.mkdir()
        async with Sink(keep=True) as sink:
            sections = {"spool": spool(home)} if kept else {}
            for _ in range(2):
                async with Running(home, sgp(sink, upsert=ON), **sections) as running:
                    await sent(running, copies("a."))
                    assert "prints" not in running.events()
            assert writes(sink) == expected


async def test_a_change_in_one_life_is_known_in_the_next(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink:
        for body in (copies("a."), changed("a"), copies("a."), copies("a.")):
            async with Running(tmp_path, sgp(sink, upsert=ON), spool=spool(tmp_path)) as running:
                await sent(running, body)
        assert writes(sink) == ["a", "a", "a"]


async def test_a_copy_that_waits_on_disk_is_not_forgotten_for_one_that_was_delivered_before_it(tmp_path: Path) -> None:
    """Posted were a, b, and a again; a is delivered, b is on disk still."""
    first, second = copies("a."), changed("a")
    async with Sink(keep=True) as sink:
        place = sgp(sink, upsert=ON, batch={"max_spans": 1, "linger": 0}, concurrency=1)
        kept = spool(tmp_path, mode="always", lifetime="persistent")
        sink.behave(Behaviour(status=503))
        async with Running(tmp_path, place, spool=kept) as running:
            for body in (first, copies(*(f"x{n}." for n in range(40))), second):
                assert (await running.post(body, "/v1/spans", **DURABLE)).status == 202
            await running.until(lambda: running.service.view.destinations[0].gate.state == "shut")
        sink.behave(Behaviour(delay="20ms"))
        async with Running(tmp_path, place, spool=kept, drain={"deadline": "10s"}) as running:
            await running.until(lambda: running.books().get("delivered", 0) >= 1)
            assert (await running.post(first, "/v1/spans", content_type="application/json")).status == 202
            await running.until(
                lambda: running.books().get("spooled", 0) == running.service.view.destinations[0].ledger.held() == 0
            )
        last = [item for body in sink.bodies for item in json.loads(body)["items"] if item["id"] == "a"][-1]
        assert last == json.loads(first)[0]


async def test_a_life_that_remembers_nothing_leaves_nothing_to_be_believed(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink:
        off = {"hold_open": "0s"}
        for upsert, body in ((ON, copies("a.")), (off, changed("a")), (ON, copies("a."))):
            async with Running(tmp_path, sgp(sink, upsert=upsert), spool=spool(tmp_path)) as running:
                await sent(running, body)
        assert writes(sink) == ["a", "a", "a"]


async def test_a_foreign_file_is_said_and_costs_one_write(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink:
        place = sgp(sink, upsert=ON)
        async with Running(tmp_path, place, spool=spool(tmp_path)) as running:
            await sent(running, copies("a."))
        (tmp_path / "spool" / "spool.db.prints.up").write_bytes(b"something else" * 100)
        async with Running(tmp_path, place, spool=spool(tmp_path)) as running:
            assert "prints" in running.events()
            await sent(running, copies("a."))
        assert writes(sink) == ["a", "a"]


async def test_a_kill_forgets_nothing_that_was_delivered_and_believes_nothing_else(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink:
        place = sgp(sink, upsert=ON)
        config = {"destinations": [place], "spool": spool(tmp_path)}

        def life(use: Callable[[Sidecar], None]) -> None:
            with Sidecar(config) as sidecar:
                use(sidecar)
                sidecar.signal(signal.SIGKILL)
                sidecar.process.wait(10)

        def first(sidecar: Sidecar) -> None:
            sidecar.post("/v1/spans", copies("a.", "b.", "c."), JSON)
            sidecar.until('inspan_spans_delivered_total{destination="up"}', 3)

        def second(sidecar: Sidecar) -> None:
            sidecar.post("/v1/spans", copies("a.", "b."), JSON)
            sidecar.until('inspan_spans_merged_total{destination="up"}', 2)
            sink.behave(Behaviour(hang_every=1))
            sidecar.post("/v1/spans", changed("b"), JSON)

        def third(sidecar: Sidecar) -> None:
            sidecar.post("/v1/spans", copies("a.", "b.", "c."), JSON)
            sidecar.until('inspan_spans_merged_total{destination="up"}', 2)
            sidecar.until('inspan_spans_delivered_total{destination="up"}', 1)
            assert sidecar.status()["ledger"]["imbalance"] == 0

        await asyncio.to_thread(life, first)
        await asyncio.to_thread(life, second)
        before = len(writes(sink))
        sink.behave(Behaviour())
        await asyncio.to_thread(life, third)
        assert writes(sink)[before:] == ["b"]


async def test_a_replay_out_of_quarantine_is_sent_whatever_the_upstream_has(tmp_path: Path) -> None:
    """What was refused has no print. But the same bytes may have been posted again since, and delivered."""
    async with Sink(keep=True) as sink, Running(tmp_path, sgp(sink, upsert=ON)) as running:
        await sent(running, copies("a."))
        refused = Refused("up", 0.0, 422, "no", "span_json", 1, copies("a."), id=1)
        assert running.service.view.destinations[0].again([refused]) == [1]
        await running.until(lambda: running.books().get("delivered") == 2)
        assert writes(sink) == ["a", "a"]
        assert running.books() == {"enqueued": 1, "replayed": 1, "delivered": 2}


@pytest.mark.parametrize("upsert", [{}, {"trail": None, "dedupe": {"max_keys": 100_000}}])
def test_a_budget_that_leaves_too_little_to_spans_is_refused_with_what_to_do(upsert: dict[str, Any]) -> None:
    place = {"name": "up", "kind": "sgp", "url": "http://up.example", "upsert": upsert}
    tree = {"socket": {"path": "/s"}, "memory": {"max_bytes": "12MiB"}, "destinations": [place]}
    with pytest.raises(ConfigError, match=r"memory.max_bytes: 12MiB leaves less than half to spans") as refused:
        load(json.dumps(tree), "test", {})
    assert "upsert.trail.max_bytes" in str(refused.value)
    tree["memory"] = {"max_bytes": "64MiB"}
    load(json.dumps(tree), "test", {})
