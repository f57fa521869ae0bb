"""Starts and ends through a whole sidecar to an upstream that holds to AgentEx's contract, and what is there then."""

import asyncio
import json
import os
import random
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import pytest
from tests.collector.rig import Running, destination, raw

from inspan_collector.errors import ConfigError
from inspan_collector.sink import Behaviour, Sink

START, END = "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"
MISCHIEF: Final = "503=0.1,reset=0.05,swallow=0.05,leave=0.05,drip=0.02"
KEYS: Final = 200
SLOTS: Final = 16  # the kind's own

Span = dict[str, Any]


@pytest.fixture
def rng() -> random.Random:
    seed = int(os.environ.get("INSPAN_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"INSPAN_SEED={seed}")
    return random.Random(seed)


def agentex(sink: Sink, **more: Any) -> dict[str, Any]:
    place = destination(sink.url, kind="agentex", headers={"x-agent-api-key": "k"})
    del place["batch"]  # it has its own
    return place | {"upsert": {"hold_open": "0s"}} | more


def copy(key: str, version: int, *, ended: bool = False) -> Span:
    """A copy says all that is known by then; a later version says more."""
    span = {"id": key, "trace_id": f"t{key}", "name": "n", "start_timestamp": START, "input": {"of": key}}
    end = {"end_timestamp": END, "status": "SUCCESS"} if ended else {}
    return span | {"output": {"version": version}, "metadata": {f"m{n}": n for n in range(version)}} | end


def row(key: str, version: int, *, ended: bool) -> Span:
    """What AgentEx has of a span whose last copy was this."""
    last = copy(key, version, ended=ended)
    same = {member: last[member] for member in ("id", "name", "trace_id", "input", "output")}
    times = {"start_time": START, "end_time": END if ended else None}
    return same | times | {"data": last["metadata"], "parent_id": None, "task_id": None}


def rows(sink: Sink) -> dict[str, Span]:
    """By id."""
    return {found["id"]: found for found in sink.rows()["agentex"]}


async def post(running: Running, *spans: Span) -> None:
    body = json.dumps(spans).encode()
    assert (await running.post(body, "/v1/spans", content_type="application/json")).status == 202


async def delivered(running: Running, copies: int) -> None:
    await running.until(lambda: sum(running.books().get(fate, 0) for fate in ("delivered", "merged")) == copies)


async def test_a_start_creates_a_span_and_its_end_changes_it(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink, Running(tmp_path, agentex(sink)) as running:
        await post(running, copy("a", 1))
        await delivered(running, 1)
        assert rows(sink) == {"a": row("a", 1, ended=False)}
        await post(running, copy("a", 2, ended=True))
        await delivered(running, 2)
        assert rows(sink) == {"a": row("a", 2, ended=True)}
        assert [(seen.method, seen.path) for seen in sink.requests] == [("POST", "/spans"), ("PATCH", "/spans/a")]
        assert {seen.headers["x-agent-api-key"] for seen in sink.requests} == {"k"}
        assert running.books() == {"enqueued": 2, "delivered": 2}


async def test_a_start_that_meets_its_end_in_the_queue_is_one_creation(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink, Running(tmp_path, agentex(sink, upsert={"hold_open": "1h"})) as running:
        await post(running, copy("a", 1))
        await post(running, copy("a", 2, ended=True))
        await delivered(running, 2)
        assert [seen.method for seen in sink.requests] == ["POST"]
        assert rows(sink) == {"a": row("a", 2, ended=True)}
        assert running.books() == {"enqueued": 2, "delivered": 1, "merged": 1}


async def test_a_post_of_many_spans_is_a_request_each_over_few_connections(tmp_path: Path) -> None:
    async with Sink(Behaviour(delay="1ms")) as sink, Running(tmp_path, agentex(sink)) as running:
        for first in range(0, 1000, 100):
            await post(running, *(copy(f"{number}", 1, ended=True) for number in range(first, first + 100)))
        await delivered(running, 1000)
        count = sink.count()
        assert (count.requests, count.answered, count.spans) == (1000, {200: 1000}, 1000)
        assert 1 < count.connections <= SLOTS


async def test_an_end_after_a_restart_of_the_sidecar_is_written_to_the_span_that_the_one_before_created(
    tmp_path: Path,
) -> None:
    async with Sink() as sink:
        async with Running(tmp_path, agentex(sink)) as running:
            await post(running, copy("a", 1), copy("b", 1))
            await delivered(running, 2)
        async with Running(tmp_path, agentex(sink)) as running:
            await post(running, copy("a", 3, ended=True), copy("b", 2))
            await delivered(running, 2)
            await post(running, copy("b", 4, ended=True))
            await delivered(running, 3)
        assert rows(sink) == {"a": row("a", 3, ended=True), "b": row("b", 4, ended=True)}
        # POST, 400 and PATCH for the end; POST, 400, the question and PATCH for the open one, which is known from then.
        assert sink.count().answered == {200: 2 + 1 + 2 + 1, 400: 2}


POSTED: Final = {
    "start of all": {"input": {"q": [1, "ü"]}, "data": {"__span_type__": "AGENT"}, "parent_id": "p", "task_id": "k"},
    "lists": {"input": [{"q": 1}], "output": [{"a": 1}, {"b": 2}], "data": [{"d": 1}]},
    "an error": {"data": {"__error__": {"type": "ValueError", "message": "no", "category": "application"}}},
    "little": {},
}


@pytest.mark.parametrize("posted", POSTED.values(), ids=POSTED.keys())
async def test_what_comes_in_agentexs_dialect_arrives_as_it_was_posted(tmp_path: Path, posted: Span) -> None:
    start = {"id": "a", "name": "n", "trace_id": "t", "start_time": START} | posted
    end = {"end_time": END, "output": {"answer": 42}}
    async with Sink() as sink, Running(tmp_path, agentex(sink)) as running:
        for number, (path, method, said) in enumerate([("/spans", "POST", start), ("/spans/a", "PATCH", end)], 1):
            body = json.dumps(said).encode()
            assert (await running.post(body, path, method, content_type="application/json")).status == 200
            await delivered(running, number)
        (found,) = sink.rows()["agentex"]
        data, there = start.pop("data", {}), found.pop("data")
        assert found == {"input": None, "parent_id": None, "task_id": None} | start | end
        assert there == data if isinstance(data, list) else data.items() <= there.items()


async def test_a_refused_span_is_quarantined_and_the_others_are_written(tmp_path: Path) -> None:
    async with Sink() as sink, Running(tmp_path, agentex(sink)) as running:
        bad = copy("bad", 1, ended=True) | {"input": "no object"}
        await post(running, *(copy(f"{number}", 1, ended=True) for number in range(50)), bad)
        await running.until(lambda: running.books().get("quarantined") == 1)
        await post(running, copy("50", 1, ended=True))
        await delivered(running, 51)
        assert running.books() == {"enqueued": 52, "delivered": 51, "quarantined": 1}
        assert rows(sink) == {f"{number}": row(f"{number}", 1, ended=True) for number in range(51)}


class Story:
    """Copies of many spans, in the order of each, posted by several agents with re-posts of what was said last."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.model: dict[str, Span] = {}
        self.made = 0

    async def tell(self, running: Running, keys: list[str], **headers: str) -> None:
        """One agent, which speaks of these keys alone."""
        rng, versions, ended = self.rng, defaultdict[str, int](int), set[str]()
        async with running.client() as client:
            for _ in range(8 * len(keys)):
                key = rng.choice(keys)
                again = versions[key] > 0 and (key in ended or rng.random() < 0.1)
                if not again:
                    versions[key] += 1
                    if rng.random() < 0.3:
                        ended.add(key)
                said = copy(key, versions[key], ended=key in ended)
                self.model[key] = row(key, versions[key], ended=key in ended)
                self.made += 1
                request = raw(json.dumps([said]).encode(), "/v1/spans", content_type="application/json", **headers)
                assert (await client.ask(request)).status == 202
                await asyncio.sleep(rng.choice([0, 0, 0.001]))


async def test_whatever_the_upstream_does_each_span_is_there_as_it_was_told_last(
    tmp_path: Path, rng: random.Random
) -> None:
    keys = [f"k{number}" for number in range(KEYS)]
    story = Story(rng)
    wild = Behaviour(chance=MISCHIEF, delay="0ms-5ms", seed=rng.randrange(1 << 32))
    hold = {"upsert": {"hold_open": rng.choice(["0s", "20ms"])}}
    async with Sink(wild, keep=True) as sink:
        async with Running(tmp_path, agentex(sink, **hold), drain={"deadline": "20s"}) as running:
            await asyncio.gather(*(story.tell(running, keys[first::8]) for first in range(8)))
            await delivered(running, story.made)
        books = running.books()
        assert books.pop("enqueued") == sum(books.values()) == story.made
        assert books.keys() <= {"delivered", "merged"}
        assert rows(sink) == story.model
        check_order(sink)
        assert sink.count().lost_answers > 0 < sink.count().answered[400]
        assert sink.count().connections_open <= SLOTS


def check_order(sink: Sink) -> None:
    """Of each span no version was written after a later one, and no end was overtaken by a start."""
    written: dict[str, tuple[bool, int]] = {}
    for seen in sink.requests:
        said = json.loads(seen.body)
        if not seen.accepted or "output" not in said:
            continue
        key = said.get("id") or seen.path.rpartition("/")[2]
        now = (said.get("end_time") is not None, said["output"]["version"])
        assert now >= written.get(key, now), f"{key}: {now} after {written[key]}"
        written[key] = now


async def test_a_restart_in_the_middle_of_it_all_loses_nothing_where_there_is_a_spool(
    tmp_path: Path, rng: random.Random
) -> None:
    keys = [f"k{number}" for number in range(KEYS // 2)]
    story = Story(rng)
    wild = Behaviour(chance=MISCHIEF, delay="20ms-60ms", seed=rng.randrange(1 << 32))  # slower than the agents
    spool = {"path": str(tmp_path / "spool.db"), "mode": "always", "lifetime": "persistent"}
    async with Sink(wild) as sink:
        for half in (keys[::2], keys[1::2]):
            # The first one stops with much in hand, which the second one reads back.
            async with Running(tmp_path, agentex(sink), spool=spool, drain={"deadline": "10ms"}) as running:
                await asyncio.gather(*(story.tell(running, half[at::4], inspan_ack="durable") for at in range(4)))
            assert running.books()["spooled"] > 0
            assert not [account for account in running.books() if account.startswith("dropped")]
        async with Running(tmp_path, agentex(sink), spool=spool) as running:
            sink.behave(Behaviour())
            await running.until(lambda: running.books().keys() <= {"recovered", "delivered", "merged"})
            assert running.books()["recovered"] > 0
        assert rows(sink) == story.model


def test_agentex_takes_one_span_a_request(tmp_path: Path) -> None:
    place = {"name": "up", "kind": "agentex", "url": "http://x.example"}
    assert Running(tmp_path, place).config.destinations[0].concurrency == SLOTS
    for wrong, why in [
        ({"batch": {"max_spans": 2}}, "batch.max_spans: 2 is more than 1"),
        ({"url": "http://x.example/?a=b"}, "expected a base address"),
        ({"account_id": "a"}, "account_id: is for kind sgp, not for agentex"),
    ]:
        with pytest.raises(ConfigError, match=why):
            Running(tmp_path, place | wrong)


@pytest.mark.parametrize("linger", ["0s", "5s"])
async def test_a_span_that_came_by_agentexs_own_dialect_is_there_as_it_was_posted(tmp_path: Path, linger: str) -> None:
    plain: Span = {"parent_id": "p", "task_id": "g", "input": {"a": 1}, "output": None, "end_time": None}
    source = {"__source__": "agentex"}
    spans = {
        "objects": plain | {"data": {"x": 1}},
        "arrays": plain | {"input": [{"a": 1}, {}], "output": [{"b": 2}], "data": [{"c": 3}]},
        "typed": plain | {"data": {"__span_type__": "COMPLETION", "__error__": {"type": "T", "message": "M"}}},
        "nothing": plain | {"parent_id": None, "task_id": None, "input": None, "data": None},
    }
    to = {"upsert": {"hold_open": linger}}
    async with Sink(keep=True) as sink, Running(tmp_path, agentex(sink, **to)) as running:
        for name, span in spans.items():
            body = json.dumps(span | {"id": name, "trace_id": "t", "name": "n", "start_time": START}).encode()
            assert (await running.post(body, "/spans", content_type="application/json")).status == 200
        for name in spans:
            body = json.dumps({"end_time": END}).encode()
            assert (await running.post(body, f"/spans/{name}", "PATCH", content_type="application/json")).status == 200
        await delivered(running, 2 * len(spans))
        found = rows(sink)
        for name, span in spans.items():
            same = {"id": name, "trace_id": "t", "name": "n", "start_time": START, "end_time": END}
            posted = {
                member: value for member, value in (span | same).items() if value is not None and member != "data"
            }
            assert found[name] | posted == found[name]
        assert [found[name]["data"] for name in ("objects", "arrays", "nothing")] == [
            {"x": 1} | source,
            [{"c": 3}],
            source,
        ]
        assert found["typed"]["data"].items() >= spans["typed"]["data"].items()
