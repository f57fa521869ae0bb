"""What people know a span by, small: the heads of one post as one piece of bytes, whatever an agent has put in them."""

from collections.abc import Hashable, Sequence
from typing import Any, Final

import msgspec

from inspan_collector.formats import Head

TEXT: Final = 256  # characters of a name, or of anything else but an id, that are kept: a line of a terminal and more
ROOMY: Final = 1024  # bytes of a head; 260 is usual. Where the heads of a post are larger than this, each is looked at


_encoder: Final = msgspec.msgpack.Encoder()
_heads: Final = msgspec.msgpack.Decoder(list[Head])
_keys: Final = msgspec.msgpack.Decoder(list[Any])


def pack(heads: Sequence[Head], into: bytearray) -> None:
    """Write the heads, for `unpack`; long texts, and what is no text, are cut where they are large. 0.1 µs a head."""
    try:
        _encoder.encode_into(heads, into)
        large = len(into) > ROOMY * len(heads)
    except (OverflowError, RecursionError):  # a number of 100 digits, a name of 1,000 brackets
        large = True
    if large:
        _encoder.encode_into(list(map(_cut, heads)), into)


def unpack(packed: bytearray) -> list[Head]:
    """The heads that were packed."""
    return _heads.decode(packed)


def pack_keys(keys: Sequence[Hashable], into: bytearray) -> None:
    """Write the keys: those of formats.span_json, or their fingerprints. 0.01 µs a key."""
    _encoder.encode_into(keys, into)


def unpack_keys(packed: bytearray) -> list[Any]:
    """The keys that were packed: texts, lists of two texts, or bytes."""
    return _keys.decode(packed)


def pattern(trace_id: str, span_id: str | None) -> bytes:
    """What `pack` makes of this trace, or of one span of it: where these bytes are not, the span is not."""
    trace = _encoder.encode("trace_id") + _encoder.encode(trace_id)
    return trace if span_id is None else _encoder.encode("id") + _encoder.encode(span_id) + trace


def shown(value: Any) -> str | None:
    """What an agent has put where a text is expected, as a text of bounded length."""
    if value is None or isinstance(value, str):
        return value and value[:TEXT]
    if isinstance(value, float | bool):
        return str(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 1 << 64 else "…"  # it may have a million digits
    return "{…}" if isinstance(value, dict) else "[…]"


def _cut(head: Head) -> Head:
    return Head(
        head.id,
        head.trace_id,
        shown(head.end_timestamp),
        shown(head.parent_id),
        shown(head.name),
        shown(head.start_timestamp),
        shown(head.status),
    )
