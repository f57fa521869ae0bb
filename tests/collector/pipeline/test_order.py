"""Randomised runs: whatever the upstream does, no copy of a span is overtaken by an earlier one.

Sixteen attempts at once; answers late, lost, refused; batches cut in two; drains. What the upstream has written last
for a span is what the agent has posted last, and no end is ever followed by its start.
"""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from tests.collector.pipeline.rig import Rig
from tests.collector.pipeline.upstream import Upserting
from tests.virtual_time import run

from inspan_collector.errors import Isolate, Later, Pause
from inspan_collector.formats import Format
from inspan_collector.receipt import Receipt

SEEDS = 300


class Write(NamedTuple):
    """A copy as the upstream wrote it: the number that the agent gave it, and whether it has an end."""

    number: int
    ended: bool


class Store(Upserting):
    """Writes what it is sent, in the order in which it gets round to it, and does not always say so."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self.rng = rng
        self.writes: dict[str, list[Write]] = defaultdict(list)
        self.in_attempt: set[str] = set()
        self.share = rng.choice([0.0, 0.1, 0.4])  # of the requests with which something goes wrong
        self.most = rng.choice([1000, 40, 5])  # spans that it takes in one request
        self.bad: set[str] = set()  # keys that it refuses
        self.slowest = rng.choice([0.05, 1.0, 3.0])

    async def send(self, format: Format, payload: bytes, spans: int) -> Receipt:
        items = json.loads(payload)
        keys = [item["id"] for item in items]
        assert len(set(keys)) == len(keys) == spans, "a key is in one body twice"
        assert not self.in_attempt & set(keys), "a key is in two attempts at once"
        self.in_attempt |= set(keys)
        try:
            await asyncio.sleep(self.rng.uniform(0, self.slowest))
            fate = self.rng.random() / self.share if self.share else 1.0
            if fate < 0.3:
                raise Later("refused connection")
            if fate < 0.4:
                raise Pause("401")
            if len(items) > self.most:
                raise Isolate(413, "too large")
            if self.bad & set(keys):
                raise Isolate(self.rng.choice([400, 409, 422]), "bad span")
            for item in items:
                self.writes[item["id"]].append(Write(item["n"], "end_timestamp" in item))
            if fate < 0.7:
                raise Later("the answer was lost")
            return Receipt()
        finally:
            self.in_attempt -= set(keys)


class Agent:
    """Starts spans, tells more of them, and ends them, each at its own time; posts what has happened since."""

    def __init__(self, rig: Rig, rng: random.Random) -> None:
        self.rig = rig
        self.rng = rng
        self.numbers = iter(range(1, 1 << 30))
        self.open: list[str] = []
        self.last: dict[str, Write] = {}  # that was accepted

    def happenings(self) -> Iterator[dict[str, object]]:
        for _ in range(self.rng.randint(1, 12)):
            number, chance = next(self.numbers), self.rng.random()
            span: dict[str, object] = {"id": f"s{number}", "trace_id": "t", "n": number}
            if self.open and chance < 0.6:
                span["id"] = self.rng.choice(self.open[-3:])  # a span is told of again while it is being sent
                if chance < 0.4:
                    self.open.remove(str(span["id"]))
                    span["end_timestamp"] = "2026-01-01T00:00:00Z"
            else:
                self.open.append(str(span["id"]))
            yield span
            if "end_timestamp" in span and self.rng.random() < 0.2:  # as scale_gp_beta does
                yield span | {"n": next(self.numbers)}

    def post(self) -> None:
        spans = list(self.happenings())
        if self.rig.post(format="span_json", body=json.dumps(spans).encode()):
            self.last |= {str(span["id"]): Write(span["n"], "end_timestamp" in span) for span in spans}


async def scenario(seed: int) -> None:
    rng = random.Random(seed)
    store = Store(rng)
    rig = Rig(
        store,
        kind="sgp",
        url="http://up.example",
        concurrency=16,
        upsert={"hold_open": rng.choice([0.0, 0.1, 2.0])},
        batch={"max_spans": rng.choice([1, 3, 50]), "linger": rng.choice([0.0, 0.05])},
        queue={"max_spans": rng.choice([60, 100_000]), "when_full": rng.choice(["refuse", "drop_oldest"])},
        retry={"initial": 0.1, "max": rng.choice([0.5, 5.0])},
    )
    agent = Agent(rig, rng)
    for _ in range(rng.randint(20, 150)):
        agent.post()
        if agent.open and rng.random() < 0.05:
            store.bad.add(rng.choice(agent.open))
        if rng.random() < 0.7:
            await asyncio.sleep(rng.expovariate(4))
        assert rig.pipeline.imbalance() == 0
        assert rig.destination.queue.held_spans <= rig.destination.queue.max_spans
        queue = rig.destination.queue
        assert rig.memory.custody == queue.held_bytes
    if rng.random() < 0.5:
        store.share, patience = 0.0, 3600.0
        await asyncio.sleep(rng.choice([0.0, 100.0]))
    else:
        patience = rng.choice([0.0, 3.0, 3600.0])
    books = await rig.drained(deadline=patience)
    lost = sum(count for name, count in books.items() if name.startswith("dropped")) + books.get("quarantined", 0)
    check(store, agent, lost=bool(lost))
    assert not rig.destination.waiting.by_key


def check(store: Store, agent: Agent, *, lost: bool) -> None:
    """Of each span: written in the order in which it was posted, and if none was lost, the last one last."""
    for key, writes in store.writes.items():
        assert [write.number for write in writes] == sorted(write.number for write in writes), key
        assert [write.ended for write in writes] == sorted(write.ended for write in writes), f"{key}: end, then start"
    if not lost:
        assert {key: writes[-1] for key, writes in store.writes.items()} == agent.last


@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_copy_is_overtaken_by_an_earlier_one(seed: int) -> None:
    run(scenario(seed))


def test_no_copy_is_overtaken_with_a_seed_of_today() -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    run(scenario(seed))
