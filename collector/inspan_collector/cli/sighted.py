"""One span that was seen as it passed, and what is told of each thing that it says: key, type and size."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from inspan_collector.errors import MalformedChunk

# Of what nests deeper than the stack, or has a number of thousands of digits; a MalformedChunk tells of the same.
UNREADABLE: Final = (MalformedChunk, msgspec.MsgspecError, ValueError, OverflowError, RecursionError)


class Part(msgspec.Struct, frozen=True):
    """One thing that a span says. type: text, number, boolean, list, object or null. bytes: as JSON; of a text without
    its quotes."""

    key: str
    type: str
    bytes: int
    value: Any


class Sighting(msgspec.Struct, frozen=True):
    """A span. start, end: seconds since the epoch. bytes: of it alone, as it came. odd: why the rest is empty.

    resource: the service of its resource, in OTLP.
    """

    bytes: int
    name: str = ""
    trace_id: str = ""
    id: str = ""
    parent_id: str = ""
    start: float | None = None
    end: float | None = None
    ended: bool = True
    status: str = ""
    parts: Sequence[Part] = ()
    odd: str = ""
    resource: str = ""


# Of so many spans, the indices of those that are to be read.
Chosen = Callable[[int], Sequence[int]]


def read(reader: Callable[[Any, int], Sighting], span: Any, size: int) -> Sighting:
    """One span, whatever is in it."""
    try:
        return reader(span, size)
    except UNREADABLE:
        return Sighting(size, odd="it cannot be read")


def part(key: str, value: Any) -> Part:
    """Its type and size."""
    match value:
        case str():
            return Part(key, "text", len(value.encode("utf-8", "surrogatepass")), value)
        case bool():
            kind = "boolean"
        case int() | float():
            kind = "number"
        case list():
            kind = "list"
        case dict():
            kind = "object"
        case _:
            kind = "null"
    return Part(key, kind, len(msgspec.json.encode(value)), value)


def text(value: Any) -> str:
    """What is a text as it is; empty for anything else."""
    return value if isinstance(value, str) else ""
