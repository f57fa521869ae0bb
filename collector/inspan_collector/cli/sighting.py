"""What is shown of a span that was seen as it passed: its name and ids; of all else that it says key, type and size.

Read in the command's process, out of a whole post. What cannot be read is shown as so many bytes: it was taken, and
what to make of it is for the upstream to say.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from inspan_collector.cli import sighted_otlp
from inspan_collector.cli.sighted import UNREADABLE, Chosen, Part, Sighting, part, read, text
from inspan_collector.cli.standing import moment
from inspan_collector.formats import json_text

NAMED: Final = frozenset({"id", "trace_id", "parent_id", "name", "start_timestamp", "end_timestamp", "status"})
KNOWN: Final = frozenset({"SUCCESS", "OK", "ERROR"})  # as agents write them in JSON; any other may be a text


def sightings(format: str, body: bytes, take: int, chance: random.Random) -> list[Sighting]:
    """Some spans of a post, in its order, chosen evenly. take: how many."""

    def chosen(count: int) -> Sequence[int]:
        return sorted(chance.sample(range(count), min(take, count)))

    reader = _READERS.get(format)
    if reader is None:
        return [Sighting(len(body), odd=f"no span of {format} can be shown")]
    try:
        return list(reader(body, chosen))
    except UNREADABLE:
        return [Sighting(len(body), odd="the post cannot be read")]


def _span_json(body: bytes, chosen: Chosen) -> Iterator[Sighting]:
    spans = json_text.elements(body)
    return (read(_json_span, spans[index], len(spans[index])) for index in chosen(len(spans)))


def _json_span(encoded: bytes, size: int) -> Sighting:
    span = msgspec.json.decode(encoded, type=dict[str, Any])
    said = text(span.get("status"))
    return Sighting(
        bytes=size,
        name=text(span.get("name")),
        trace_id=text(span.get("trace_id")),
        id=text(span.get("id")),
        parent_id=text(span.get("parent_id")),
        start=moment(text(span.get("start_timestamp"))),
        end=moment(text(span.get("end_timestamp"))),
        ended=span.get("end_timestamp") is not None,
        status="" if said.upper() not in KNOWN else "ERROR" if said.upper() == "ERROR" else "OK",
        parts=[each for key, value in span.items() if key not in NAMED for each in _flattened(key, value)],
    )


def _flattened(key: str, value: Any) -> Iterator[Part]:
    """An object's members by themselves: `input` is one as a rule, and what it has is what one wants to see."""
    if isinstance(value, dict) and value:
        yield from (part(f"{key}.{name}", inner) for name, inner in value.items())
    elif value is not None:
        yield part(key, value)


_READERS: Final[dict[str, Callable[[bytes, Chosen], Iterator[Sighting]]]] = {
    "otlp_protobuf": sighted_otlp.in_protobuf,
    "otlp_json": sighted_otlp.in_json,
    "span_json": _span_json,
}
