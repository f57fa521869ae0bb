"""A span that passed, as lines for people."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from inspan_collector.cli.sighting import Part, Sighting
from inspan_collector.cli.standing import short
from inspan_collector.cli.terminal import cut, safe, size, width
from inspan_collector.screen.paint import BAD, BOLD, DIM, GOOD, WARN, Paint

NAME: Final = 48  # columns
KEY: Final = 32  # columns: the longest of OpenTelemetry's GenAI conventions that are usual have as many
SHOWN: Final = 12  # lines of what a span says; a terminal has 24
MOODS: Final = {"OK": GOOD, "ERROR": BAD, "open": WARN}


def lines(told: Mapping[str, Any], sighting: Sighting, paint: Paint, *, values: bool) -> Iterator[str]:
    """told: of its post, as the sidecar says it. values: with what the span says, else the sizes of it."""
    at = datetime.fromtimestamp(told["at"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
    service = told["service"] or sighting.resource
    who = safe(f"{service} ({told['agent']})" if service else told["agent"])
    head = [paint(at, DIM), told["dialect"].ljust(7)]
    if sighting.odd:
        yield "  ".join([*head, paint(f"{size(sighting.bytes)} that cannot be shown: {sighting.odd}", WARN), who])
        return
    name = paint(cut(safe(sighting.name or "(no name)"), NAME), BOLD)
    outcome = sighting.status or ("" if sighting.ended else "open")
    figures = [_lasted(sighting), paint(outcome, MOODS.get(outcome, DIM)), size(sighting.bytes)]
    yield "  ".join([*head, name, *filter(None, figures), paint(who, DIM)])
    ids = f"    trace {sighting.trace_id}  span {sighting.id}"
    ids += f"  parent {sighting.parent_id}" if sighting.parent_id else ""
    yield paint(cut(safe(ids), width()), DIM)
    yield from _parts(sighting, paint, values=values)


def _lasted(sighting: Sighting) -> str:
    return "" if sighting.start is None or sighting.end is None else short(sighting.end - sighting.start)


def _parts(sighting: Sighting, paint: Paint, *, values: bool) -> Iterator[str]:
    shown = sighting.parts[:SHOWN]
    wide = min(KEY, max((len(safe(part.key)) for part in shown), default=0))
    for part in shown:
        key = cut(safe(part.key), KEY).ljust(wide)
        told = _value(part) if values else _measure(part)
        yield cut(f"    {key}  {safe(told)}", width()) if values else f"    {key}  {paint(told, DIM)}"
    if left := len(sighting.parts) - len(shown):
        yield paint(f"    and {left} more: --json has all", DIM)


def _measure(part: Part) -> str:
    """Its type and, where that differs, its size."""
    match part.value:
        case list() | dict():
            return f"{part.type} of {len(part.value)}, {size(part.bytes)}"
        case str():
            return f"{part.type}, {size(part.bytes)}"
        case _:
            return part.type


def _value(part: Part) -> str:
    return part.value if isinstance(part.value, str) else msgspec.json.encode(part.value).decode()
