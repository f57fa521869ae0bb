"""Randomised runs: whatever the upstream does, both laws hold at every moment, and at the end nothing is held."""

import asyncio
import random

import pytest
from tests.collector.pipeline.rig import Rig
from tests.collector.pipeline.upstream import Upstream, chaos, json_spans, poison, refuse_everything, reset_on
from tests.virtual_time import run

from inspan_collector.errors import Isolate, Later

SEEDS = 400


def weather(rng: random.Random) -> Upstream:
    """An upstream of one of the kinds that break collectors."""
    bad = [rng.randint(1, 500) for _ in range(rng.randint(0, 5))]
    outage = rng.uniform(0, 200)

    def down(upstream: Upstream, found: list[int]) -> None:
        if asyncio.get_running_loop().time() < outage:
            raise Later("ConnectionRefusedError")

    def large(upstream: Upstream, found: list[int]) -> None:
        if len(found) > 20:
            raise Isolate(413, "too large")

    rules = [chaos(rng, rng.choice([0.05, 0.3, 0.8])), poison(*bad), reset_on(*bad), down, large, refuse_everything()]
    chosen = rng.sample(rules[:5], rng.randint(0, 4)) + ([rules[5]] if rng.random() < 0.1 else [])
    return Upstream(*chosen, delay=rng.choice([0.0, 0.01, 1.0, 9.0, 1e9]) if rng.random() < 0.5 else 0.02)


def settings(rng: random.Random) -> dict[str, object]:
    return {
        "concurrency": rng.choice([1, 2, 8, 16]),
        "queue": {
            "max_spans": rng.choice([100, 1000, 100_000]),
            "when_full": rng.choice(["refuse", "drop_oldest"]),
            "max_age": rng.choice([None, None, 30.0]),
        },
        "batch": {"max_spans": rng.choice([1, 7, 100]), "linger": rng.choice([0.0, 0.1, 2.0])},
        "retry": {"max_attempts": rng.choice([None, None, None, 4])},
    }


async def scenario(seed: int) -> None:
    rng = random.Random(seed)
    upstream = weather(rng)
    rig = Rig(
        upstream,
        memory_bytes=rng.choice([20_000, 1 << 20, 64 << 20]) if rng.random() < 0.3 else 64 << 20,
        **settings(rng),
    )
    heals = rng.random() < 0.7
    for _ in range(rng.randint(5, 120)):
        if rng.random() < 0.8:
            rig.post(rng.randint(1, 40))
        else:
            rig.post(format="span_json", body=json_spans([next(rig.numbers) for _ in range(rng.randint(1, 40))]))
        if rng.random() < 0.5:
            await asyncio.sleep(rng.expovariate(5))
        assert rig.pipeline.imbalance() == 0
        queue = rig.destination.queue
        assert queue.held_spans <= queue.max_spans
        assert rig.destination.room.used <= rig.destination.room.limit
        assert upstream.most_in_hand <= rig.destination.config.concurrency
    if heals:
        upstream.rules.clear()
        upstream.delay = 0.01
        patience = rng.choice([0.0, 100.0, 2000.0])
        await asyncio.sleep(patience)
        assert patience < 2000 or rig.destination.ledger.held() == 0, "an upstream that is well again gets everything"
    assert rig.pipeline.imbalance() == 0
    books = await rig.drained(deadline=rng.choice([0.0, 5.0, 20.0]))
    taken = len(upstream.taken)
    assert books.get("delivered", 0) <= taken
    assert len(set(upstream.taken)) == taken, "a span was delivered twice although no answer was lost"
    assert (
        books.get("delivered", 0)
        + books.get("quarantined", 0)
        + sum(count for name, count in books.items() if name.startswith("dropped"))
        == rig.accepted
    )


@pytest.mark.parametrize("block", range(8))
def test_every_span_has_exactly_one_fate_whatever_the_upstream_does(block: int) -> None:
    for seed in range(block * SEEDS // 8, (block + 1) * SEEDS // 8):
        print("seed", seed)
        run(scenario(seed))
