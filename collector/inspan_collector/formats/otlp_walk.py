"""A walk of the protobuf wire in plain Python: the reference that the fast scan is tested against.

It says where a body is broken, which upb does not. It accepts what upb accepts, limit by limit. Source: the protobuf
encoding specification, "Message Structure"; the limits are upb's own.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from inspan_collector.errors import MalformedChunk

VARINT: Final = 0
FIXED64: Final = 1
LENGTH: Final = 2
GROUP: Final = 3
END_GROUP: Final = 4
FIXED32: Final = 5

MAX_TAG_BYTES: Final = 5  # of a tag or a length: both are held to 32 bits
MAX_VALUE_BYTES: Final = 10  # of a 64-bit varint
MAX_DEPTH: Final = 100  # nested messages and groups


class Field(NamedTuple):
    """One field. start, end: where its value lies, in bytes of the whole body."""

    number: int
    wire_type: int
    start: int
    end: int


def _varint(body: bytes, at: int, end: int, limit: int) -> tuple[int, int]:
    """(value, position after it)."""
    value = 0
    for count in range(limit):
        if at + count >= end:
            raise MalformedChunk("the body is cut inside a number", at)
        byte = body[at + count]
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return value, at + count + 1
    raise MalformedChunk(f"a number is longer than {limit} bytes", at)


def _tag(body: bytes, at: int, end: int) -> tuple[int, int, int]:
    """(field number, wire type, position after the tag)."""
    tag, after = _varint(body, at, end, MAX_TAG_BYTES)
    if tag > 0xFFFFFFFF:
        raise MalformedChunk("a tag is over 32 bits", at)
    return tag >> 3, tag & 7, after


def _value(body: bytes, wire_type: int, at: int, end: int) -> tuple[int, int]:
    """(start, end) of the value of a field that is no group."""
    start = at
    if wire_type == VARINT:
        _, after = _varint(body, at, end, MAX_VALUE_BYTES)
    elif wire_type == FIXED64:
        after = at + 8
    elif wire_type == FIXED32:
        after = at + 4
    elif wire_type == LENGTH:
        size, start = _varint(body, at, end, MAX_TAG_BYTES)
        after = start + size
    else:
        raise MalformedChunk(f"wire type {wire_type} does not belong here", at)
    if after > end:
        raise MalformedChunk("a field reaches past the end of what holds it", at)
    return start, after


def _skip_group(body: bytes, number: int, at: int, end: int, depth: int) -> int:
    """Position after the end of the group `number` whose fields begin at `at`."""
    opened = [number]
    while opened:
        if depth + len(opened) > MAX_DEPTH:
            raise MalformedChunk(f"nested more than {MAX_DEPTH} deep", at)
        number, wire_type, after = _tag(body, at, end)
        if wire_type == GROUP:
            opened.append(number)
        elif wire_type == END_GROUP:
            if opened.pop() != number:
                raise MalformedChunk("a group ends that was not the last to begin", at)
        else:
            _, after = _value(body, wire_type, after, end)
        at = after
    return at


def fields(body: bytes, at: int, end: int, depth: int = 0) -> Iterator[Field]:
    """The fields of the message that lies in body[at:end]; `depth` messages lie around it."""
    while at < end:
        number, wire_type, after = _tag(body, at, end)
        if number == 0:  # inside a group that is skipped, upb lets it pass
            raise MalformedChunk("field number 0 does not exist", at)
        if wire_type == GROUP:
            start, at = after, _skip_group(body, number, after, end, depth)
        else:
            start, at = _value(body, wire_type, after, end)
        yield Field(number, wire_type, start, at)


def walk(body: bytes) -> Iterator[tuple[int, int]]:
    """(start, end) of each span of an ExportTraceServiceRequest, in order; raises MalformedChunk where it breaks."""
    for resource in _submessages(body, 0, len(body), 1, depth=0):
        for scope in _submessages(body, resource.start, resource.end, 2, depth=1):
            for span in _submessages(body, scope.start, scope.end, 2, depth=2):
                yield span.start, span.end


def _submessages(body: bytes, at: int, end: int, number: int, depth: int) -> Iterator[Field]:
    """The fields of this number; with another wire type they are fields that nobody knows."""
    return (field for field in fields(body, at, end, depth) if field.number == number and field.wire_type == LENGTH)
