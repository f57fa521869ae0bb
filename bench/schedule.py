"""When an agent's spans start and end: drawn once from a seed, the same for all who are measured.

An agent answers requests, each a trace of twelve spans. A model's or a tool's call takes from milliseconds to a minute,
and a duration is as likely to lie in one factor of ten as in the next: log-uniform. The standard library alone.
"""

import math
import random
import uuid
from typing import Final, NamedTuple

SPANS: Final = 12  # of one request: an agent's turn of a few calls to a model and to tools
SHORTEST: Final = 0.005  # s; a look into a cache
LONGEST: Final = 60.0  # s; a model that thinks
APART: Final = 1.0  # s after the request in which its spans start: one step follows another


class Planned(NamedTuple):
    """One span. parent: its position in the list of all, None for a request's first. Seconds since the load began."""

    trace_id: str
    parent: int | None
    start: float
    end: float


class Event(NamedTuple):
    """What an agent does at a time: starts or ends a span."""

    at: float
    position: int
    ends: bool


def longer_than(seconds: float) -> float:
    """The chance that a span takes longer."""
    share = math.log(LONGEST / min(max(seconds, SHORTEST), LONGEST)) / math.log(LONGEST / SHORTEST)
    return min(max(share, 0.0), 1.0)


def plan(rate: float, seconds: float, seed: int, longest: float = LONGEST) -> list[Planned]:
    """The spans that start within `seconds` and take `longest` at most. rate: requests per second, which come
    independently of each other."""
    chance = random.Random(seed)
    spans: list[Planned] = []
    at = chance.expovariate(rate)
    while at < seconds:
        trace_id, first = str(uuid.UUID(int=chance.getrandbits(128))), len(spans)
        for step in range(SPANS):
            start = at + (chance.uniform(0, APART) if step else 0.0)
            duration = SHORTEST * (longest / SHORTEST) ** chance.random()
            if start < seconds:
                spans.append(Planned(trace_id, first if step else None, start, start + duration))
        at += chance.expovariate(rate)
    return spans


def events(spans: list[Planned], seconds: float) -> list[Event]:
    """In the order of time. A span that ends after `seconds` is left open: its end is not among them."""
    starts = [Event(span.start, position, False) for position, span in enumerate(spans)]
    ends = [Event(span.end, position, True) for position, span in enumerate(spans) if span.end < seconds]
    return sorted(starts + ends)
