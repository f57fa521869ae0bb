"""The trail of a whole sidecar: every status, made by breaking things, and its bounds while it runs."""

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.collector.control.test_control import commands
from tests.collector.rig import Running, destination
from tests.collector.test_upserts import copies, post, sgp

from inspan_collector.sink import Behaviour, Sink


async def trace(running: Running, trace_id: str = "t", span: str | None = None) -> dict[str, Any]:
    """Of each destination what its trail says."""
    query = "" if span is None else f"?id={quote(span, safe='')}"
    status, found = await commands(running)("GET", f"/trace/{quote(trace_id, safe='')}{query}")
    assert status == 200
    destinations: dict[str, Any] = found["destinations"]
    return destinations


async def statuses(running: Running, span: str) -> list[str]:
    """Of one span, what became of it, step by step."""
    ((told),) = (await trace(running, "t", span)).values()
    return [status for each in told["spans"] for _, _, status, *_ in each["steps"]]


async def test_a_start_and_its_end_are_merged_and_delivered(tmp_path: Path) -> None:
    async with Sink() as sink, Running(tmp_path, sgp(sink)) as running:
        await post(running, "a")
        await post(running, "a.", "b.", "b.")
        await running.until(lambda: running.books().get("delivered") == 2)
        assert await statuses(running, "a") == ["accepted", "accepted", "merged", "in_flight", "delivered"]
        assert await statuses(running, "b") == ["accepted", "accepted", "merged", "in_flight", "delivered"]
        told = (await trace(running))["up"]
        assert [(each["id"], each["now"][2]) for each in told["spans"]] == [("a", "delivered"), ("b", "delivered")]
        numbers = sorted(step[0] for each in told["spans"] for step in each["steps"])
        assert numbers == list(range(1, 11))
        assert (told["pruned"], told["left_out"]) == (0, 0)


async def test_an_upstream_that_is_down_puts_it_off_attempt_by_attempt(tmp_path: Path) -> None:
    async with Sink(Behaviour(status=503)) as sink, Running(tmp_path, sgp(sink)) as running:
        await post(running, "a.")
        await running.until(lambda: sum(running.service.pipelines[0].destination.batch_spans.counts) >= 3)
        sink.behave(Behaviour())
        await running.until(lambda: running.books().get("delivered") == 1)
        (span,) = (await trace(running, "t", "a"))["up"]["spans"]
        begin = [(status, attempt, detail) for _, _, status, attempt, detail, _ in span["steps"]][:5]
        assert begin == [
            ("accepted", 0, "ended"),
            ("in_flight", 1, ""),
            ("put_off", 1, "503"),
            ("in_flight", 2, ""),
            ("put_off", 2, "503"),
        ]
        assert span["now"][2] == "delivered"


async def test_what_is_refused_for_good_is_isolated_and_quarantined_with_the_upstreams_words(tmp_path: Path) -> None:
    poison = Behaviour(reject_span="poison", reject_status=422)
    async with Sink(poison) as sink, Running(tmp_path, sgp(sink)) as running:
        await post(running, "poison.", "fine.")
        await running.until(lambda: running.books().get("quarantined") == 1)
        found = await statuses(running, "poison")
        assert (found[:3], found[-1]) == (["accepted", "in_flight", "isolated"], "quarantined")
        (span,) = (await trace(running, "t", "poison"))["up"]["spans"]
        assert span["now"][4].startswith("422 ")
        assert (await statuses(running, "fine"))[-1] == "delivered"
        sink.behave(Behaviour())
        await commands(running)("POST", "/quarantine/replay", {"all": True})
        await running.until(lambda: running.books().get("delivered") == 2)
        assert (await statuses(running, "poison"))[-4:] == ["accepted", "replayed", "in_flight", "delivered"]


async def test_what_waits_for_longer_than_max_age_is_dropped_with_the_reason(tmp_path: Path) -> None:
    async with Sink() as sink:
        old = sgp(sink, upsert={"hold_open": "1h"}, queue={"max_age": "50ms"})
        async with Running(tmp_path, old) as running:
            await post(running, "a")
            await running.until(lambda: running.books().get("dropped_expired") == 1)
            (span,) = (await trace(running, "t", "a"))["up"]["spans"]
            assert (span["now"][2], span["now"][4]) == ("dropped", "expired")


async def test_a_key_that_an_upstream_refuses_as_we_are_configured_is_paused(tmp_path: Path) -> None:
    async with Sink(Behaviour(status=401)) as sink, Running(tmp_path, sgp(sink)) as running:
        await post(running, "a.")
        await running.until(lambda: running.service.pipelines[0].destination.gate.state == "paused")
        assert (await statuses(running, "a"))[:3] == ["accepted", "in_flight", "paused"]


async def test_what_goes_to_disk_is_spooled_and_recovered_in_the_next_life(tmp_path: Path) -> None:
    spool = {"path": str(tmp_path / "spool.db"), "mode": "overflow", "spill_after": "0s"}
    async with Sink(Behaviour(status=503)) as sink:
        async with Running(tmp_path, sgp(sink), spool=spool) as running:
            for number in range(6):
                await post(running, f"a{number}.")
                await asyncio.sleep(0.05)
            await running.until(lambda: running.books().get("spooled", 0) >= 1)
            found = [await statuses(running, f"a{number}") for number in range(6)]
            assert ["accepted", "spooled"] in [each[:2] for each in found]
        sink.behave(Behaviour())
        async with Running(tmp_path, sgp(sink), spool=spool) as running:
            await running.until(lambda: running.books().get("delivered") == running.books().get("recovered"))
            (span,) = (await trace(running, "t", "a5"))["up"]["spans"]
            assert [step[2] for step in span["steps"]] == ["recovered", "in_flight", "delivered"]
            assert (span["name"], span["start"]) == ("n", "2026-01-01T00:00:00Z"), "what people know it by is back"


async def test_what_others_took_and_one_had_no_room_for_is_dropped_there(tmp_path: Path) -> None:
    async with Sink() as sink:
        small = sgp(sink, name="small", queue={"max_spans": 1}, batch={"max_spans": 1}, upsert={"hold_open": "1h"})
        large = sgp(sink, name="large", upsert={"hold_open": "1h"})
        async with Running(tmp_path, small, large) as running:
            await post(running, "a", "b")
            told = await trace(running, "t", "b")
            assert {name: [step[2:5:2] for step in each["spans"][0]["steps"]] for name, each in told.items()} == {
                "small": [["dropped", "queue_full"]],
                "large": [["accepted", "open"]],
            }


async def test_it_prunes_itself_under_load_and_never_holds_more_than_it_may(tmp_path: Path) -> None:
    bound = 100_000
    async with Sink() as sink:
        slow = sgp(sink, upsert={"trail": {"max_bytes": str(bound)}}, queue={"max_spans": 50_000})
        async with Running(tmp_path, slow) as running:
            noting = running.service.pipelines[0].destination.trail
            assert noting is not None
            trail, appended, most = noting.trail, 0, 0
            append = trail._append

            def watched(entry: Any) -> None:
                nonlocal appended, most
                append(entry)
                appended += 1
                most = max(most, trail.size)

            setattr(trail, "_append", watched)  # noqa: B010 -- to see it after every step
            for number in range(0, 30_000, 100):
                await post(running, *(f"s{each}." for each in range(number, number + 100)))
            await running.until(lambda: running.books().get("delivered") == 30_000)
            assert bound // 2 < most <= bound
            assert trail.pruned == appended - len(trail.entries) > 100
            assert (await statuses(running, "s29999"))[-1] == "delivered"
            assert await statuses(running, "s0") == []
            told = json.loads((await running.get("/status"))[1])["destinations"][0]["trail"]
            assert told["bytes"] <= bound
            assert (told["entries"], told["pruned"]) == (len(trail.entries), trail.pruned)
            assert told["oldest_age_seconds"] >= 0


async def test_what_is_too_old_is_pruned_while_nothing_comes(tmp_path: Path) -> None:
    async with Sink() as sink, Running(tmp_path, sgp(sink, upsert={"trail": {"max_age": "100ms"}})) as running:
        await post(running, "a.")
        noting = running.service.pipelines[0].destination.trail
        await running.until(lambda: noting is not None and not noting.trail.entries)
        told = (await trace(running))["up"]
        assert (told["spans"], told["since"], told["pruned"]) == ([], None, 3)


@pytest.mark.parametrize("name", ["a/b", "%2F%", "{x}", "a\nb", "é\u202e", "+ a", "a?id=b#c"])
async def test_an_id_may_hold_any_character(tmp_path: Path, name: str) -> None:
    async with Sink() as sink, Running(tmp_path, sgp(sink)) as running:
        body = json.dumps([{"id": name, "trace_id": name}]).encode()
        assert (await running.post(body, "/v1/spans", content_type="application/json")).status == 202
        for span in (None, name):
            (found,) = (await trace(running, name, span))["up"]["spans"]
            assert found["id"] == name


async def test_where_it_is_off_or_nothing_is_updated_there_is_none(tmp_path: Path) -> None:
    async with Sink() as sink:
        off = sgp(sink, name="off", upsert={"trail": None})
        async with Running(tmp_path, off, destination(sink.url + "/v1/traces", name="otlp")) as running:
            body = copies("a.")
            assert (await running.post(body, "/v1/spans", content_type="application/json")).status == 202
            assert await trace(running) == {}
            found = json.loads((await running.get("/status"))[1])["destinations"]
            assert [each["trail"] for each in found] == [None, None]
