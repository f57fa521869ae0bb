"""Who floods must not cost a quiet agent its place, whichever bound of the queue is the one that fills."""

import random

import pytest
from tests.collector.queue.test_queue import Rig

from inspan_collector.ledger import DELIVERED

SPANS = 20_000
OFFERS = 20_000


def lost(rng: random.Random, agents: int, size: int) -> int:
    """Posts of one span that were refused to a quiet agent, beside so many that post as fast as they can."""
    rig = Rig(max_spans=SPANS, max_bytes=64 << 20, crowded=True, batch=(500, 4 << 20, 0.0))
    refused = 0
    for number in range(OFFERS):
        spans = rng.randint(1, 100)
        rig.offer(spans, spans * size, agent=f"flooding {rng.randrange(agents)}")
        if number % 20 == 0:
            refused += rig.offer(1, size, agent="quiet") is not None
        if number % 100 == 0:
            rig.queue.settle(rig.queue.take(4 << 20, 0.0), DELIVERED, 0.0)
    return refused


@pytest.mark.parametrize("agents", [1, 4])
def test_large_spans_fill_the_bytes_and_leave_a_quiet_agent_its_place(rng: random.Random, agents: int) -> None:
    assert lost(rng, agents, size=4000) == 0


@pytest.mark.parametrize("agents", [1, 4, 16])
def test_small_spans_fill_the_places_and_leave_a_quiet_agent_its_place(rng: random.Random, agents: int) -> None:
    assert lost(rng, agents, size=100) == 0
