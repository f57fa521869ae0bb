import json
import random
from typing import Any

import pytest

from inspan_collector.config.load import load
from inspan_collector.config.model import DestinationConfig
from inspan_collector.pipeline.portions import portion

MIB = 1 << 20


def destinations(*trees: dict[str, Any]) -> tuple[DestinationConfig, ...]:
    full = [{"name": f"d{n}", "kind": "otlp", "url": "http://up.example/"} | tree for n, tree in enumerate(trees)]
    return load(json.dumps({"socket": {"path": "/s"}, "destinations": full}), "test", {}).destinations


def test_where_there_is_room_everyone_gets_what_it_asks_for():
    portions = portion(1 << 30, destinations({}, {"queue": {"max_bytes": "32MiB"}}))
    assert [bounds.queue_bytes for bounds in portions.destinations] == [64 * MIB, 32 * MIB]
    assert [bounds.working_bytes for bounds in portions.destinations] == [8 * 4 * MIB, 8 * 4 * MIB]  # slots x batch


@pytest.mark.parametrize("budget", [8 * MIB, 64 * MIB, 256 * MIB, 1 << 34])
def test_no_destination_can_take_what_another_or_a_request_needs(budget: int):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    for _ in range(20):
        trees = [
            {"concurrency": rng.randint(1, 32), "queue": {"max_bytes": f"{rng.randint(16, 512)}MiB"}}
            for _ in range(rng.randint(1, 5))
        ]
        portions = portion(budget, destinations(*trees))
        assert portions.custody + portions.working <= budget
        assert sum(bounds.queue_bytes for bounds in portions.destinations) <= portions.custody * 0.9
        assert sum(bounds.working_bytes for bounds in portions.destinations) <= portions.working
        assert all(bounds.working_bytes > 0 and bounds.queue_bytes > 0 for bounds in portions.destinations)


def test_what_is_remembered_of_spans_is_taken_first_and_leaves_half():
    upserts = {"kind": "sgp", "upsert": {"trail": {"max_bytes": "8MiB"}, "dedupe": {"max_keys": 100_000}}}
    (all_of_it,) = [portion(64 * MIB, destinations({}))]
    (remembering,) = [portion(64 * MIB + 8 * MIB + 100_000 * 120, destinations(upserts))]
    assert (remembering.custody, remembering.working) == (all_of_it.custody, all_of_it.working)
    assert portion(64 * MIB, destinations({"upsert": {}})) == all_of_it, "of otlp nothing is remembered"
    short = portion(16 * MIB, destinations(upserts))
    assert short.custody + short.working == 8 * MIB


def test_where_memory_is_short_slots_share_it_by_what_they_want():
    portions = portion(12 * MIB, destinations({"concurrency": 2}, {"concurrency": 6}))
    one, three = (bounds.working_bytes for bounds in portions.destinations)
    assert one + three == pytest.approx(4 * MIB, abs=2)
    assert three == pytest.approx(3 * one, abs=3)
