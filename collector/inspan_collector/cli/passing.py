"""A span that passed, as lines for people."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from inspan_collector.cli.sighted import Part, Sighting
from inspan_collector.cli.standing import short
from inspan_collector.cli.terminal import cut, safe, size
from inspan_collector.screen.line import Piece, line
from inspan_collector.screen.paint import BAD, BOLD, DIM, GOOD, WARN, Paint

NAME: Final = 48  # columns
KEY: Final = 32  # columns: the longest of OpenTelemetry's GenAI conventions that are usual have as many
SHOWN: Final = 12  # lines of what a span says; a terminal has 24
MOODS: Final = {"OK": GOOD, "ERROR": BAD, "open": WARN}


def lines(
    told: Mapping[str, Any], sighting: Sighting, paint: Paint, *, values: bool, columns: int = sys.maxsize
) -> Iterator[str]:
    """None wider than `columns`. told: of its post, as the sidecar says it. values: with what the span says, else the
    sizes of it."""
    at = datetime.fromtimestamp(told["at"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
    service = told["service"] or sighting.resource
    who = safe(f"{service} ({told['agent']})" if service else told["agent"])
    head = [Piece(at, DIM), Piece(told["dialect"].ljust(7))]
    if sighting.odd:
        why = Piece(f"{size(sighting.bytes)} that cannot be shown: {sighting.odd}", WARN)
        yield line(_apart([*head, why, Piece(who, DIM)]), columns, paint)
        return
    outcome = sighting.status or ("" if sighting.ended else "open")
    name = Piece(cut(safe(sighting.name or "(no name)"), NAME), BOLD)
    figures = [Piece(_lasted(sighting)), Piece(outcome, MOODS.get(outcome, DIM)), Piece(size(sighting.bytes))]
    yield line(_apart([*head, name, *figures, Piece(who, DIM)]), columns, paint)
    ids = f"    trace {sighting.trace_id}  span {sighting.id}"
    ids += f"  parent {sighting.parent_id}" if sighting.parent_id else ""
    yield line([Piece(safe(ids), DIM)], columns, paint)
    for pieces in _parts(sighting, values=values):
        yield line(pieces, columns, paint)


def _apart(pieces: Sequence[Piece]) -> list[Piece]:
    """With two spaces between those that say something."""
    return [part for piece in pieces if piece.text for part in (piece, Piece("  "))]


def _lasted(sighting: Sighting) -> str:
    return "" if sighting.start is None or sighting.end is None else short(sighting.end - sighting.start)


def _parts(sighting: Sighting, *, values: bool) -> Iterator[list[Piece]]:
    shown = sighting.parts[:SHOWN]
    wide = min(KEY, max((len(safe(part.key)) for part in shown), default=0))
    for part in shown:
        told = Piece(safe(_value(part))) if values else Piece(_measure(part), DIM)
        yield [Piece(f"    {cut(safe(part.key), KEY).ljust(wide)}  "), told]
    if left := len(sighting.parts) - len(shown):
        yield [Piece(f"    and {left} more: --json has all", DIM)]


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
