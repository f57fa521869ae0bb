"""A tap on a whole service: what comes over the control socket, what it costs those who post, and how it ends."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from tests.collector.rig import Running, destination

from inspan_collector.sink import Sink
from inspan_collector.tap.stream import SLICE
from inspan_collector.tap.taps import MAX_TAPS

JSON = "application/json"
PATIENCE = 15.0  # s
END = "2026-01-01T00:00:00Z"


def spans(*names: str, pad: int = 0, begin: int = 0) -> bytes:
    return json.dumps(
        [
            {"trace_id": "t", "id": str(number), "name": name, "end_timestamp": END, "output": {"text": "x" * pad}}
            for number, name in enumerate(names, begin)
        ]
    ).encode()


class Told(NamedTuple):
    line: dict[str, Any]
    body: bytes


class Stream:
    """What one tap is told."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer

    async def next(self) -> Told:
        """The next sample."""
        async with asyncio.timeout(PATIENCE):
            while "bytes" not in (told := await self.line()):
                pass
            body = await self.answer.content.readexactly(told["bytes"])
            assert await self.answer.content.readexactly(1) == b"\n"
            return Told(told, body)

    async def line(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(await self.answer.content.readline())
        return found


@contextlib.asynccontextmanager
async def tapping(running: Running, query: str = "") -> AsyncIterator[Stream]:
    """Opened, and in the way of the next post."""
    path = running.config.socket.path.parent / "control.sock"
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as http,
        http.get(f"http://inspan/tap{query}") as answer,
    ):
        assert answer.status == 200, await answer.text()
        stream = Stream(answer)
        await stream.line()
        yield stream


async def refused(running: Running, query: str = "") -> tuple[int, str]:
    path = running.config.socket.path.parent / "control.sock"
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as http,
        http.get(f"http://inspan/tap{query}") as answer,
    ):
        return answer.status, (await answer.json())["error"]


async def test_a_post_that_was_taken_is_shown_with_where_it_came_from(tmp_path: Path) -> None:
    async with (
        Sink() as sink,
        Running(tmp_path, destination(sink.url + "/v1/traces")) as running,
        tapping(running) as stream,
    ):
        body = spans("one", "two")
        await running.post(body, path="/v1/spans", content_type=JSON)
        told = await stream.next()
        assert told.body == body
        line = told.line
        assert (line["dialect"], line["format"], line["spans"], line["take"]) == ("spans", "span_json", 2, 2)
        assert line["passed"] == 2
        assert abs(line["at"] - time.time()) < PATIENCE


async def test_what_is_refused_does_not_pass(tmp_path: Path) -> None:
    small = destination(queue={"max_spans": 3}, batch={"max_spans": 3, "linger": "10s"})
    async with Running(tmp_path, small) as running, tapping(running) as stream:
        await running.post(spans("a"), path="/v1/spans", content_type=JSON)
        refusal = await running.post(spans("b", "c", "d"), path="/v1/spans", content_type=JSON)
        assert refusal.status == 429
        assert (await stream.next()).body == spans("a")
        assert (await stream.line())["passed"] == 1


async def test_nothing_is_in_the_way_of_a_post_before_the_first_tap_and_after_the_last(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        door = running.service.door
        offer, attributes = door.offer, set(vars(door))
        async with tapping(running):
            assert door.offer is not offer
            async with tapping(running):
                pass
            await running.until(lambda: len(taps(running).open) == 1)
            assert door.offer is not offer
        await running.until(lambda: not taps(running).open)
        assert door.offer is offer
        assert set(vars(door)) == attributes


def taps(running: Running) -> Any:
    streams = running.service.control.tapping
    assert streams is not None
    return streams.taps


async def test_one_dialect_alone_is_shown_where_it_is_asked_for(tmp_path: Path) -> None:
    otlp = b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "%s", "spanId": "%s"}]}]}]}'
    async with Running(tmp_path) as running, tapping(running, "?dialect=otlp") as stream:
        await running.post(spans("not"), path="/v1/spans", content_type=JSON)
        await running.post(otlp % (b"1" * 32, b"2" * 16), content_type=JSON)
        told = (await stream.next()).line
        assert (told["dialect"], told["passed"]) == ("otlp", 1)


async def test_one_service_alone_is_shown_where_it_is_asked_for(tmp_path: Path) -> None:
    async with Running(tmp_path) as running, tapping(running, "?service=shop") as stream:
        await running.post(spans("nobody"), path="/v1/spans", content_type=JSON)
        told = {"registration_id": "a" * 32, "service": "shop", "pid": 1}
        registered = await running.post(json.dumps(told).encode(), path="/v1/agents", content_type=JSON)
        assert registered.status < 300, registered
        await running.post(
            spans("shops"), path="/v1/spans", content_type=JSON, inspan_agent="a" * 32, inspan_sequence="1"
        )
        found = await stream.next()
        assert found.line["service"] == "shop"
        assert b"shops" in found.body


async def test_who_does_not_read_misses_samples_and_delays_nobody(tmp_path: Path) -> None:
    async with (
        Sink() as sink,
        Running(tmp_path, destination(sink.url + "/v1/traces")) as running,
        tapping(running, "?rate=100") as stream,
    ):
        large = spans("large", pad=1 << 20)
        for _ in range(24):
            assert (await running.post(large, path="/v1/spans", content_type=JSON)).status == 202
        (tap,) = taps(running).open
        assert tap.missed > 0
        assert tap.room.used <= tap.room.limit
        while (told := (await stream.next()).line)["missed"] == 0:
            pass
        assert told["passed"] == 24


async def test_a_post_of_many_megabytes_is_handed_on_while_others_have_their_turns(tmp_path: Path) -> None:
    async with (
        Sink() as sink,
        Running(tmp_path, destination(sink.url + "/v1/traces")) as running,
        tapping(running) as stream,
    ):
        large = spans(*["n"] * 4000, pad=2000)
        await running.post(large, path="/v1/spans", content_type=JSON)
        reading = asyncio.create_task(stream.next())
        turns = 0
        while not reading.done():
            await asyncio.sleep(0)
            turns += 1
        assert (await reading).body == large
        assert turns >= len(large) // SLICE  # those that the loop had for others meanwhile


async def test_no_more_tap_at_once_than_may(tmp_path: Path) -> None:
    async with Running(tmp_path) as running, contextlib.AsyncExitStack() as stack:
        for _ in range(MAX_TAPS):
            await stack.enter_async_context(tapping(running))
        status, words = await refused(running)
        assert status == 503
        assert "4 tap already" in words


async def test_a_wish_that_makes_no_sense_is_refused_in_words(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        assert await refused(running, "?rate=0") == (400, "rate: expected 1 to 100 spans a second")
        assert await refused(running, "?rate=x") == (400, "rate: expected a number")
        status, words = await refused(running, "?dialect=zipkin")
        assert status == 400
        assert "otlp" in words


async def test_a_drain_does_not_wait_for_who_taps_even_where_nothing_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inspan_collector.control.control.STOP", 600.0)  # s that a command in hand is given
    async with (
        Sink() as sink,
        Running(tmp_path, destination(sink.url + "/v1/traces")) as running,
        tapping(running, "?rate=100"),
    ):
        for _ in range(8):
            await running.post(spans("large", pad=1 << 20), path="/v1/spans", content_type=JSON)
        async with asyncio.timeout(PATIENCE):
            await running.drained()
        assert not taps(running).open
