"""Traces in our own JSON, and what must be read back of them wherever they went as OTLP."""

import json
import random
import uuid
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

STATUSES: Final = {"SUCCESS": "OK", "ERROR": "ERROR", "CANCELED": "UNSET"}
KINDS: Final = {"AGENT_WORKFLOW": "AGENT", "COMPLETION": "LLM", "CODE_EXECUTION": "TOOL", "KB_RETRIEVAL": "RETRIEVER"}
AGENTS: Final = ("planner", "writer")
BEGIN: Final = 1_767_225_600_000_000  # µs since 1970: 2026-01-01T00:00:00Z


class Seen(NamedTuple):
    """A span as its agent knows it, in the agent's ids. Times in µs since 1970."""

    trace: str
    own: str
    parent: str | None
    name: str
    kind: str
    status: str
    message: str
    start: int
    end: int
    input: str
    output: str


def make_tree(rng: random.Random, count: int) -> list[dict[str, Any]]:
    """`count` spans of one trace, each below an earlier one. The ids are UUIDs, as those of the SGP SDK."""
    trace = str(uuid.UUID(int=rng.getrandbits(128)))
    agent = {"__agent_name__": rng.choice(AGENTS), "__agent_version__": "1.0"}
    spans: list[dict[str, Any]] = []
    for number in range(count):
        status = rng.choice(list(STATUSES))
        error = {"error_type": "TimeoutError", "error_message": "too late"} if status == "ERROR" else {}
        spans.append(
            {
                "id": str(uuid.UUID(int=rng.getrandbits(128))),
                "trace_id": trace,
                "parent_id": rng.choice(spans)["id"] if spans else None,
                "name": f"step {number} ☃",
                "type": "AGENT_WORKFLOW" if not spans else rng.choice(list(KINDS)),
                "status": status,
                "start_timestamp": stamp(BEGIN + number),
                "end_timestamp": stamp(BEGIN + number + rng.randrange(1, 10**8)),
                "input": {"prompt": "é" * rng.randrange(50), "n": rng.random()},
                "output": {"text": rng.choice(["", "☃", "\\n"])},
                "metadata": agent | error,
            }
        )
    return spans


def stamp(microseconds: int) -> str:
    seconds, fraction = divmod(microseconds - BEGIN, 10**6)
    assert 0 <= seconds < 3600
    return f"2026-01-01T00:{seconds // 60:02}:{seconds % 60:02}.{fraction:06}Z"


def known(spans: Iterable[dict[str, Any]]) -> list[Seen]:
    """What the agent knows of its spans, sorted."""
    return sorted(
        Seen(
            trace=span["trace_id"],
            own=span["id"],
            parent=span["parent_id"],
            name=span["name"],
            kind=KINDS[span["type"]],
            status=STATUSES[span["status"]],
            message=span["metadata"].get("error_message", ""),
            start=micros(span["start_timestamp"]),
            end=micros(span["end_timestamp"]),
            input=written(span["input"]),
            output=written(span["output"]),
        )
        for span in spans
    )


def written(value: Any) -> str:
    """JSON as the SGP client writes it, and we with it: what is read back is compared letter by letter."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def micros(text: str) -> int:
    """The inverse of `stamp`."""
    minutes, rest = text[14:16], text[17:-1]
    seconds, _, fraction = rest.partition(".")
    return BEGIN + (int(minutes) * 60 + int(seconds)) * 10**6 + int(fraction)


def in_ids_of_the_agent(spans: Iterable[tuple[str, str | None, Seen]]) -> list[Seen]:
    """Spans read back, (own id, parent id, the rest), with the upstream's parents resolved to the agent's ids.

    A parent that is not there resolves to nothing that an agent has: a broken tree is seen.
    """
    spans = list(spans)
    theirs = {own: seen.own for own, _, seen in spans}
    return sorted(seen._replace(parent=None if not parent else theirs.get(parent, "?")) for _, parent, seen in spans)
