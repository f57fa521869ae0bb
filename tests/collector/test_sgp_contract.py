"""A sidecar in front of an upstream that holds to SGP's published contract: every offender found, no neighbour lost."""

import asyncio
import itertools
import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.collector.offenders import EARLIER, ELSEWHERE, KINDS, Kind, Span, encoded, good, key, keys, some
from tests.collector.rig import Running, raw
from tests.collector.sink.posts import put

from inspan_collector.exporters.verdict import MAX_MESSAGE
from inspan_collector.quarantine import MemoryQuarantine
from inspan_collector.row import Refused
from inspan_collector.sink import Sink

JSON = "application/json"
BATCH = "/v5/spans/batch"
LINGER = 1.0  # s; over what posts take on a busy machine, so that a batch is what the test says it is


@pytest.fixture
def rng() -> random.Random:
    seed = int(os.environ.get("INSPAN_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"INSPAN_SEED={seed}")
    return random.Random(seed)


def sgp(sink: Sink, spans: int | None = None, **more: Any) -> dict[str, Any]:
    """The destination. spans: a batch is full with so many, and waits for them."""
    batch = {"linger": 0} if spans is None else {"max_spans": spans, "linger": f"{LINGER:g}s"}
    retry = {"initial": "10ms", "max": "20ms"}
    found = {"name": "up", "kind": "sgp", "url": sink.url, "headers": {"x-api-key": "k"}, "batch": batch}
    return found | {"retry": retry} | more


async def post(running: Running, *posts: list[Span]) -> None:
    """Each list in a post of its own, one after the other, in SGP's dialect."""
    async with running.client() as client:
        for spans in posts:
            body = b'{"items":%b}' % encoded(spans)
            reply = await client.ask(raw(body, BATCH, "PUT", content_type=JSON))
            assert reply.status == 200, reply


async def settled(running: Running, copies: int) -> None:
    """Wait until so many copies have come to their fate."""
    await running.until(lambda: sum(fates(running).values()) == copies)


def fates(running: Running) -> dict[str, int]:
    return {name: count for name, count in running.books().items() if name in ("delivered", "merged", "quarantined")}


def quarantine_of(running: Running) -> MemoryQuarantine:
    kept = running.service.pipelines[0].destination.quarantine
    assert isinstance(kept, MemoryQuarantine)
    return kept


def quarantine(running: Running) -> dict[tuple[str, str], Refused]:
    """What is kept, by key; each entry is one span."""
    found: dict[tuple[str, str], Refused] = {}
    for entry in quarantine_of(running).kept.values():
        (span,) = json.loads(entry.body)
        found[key(span)] = entry
    return found


def upstream(sink: Sink) -> list[Span]:
    """The copies that the sink took."""
    return [span for body in sink.bodies for span in json.loads(body)["items"]]


def check_no_body_twice(sink: Sink) -> None:
    """No request was ever repeated, in whatever order its spans stand."""
    bodies = Counter(frozenset(map(json.dumps, json.loads(seen.body)["items"])) for seen in sink.requests)
    assert set(bodies.values()) == {1}
    assert {seen.status for seen in sink.requests} <= {200, 400, 409, 422}


async def check_reasons(sink: Sink, running: Running, offenders: list[Span]) -> None:
    """Each offender is kept with what the sink says to it when it is asked about that span alone."""
    kept = quarantine(running)
    assert sorted(kept) == keys(offenders)
    async with aiohttp.ClientSession() as http:
        for span in offenders:
            status, answer = await put(http, sink, span)
            entry = kept[key(span)]
            assert (entry.status, entry.spans) == (status, 1)
            assert entry.message == json.dumps(answer, separators=(",", ":"), ensure_ascii=False)[:MAX_MESSAGE]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("posts", ["one post", "several posts"])
async def test_an_offender_is_quarantined_with_the_upstreams_reason_and_its_neighbours_are_delivered(
    tmp_path: Path, rng: random.Random, kind: Kind, posts: str
) -> None:
    neighbours = [ELSEWHERE, *(good(number) for number in range(1, 40))]
    bad = kind.make(7)
    spans = list(neighbours)
    spans.insert(rng.randint(1, 40), bad)
    async with Sink(keep=True) as sink, Running(tmp_path, sgp(sink, len(spans))) as running:
        cuts = [0, *sorted(rng.sample(range(1, 41), 9)), 41]
        each = [spans] if posts == "one post" else [spans[a:b] for a, b in itertools.pairwise(cuts)]
        await post(running, *each)
        await settled(running, 41)
        assert running.books() == {"enqueued": 41, "delivered": 40, "quarantined": 1}
        assert keys(upstream(sink)) == keys(neighbours)
        assert (sink.count().spans, sink.count().rows) == (40, 40)
        assert len(sink.requests) <= 1 + 2 * (4 + 6)  # two for each halving: of ten posts, and of 32 spans
        check_no_body_twice(sink)
        (entry,) = quarantine(running).values()
        assert (entry.status, kind.field in entry.message) == (kind.status, True)
        await check_reasons(sink, running, [bad])


@pytest.mark.parametrize("posts", [1, 30])
async def test_offenders_of_every_kind_at_once_are_each_found(tmp_path: Path, rng: random.Random, posts: int) -> None:
    neighbours = [ELSEWHERE, *(good(number) for number in range(1, 300))]
    bad = [kind.make(number) for number, kind in enumerate(KINDS.values())]
    # Their children are neighbours like any other.
    neighbours += [good(400 + n, trace_id=b["trace_id"], parent_id=b["id"]) for n, b in enumerate(bad) if sound(b)]
    spans = neighbours[1:] + bad
    rng.shuffle(spans)
    spans.insert(0, ELSEWHERE)
    async with Sink(keep=True) as sink, Running(tmp_path, sgp(sink, len(spans))) as running:
        cuts = [0, *sorted(rng.sample(range(1, len(spans)), posts - 1)), len(spans)]
        await post(running, *(spans[a:b] for a, b in itertools.pairwise(cuts)))
        await settled(running, len(spans))
        assert running.books() == {
            "enqueued": len(spans),
            "delivered": len(neighbours),
            "quarantined": len(bad),
        }
        assert keys(upstream(sink)) == keys(neighbours)
        check_no_body_twice(sink)
        await check_reasons(sink, running, bad)


def sound(span: Span) -> bool:
    """Whether a child can name it, and be taken."""
    return "\0" not in span["id"] + span["trace_id"]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("posts", ["one post", "two posts"])
async def test_an_offender_that_comes_as_start_and_end_ends_in_quarantine(
    tmp_path: Path, rng: random.Random, kind: Kind, posts: str
) -> None:
    end = kind.make(7)
    start = {name: value for name, value in end.items() if name != "end_timestamp"}
    first, last = ([good(number) for number in range(at, at + 20)] for at in (100, 200))
    first.insert(rng.randint(0, 20), start)
    last.insert(rng.randint(0, 20), end)
    to = {"concurrency": 1, "batch": {"linger": "50ms"}}
    async with Sink(keep=True) as sink, Running(tmp_path, sgp(sink, **to)) as running:
        await post(running, [ELSEWHERE])
        await settled(running, 1)
        await post(running, *([first + last] if posts == "one post" else [first, last]))
        await settled(running, 43)
        books = running.books()
        assert books.pop("enqueued") == sum(books.values()) == 43
        kept = [json.loads(entry.body) for entry in quarantine_of(running).kept.values()]
        assert [end] in kept
        assert all(copies in ([start], [end]) for copies in kept)
        assert books["quarantined"] == len(kept)
        # Where only the end offends, its start may have been taken before it.
        taken = [copy for copy in upstream(sink) if key(copy) == key(end)]
        assert taken == [] or (taken == [start] and end.get("end_timestamp") == EARLIER)
        assert keys(copy for copy in upstream(sink) if copy not in taken) == keys(
            copy for copy in [ELSEWHERE, *first, *last] if copy not in (start, end)
        )
        check_no_body_twice(sink)


async def test_a_circle_of_several_spans_is_broken_at_one_of_them(tmp_path: Path) -> None:
    neighbours = [good(number) for number in range(1, 30)]
    for size in (2, 3, 7):
        circle = [good(n, id=f"c{n}", trace_id="round", parent_id=f"c{(n + 1) % size}") for n in range(size)]
        spans = neighbours[:11] + circle + neighbours[11:]
        home = tmp_path / str(size)
        home.mkdir()
        async with Sink(keep=True) as sink, Running(home, sgp(sink, len(spans))) as running:
            await post(running, spans)
            await settled(running, len(spans))
            assert running.books() == {"enqueued": 29 + size, "delivered": 28 + size, "quarantined": 1}
            ((found, entry),) = quarantine(running).items()
            assert found in keys(circle)
            assert entry.status == 409
            assert "circle" in entry.message
            assert keys([*upstream(sink), *(span for span in circle if key(span) == found)]) == keys(spans)
            check_no_body_twice(sink)


async def test_where_every_span_is_refused_none_is_condemned_until_another_is_taken(
    tmp_path: Path, rng: random.Random
) -> None:
    bad = some(rng, rng.randint(1, 30))
    async with Sink(keep=True) as sink:
        to = sgp(sink, len(bad))
        async with Running(tmp_path, to, drain={"deadline": "10s"}) as running:
            async with aiohttp.ClientSession() as http:
                assert (await put(http, sink, ELSEWHERE))[0] == 200  # somebody else's
            await post(running, bad)
            await running.until(lambda: "paused" in running.events())
            assert running.books() == {"enqueued": len(bad), "in_flight": len(bad)}
            tried = sink.requests[1:]
            assert len(tried) <= 5
            assert len({seen.body for seen in tried}) == len(tried)
            await post(running, [good(1)])
            await running.drained()  # which probes at once
            assert running.books() == {"enqueued": len(bad) + 1, "delivered": 1, "quarantined": len(bad)}
            await check_reasons(sink, running, bad)


async def test_a_post_of_2500_spans_with_a_handful_of_offenders_in_it(tmp_path: Path, rng: random.Random) -> None:
    neighbours = [ELSEWHERE, *(good(number) for number in range(1, 2494))]
    bad = some(rng, 6)
    spans = neighbours[1:] + bad
    rng.shuffle(spans)
    async with Sink(keep=True) as sink, Running(tmp_path, sgp(sink)) as running:
        await post(running, [ELSEWHERE, *spans])
        await settled(running, 2500)
        assert running.books() == {"enqueued": 2500, "delivered": 2494, "quarantined": 6}
        assert keys(upstream(sink)) == keys(neighbours)
        assert sink.count().rows == 2494
        assert sink.count().largest_batch <= 1000
        assert max(len(json.loads(seen.body)["items"]) for seen in sink.requests) <= 1000
        check_no_body_twice(sink)
        await check_reasons(sink, running, bad)


async def test_many_agents_with_offenders_of_their_own_lose_no_span_of_the_others(
    tmp_path: Path, rng: random.Random
) -> None:
    async with Sink(keep=True) as sink:
        to = sgp(sink, None, batch={"max_spans": rng.choice([10, 100, 1000]), "linger": "20ms"})
        async with Running(tmp_path, to, drain={"deadline": "10s"}) as running:
            await post(running, [ELSEWHERE])
            await settled(running, 1)
            bad = some(rng, 12)
            fine = [good(number) for number in range(1, 400)]

            async def agent(mine: list[Span]) -> None:
                async with running.client() as client:
                    while mine:
                        size = rng.randint(1, 12)
                        body, mine = encoded(mine[:size]), mine[size:]
                        assert (await client.ask(raw(body, "/v1/spans", content_type=JSON))).status == 202
                        await asyncio.sleep(rng.uniform(0, 0.005))

            spans = fine + bad
            rng.shuffle(spans)
            await asyncio.gather(*(agent(spans[first::8]) for first in range(8)))
            await post(running, [good(1000)])
            await running.drained()
            assert running.books() == {"enqueued": 413, "delivered": 401, "quarantined": 12}
            assert keys(upstream(sink)) == keys([ELSEWHERE, *fine, good(1000)])
            await check_reasons(sink, running, bad)
