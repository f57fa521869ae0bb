"""What the agents make up: turns of a conversation with a language model, each a trace of a few spans."""

from random import Random
from typing import Final

import msgspec

TOOLS: Final = ("search", "calculator", "calendar", "weather", "files")
WORDS: Final = (
    "every",
    "span",
    "that",
    "was",
    "taken",
    "is",
    "told",
    "of",
    "and",
    "none",
    "is",
    "lost",
    "on",
    "the",
    "way",
)


SHORTEST: Final = 50_000_000  # ns; a tool that is quick. What starts and ends at once shows nothing


class Span(msgspec.Struct, kw_only=True):
    """One made-up span. Ids in hex as in OTLP; times in nanoseconds since the epoch."""

    name: str
    type: str
    trace_id: str
    id: str
    parent_id: str | None
    start: int
    end: int
    text: str


def turn(chance: Random, now: int) -> list[Span]:
    """The spans of one turn that ends at `now` (nanoseconds), children first as SDKs send them."""
    trace = f"{chance.getrandbits(128) | 1:032x}"
    start = now - chance.randrange(800_000_000, 4_000_000_000)
    whole = _span(chance, "AGENT", "agent.turn", trace, None, start, now)
    spans = []
    begin = start
    for following in reversed(range(chance.randrange(2, 12))):
        spare = now - begin - SHORTEST * (following + 1)
        end = begin + SHORTEST + spare // chance.randrange(2, 5)
        kind, name = ("COMPLETION", "llm.chat") if chance.random() < 0.5 else ("TOOL", f"tool.{chance.choice(TOOLS)}")
        spans.append(_span(chance, kind, name, trace, whole.id, begin, end))
        begin = end
    return [*spans, whole]


def _span(chance: Random, kind: str, name: str, trace: str, parent: str | None, start: int, end: int) -> Span:
    return Span(
        name=name,
        type=kind,
        trace_id=trace,
        id=f"{chance.getrandbits(64) | 1:016x}",
        parent_id=parent,
        start=start,
        end=end,
        text=text(chance),
    )


def text(chance: Random) -> str:
    """Some words: what people type is short, what models answer is long."""
    return " ".join(chance.choices(WORDS, k=chance.choice((5, 12, 40, 120))))
