"""What befalls one destination is nothing to the other: neither its requests, its books, nor what agents are told."""

import asyncio
import random
from collections.abc import Callable
from functools import cache
from typing import Final

import pytest
from tests.collector.pipeline.pair import NAMES, Pair, Recorder
from tests.collector.pipeline.upstream import TIMEOUT
from tests.virtual_time import run

from inspan_collector.errors import Isolate, Later, Pause

BEGIN: Final = 10.0  # s at which the trouble begins
LENGTH: Final = 60.0  # s that it lasts
POSTING: Final = 90.0  # s: before, during and after
TICK: Final = 0.25  # s between looks
SEEDS: Final = (1, 2, 3)
SPAN: Final = b'{"id":"%d","trace_id":"t","name":"%b"%b}'
END: Final = b',"end_timestamp":"2026-01-01T00:00:00Z"'


def raises(error: Exception) -> Callable[[Recorder], None]:
    def begin(upstream: Recorder) -> None:
        def rule(_: object, found: list[int]) -> None:
            raise error

        upstream.rules.append(rule)

    return begin


def hangs(upstream: Recorder) -> None:
    upstream.delay = TIMEOUT


def heal(upstream: Recorder) -> None:
    upstream.rules.clear()
    upstream.delay = 0.01


TROUBLES: Final[dict[str, Callable[[Recorder], None]]] = {
    "refuses connections": raises(Later("ConnectionRefusedError")),
    "hangs": hangs,
    "503": raises(Later("503")),
    "503 for five minutes": raises(Later("503", retry_after=300.0)),
    "401": raises(Pause("401")),
    "400 to everything": raises(Isolate(400, "no")),
}
ROOMY: Final = {"queue": {"max_spans": 100_000}}
TIGHT: Final = {"queue": {"max_spans": 400}, "batch": {"max_spans": 50}}
MEMORY: Final = {"roomy": 256 << 20, "few spans": 256 << 20, "few bytes": 1 << 20}


async def agents(pair: Pair, rng: random.Random) -> None:
    """Posts of any size at any time, from two agents; each post has a span that has ended, so that both want it."""
    number = 0
    while asyncio.get_running_loop().time() < POSTING:
        await asyncio.sleep(rng.expovariate(4))
        spans = [SPAN % (number, b"x" * rng.randrange(900), END)]
        for _ in range(rng.randrange(10)):
            number += 1
            spans.append(SPAN % (number, b"x" * rng.randrange(900), END if rng.random() < 0.5 else b""))
        number += 1
        pair.post(b"[%b]" % b",".join(spans), rng.choice(["first", "second"]))


async def scenario(seed: int, room: str, down: str | None, trouble: Callable[[Recorder], None]) -> Pair:
    pair = Pair(MEMORY[room], **(TIGHT if room == "few spans" else ROOMY))
    loop = asyncio.get_running_loop()
    if down is not None:
        loop.call_later(BEGIN, trouble, pair.upstreams[down])
        loop.call_later(BEGIN + LENGTH, heal, pair.upstreams[down])
    await asyncio.gather(agents(pair, random.Random(seed)), pair.watch(POSTING, TICK))
    await pair.watch(400.0, 1.0)  # over the longest time that an upstream can ask for
    await pair.drained()
    return pair


@cache
def both_well(seed: int, room: str) -> Pair:
    """What each run is compared with."""
    return run(scenario(seed, room, None, heal))


@pytest.mark.parametrize("room", MEMORY)
@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES.keys())
@pytest.mark.parametrize("down", NAMES)
def test_one_that_is_down_for_a_minute_changes_nothing_for_the_other(
    down: str, trouble: Callable[[Recorder], None], room: str
) -> None:
    (other,) = set(NAMES) - {down}
    for seed in SEEDS:
        print("seed", seed)
        healthy = both_well(seed, room)
        troubled = run(scenario(seed, room, down, trouble))
        assert len(healthy.upstreams[other].puts) > 50
        assert troubled.upstreams[other].puts == healthy.upstreams[other].puts
        assert troubled.moments[other] == healthy.moments[other]
        assert troubled.answers == healthy.answers == [None] * len(healthy.answers)
        assert troubled.books(other) == healthy.books(other)
        # The one that was down knew it, and got all that it could hold as soon as it was well.
        assert troubled.moments[down] != healthy.moments[down]
        books = troubled.books(down)
        assert books["enqueued"] == healthy.books(down)["enqueued"]
        assert books.keys() <= {"enqueued", "delivered", "merged", "dropped_queue_full"}
        assert ("dropped_queue_full" in books) == (room != "roomy")
        if room == "roomy":
            assert taken(troubled, down) == taken(healthy, down)


def taken(pair: Pair, name: str) -> set[int]:
    """The spans that the upstream took."""
    return set(pair.upstreams[name].taken)


def test_both_down_at_once_is_the_only_way_to_be_told_to_wait() -> None:
    async def main() -> None:
        pair = Pair(MEMORY["few spans"], **TIGHT)
        for upstream in pair.upstreams.values():
            TROUBLES["503"](upstream)
        await asyncio.gather(agents(pair, random.Random(1)), pair.watch(POSTING, TICK))
        told = set(pair.answers)
        assert {None} < told <= {None, "queue_full", "fair_share"}
        for upstream in pair.upstreams.values():
            heal(upstream)
        await pair.watch(60.0, TICK)
        for name in NAMES:
            assert pair.books(name)["delivered"] >= 400
        await pair.drained()

    run(main())


def test_each_book_counts_what_was_offered_to_its_own() -> None:
    async def main() -> None:
        pair = Pair(MEMORY["roomy"])
        spans = [SPAN % (number, b"n", END if number % 3 == 0 else b"") for number in range(30)]
        pair.post(b"[%b]" % b",".join(spans), "first")
        await pair.watch(10.0, TICK)
        await pair.drained()
        assert pair.books("sgp")["enqueued"] == 30
        assert pair.books("ended") == {"enqueued": 10, "delivered": 10}
        assert taken(pair, "sgp") == set(range(30))
        assert taken(pair, "ended") == set(range(0, 30, 3))

    run(main())
