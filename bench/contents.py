"""What an agent's spans say: 12 of them make some 9 KB of JSON when they have ended. The standard library alone."""

import random
from typing import Any, Final, NamedTuple

from bench.prose import prose, vocabulary

INPUT: Final = 90  # characters of text; with ids, times and metadata 750 bytes an ended span
OUTPUT: Final = 120
DISTINCT: Final = 2000  # texts of each kind; nothing compresses here, so they may come again
STEPS: Final = (("chat", "COMPLETION"), ("search", "KB_RETRIEVAL"), ("tool", "CODE_EXECUTION"))
# What agentex-sdk adds to each span, written by our agent too, so that the bytes upstream compare.
AGENT: Final = {"__source__": "agentex", "__acp_type__": "async", "__agent_name__": "bench"}


class Content(NamedTuple):
    """Of one span. metadata holds its type as agentex-sdk does."""

    name: str
    kind: str
    input: dict[str, Any]
    output: dict[str, Any]
    metadata: dict[str, Any]


class Contents:
    """What the span at each position says, of a limited number of texts.

    said, answered: characters of input and of output.
    """

    def __init__(self, seed: int, said: int = INPUT, answered: int = OUTPUT) -> None:
        chance = random.Random(seed)
        words = vocabulary(chance)
        self.inputs = [prose(chance, words, said) for _ in range(DISTINCT)]
        self.outputs = [prose(chance, words, answered) for _ in range(DISTINCT)]

    def __repr__(self) -> str:
        return f"<Contents {DISTINCT} inputs and outputs>"

    def __getitem__(self, position: int) -> Content:
        name, kind = STEPS[position % len(STEPS)]
        return Content(
            name=name,
            kind=kind,
            input={"messages": [{"role": "user", "content": self.inputs[position % DISTINCT]}]},
            output={"content": self.outputs[position % DISTINCT], "finish_reason": "stop", "tokens": position % 900},
            metadata={"__span_type__": kind, "model": "large-2", "step": position % 40},
        )
