"""What OTLP cannot do without: ids and times. A span that lacks one of them cannot be translated, and nothing else
keeps it from being so."""

from typing import Final, NamedTuple

from msgspec import Raw

from inspan_collector.errors import Untranslatable
from inspan_collector.translate.members import ABSENT, members, text
from inspan_collector.translate.times import nanoseconds

MAX_SHOWN: Final = 60  # bytes of a value that cannot be read: enough to recognise it


class Heading(NamedTuple):
    """start, end: nanoseconds since 1970. parent_id: empty for a root. rest: the other members, as they are."""

    trace_id: str
    id: str
    parent_id: str
    start: int
    end: int
    rest: dict[str, Raw]


def heading(span: Raw) -> Heading:
    """Take a span apart. Raises Untranslatable, which names the member and what is expected of it."""
    rest = members(span)
    return Heading(
        _identifier(rest, "trace_id"),
        _identifier(rest, "id"),
        _parent(rest),
        _time(rest, "start_timestamp"),
        _time(rest, "end_timestamp"),
        rest,
    )


def _identifier(rest: dict[str, Raw], member: str) -> str:
    value = rest.pop(member, ABSENT)
    found = text(value)
    if found is None:
        raise Untranslatable(f"{member}: expected a text that is not empty, {_found(value)}")
    return found


def _parent(rest: dict[str, Raw]) -> str:
    value = rest.pop("parent_id", ABSENT)
    found = text(value)
    # Taken for a root, a span whose parent cannot be read would be shown in the wrong place.
    if found is None and value is not ABSENT and bytes(value) != b'""':
        raise Untranslatable(f"parent_id: expected a text or null, {_found(value)}")
    return found or ""


def _time(rest: dict[str, Raw], member: str) -> int:
    value = rest.pop(member, ABSENT)
    said = text(value)
    found = None if said is None else nanoseconds(said)
    if found is None:
        example = "an RFC 3339 time from 1970 to 2554, such as 2025-01-31T12:00:00.5Z"
        raise Untranslatable(f"{member}: expected {example}, {_found(value)}")
    return found


def _found(value: Raw) -> str:
    if value is ABSENT:
        return "found none"
    shown = bytes(value)
    return f"found {shown[:MAX_SHOWN].decode(errors='replace')}{'…' if len(shown) > MAX_SHOWN else ''}"
