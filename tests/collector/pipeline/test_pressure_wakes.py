"""What pressure lets go is sent at once: the batcher hears of it."""

import asyncio
import json

import pytest
from tests.collector.pipeline.rig import Rig
from tests.collector.pipeline.upstream import Upserting
from tests.virtual_time import run

SPANS = 1000  # the queue's bound, and a batch's: what config/destination.py still allows


async def starts_for(seconds: float, when_full: str) -> tuple[int, dict[str, int]]:
    """(refused, books) after twice as many starts as there is room for, one by one, evenly over the seconds."""
    upstream = Upserting()
    rig = Rig(
        upstream,
        kind="sgp",
        url="http://up.example",
        queue={"max_spans": SPANS, "when_full": when_full},
        batch={"max_spans": SPANS, "linger": 0.01},
    )
    refused = 0
    for number in range(2 * SPANS):
        body = json.dumps([{"id": str(number), "trace_id": "t"}]).encode()
        refused += not rig.post(format="span_json", body=body)
        await asyncio.sleep(seconds / SPANS / 2)
    return refused, await rig.drained()


@pytest.mark.parametrize("when_full", ["refuse", "drop_oldest"])
def test_what_pressure_lets_go_is_sent_before_the_queue_is_full(when_full: str) -> None:
    refused, books = run(starts_for(1.9, when_full))
    assert (refused, books.get("dropped_queue_full", 0)) == (0, 0), "the upstream was idle all the time"
