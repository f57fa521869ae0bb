"""How the byte budget is portioned: custody and working memory, and what each destination may have of both. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec

from inspan_collector.config.model import REMEMBERED, DestinationConfig

WORKING_SHARE: Final = 1 / 3  # of the budget at most: the rest is custody, which is what the budget is for
SLOTS: Final = 2  # at least so many batches' bytes: one attempt needs twice its own while it is being compressed
QUEUE_SHARE: Final = 0.9  # of custody at most for all queues: requests that are being read need room too


class Bounds(msgspec.Struct, frozen=True):
    """What this destination gets of the process's memory. queue_bytes: custody; working_bytes: its room. remembering:
    the part of what it is configured to remember that there is room for.
    """

    queue_bytes: int
    working_bytes: int
    remembering: float = 1.0


class Portions(msgspec.Struct, frozen=True):
    """Bytes. custody and working add up to the budget at most, with what destinations remember of spans."""

    custody: int
    working: int
    destinations: Sequence[Bounds]


def portion(budget: int, destinations: Sequence[DestinationConfig]) -> Portions:
    """Give each destination what it asks for where the budget allows, else its part.

    No destination can take what another needs: one whose upstream is down fills its own queue and nothing else.
    """
    # A configuration that says how large the budget is, and asks for more than this, is refused. Else it gets less.
    asked = sum(config.remembered for config in destinations)
    remembering = min(1.0, budget * REMEMBERED / asked) if asked else 1.0
    budget -= int(asked * remembering)
    wanted = [max(config.concurrency, SLOTS) * int(config.batch.max_bytes) for config in destinations]
    working = min(sum(wanted), int(budget * WORKING_SHARE))
    custody = budget - working
    queue = int(custody * QUEUE_SHARE) // len(destinations)
    return Portions(
        custody,
        working,
        [
            Bounds(min(int(config.queue.max_bytes), queue), want * working // sum(wanted), remembering)
            for config, want in zip(destinations, wanted, strict=True)
        ],
    )
