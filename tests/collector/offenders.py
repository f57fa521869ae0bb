"""Spans that SGP refuses for good, one kind for each clause of its contract, and the neighbours they come with."""

import json
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

Span = dict[str, Any]

START: Final = "2026-11-21T01:09:41+00:00"
END: Final = "2026-11-21T01:09:42+00:00"
EARLIER: Final = "2026-11-21T01:09:40+00:00"


def good(number: int, **fields: Any) -> Span:
    """A span that is taken. number: makes its id; ten of them are a trace."""
    return {
        "id": f"good-{number}",
        "trace_id": f"trace-{number // 10}",
        "name": "llm.chat",
        "start_timestamp": START,
        "end_timestamp": END,
        "output": {"text": "ü" * (number % 7)},
    } | fields


ELSEWHERE: Final = good(0, id="elsewhere", trace_id="another trace")
"""The parent that one kind of offender names; taken before it, or in front of it in the same post."""


class Kind(NamedTuple):
    """status, field: what the upstream says to it. make: one, from a number."""

    status: int
    field: str
    make: Callable[[int], Span]


def _bad(number: int, **fields: Any) -> Span:
    return good(number, id=f"bad-{number}") | fields


KINDS: Final = {
    "an end before its start": Kind(422, "end_timestamp", lambda n: _bad(n, end_timestamp=EARLIER)),
    "an id of 257 characters": Kind(422, "id", lambda n: _bad(n, id=f"bad-{n}".ljust(257, "x"))),
    "an id of 257 bytes": Kind(400, "id", lambda n: _bad(n, id=f"bad-{n}".ljust(255, "x") + "ü")),
    "a group_id of 257 characters": Kind(422, "group_id", lambda n: _bad(n, group_id="x" * 257)),
    "a group_id of 258 bytes": Kind(400, "group_id", lambda n: _bad(n, group_id="ü" * 129)),
    "NUL in its id": Kind(400, "id", lambda n: _bad(n, id=f"bad-{n}\0")),
    "NUL in its trace_id": Kind(400, "trace_id", lambda n: _bad(n, trace_id="t\0t")),
    "NUL in its parent_id": Kind(400, "parent_id", lambda n: _bad(n, parent_id="p\0p")),
    "NUL in its group_id": Kind(400, "group_id", lambda n: _bad(n, group_id="g\0g")),
    "its own parent": Kind(409, "circle", lambda n: _bad(n, parent_id=f"bad-{n}")),
    "a parent in another trace": Kind(409, "another trace", lambda n: _bad(n, parent_id=ELSEWHERE["id"])),
    "a status that there is not": Kind(422, "status", lambda n: _bad(n, status="OK")),
    "an output that is no object": Kind(422, "output", lambda n: _bad(n, output=[{"text": "a"}])),
    "no start": Kind(422, "start_timestamp", lambda n: _without("start_timestamp", _bad(n))),
}


def _without(field: str, span: Span) -> Span:
    return {name: value for name, value in span.items() if name != field}


def some(rng: random.Random, count: int, first: int = 1) -> list[Span]:
    """So many offenders of any kinds, numbered from `first`."""
    return [KINDS[rng.choice(list(KINDS))].make(number) for number in range(first, first + count)]


def encoded(spans: Sequence[Span]) -> bytes:
    """A plain post."""
    return json.dumps(spans).encode()


def key(span: Span) -> tuple[str, str]:
    return span["trace_id"], span["id"]


def keys(spans: Iterable[Span]) -> list[tuple[str, str]]:
    """Sorted, each as often as it comes."""
    return sorted(map(key, spans))
