"""Attributes as OTLP has them, written here. See span_bytes.

Field numbers: opentelemetry-proto, common/v1/common.proto.
"""

import struct
from collections.abc import Mapping
from typing import Any, Final

from inspan.otel.fields import frame, sized, varint
from inspan.otel.unsure import Unsure

MOST: Final = 1024  # keys that are remembered, as bytes; a program has dozens, and past it they are made again
LONGEST: Final = 0x7F  # bytes of a remembered key, framed; with MOST: 128 KiB at most
DEEPEST: Final = 16  # values in values; protobuf reads 100 messages deep, and each value in a value is two or three

# AnyValues with their lengths before them, ready but for what varies. Short: all lengths are of one byte, as most are.
_SHORT: Final = 0x7E  # bytes of text
_TEXTS: Final = tuple(bytes((length + 2, 0x0A, length)) for length in range(_SHORT))
_INTS: Final = tuple(bytes((2, 0x18, number)) for number in range(0x80))
_DOUBLE: Final = struct.Struct("<2sd").pack
_TRUE: Final = b"\x02\x10\x01"
_FALSE: Final = b"\x02\x10\x00"
_WORD: Final = (1 << 64) - 1  # a negative int is written as its two's complement of 64 bits

_known: Final[dict[str, bytes]] = {}


def attribute_bytes(tag: bytes, attributes: Mapping[str, Any] | None) -> bytes:
    """KeyValues under the tag. Raises anything for what is not known here exactly."""
    if not attributes:
        return b""
    # The SDK's mapping is asked once for a dict: to ask it for each attribute takes longer than to encode them.
    plain = attributes.copy()  # type: ignore[attr-defined]
    if type(plain) is not dict:
        raise Unsure("attributes")
    return b"".join([frame(tag, (_known.get(key) or _key(key)) + _value(value, 0)) for key, value in plain.items()])


def _key(key: str) -> bytes:
    """KeyValue.key, and the tag of KeyValue.value, which is always there."""
    if type(key) is not str:
        raise Unsure("key")
    encoded = (frame(b"\x0a", key.encode()) if key else b"") + b"\x12"
    if len(encoded) <= LONGEST:
        if len(_known) >= MOST:
            _known.clear()
        _known[key] = encoded
    return encoded


def _value(value: Any, depth: int) -> bytes:
    """An AnyValue, its length before it. By exact type: a subclass may be anything."""
    kind = type(value)
    if kind is str:
        text = value.encode()
        length = len(text)
        return _TEXTS[length] + text if length < _SHORT else sized(frame(b"\x0a", text))
    if kind is int:
        return _INTS[value] if 0 <= value < 0x80 else _int(value)
    if kind is float:
        return _DOUBLE(b"\x09\x21", value)
    if kind is bool:
        return _TRUE if value else _FALSE
    if kind is bytes:
        return sized(frame(b"\x3a", value))
    return sized(_nested(value, depth + 1))


def _int(value: int) -> bytes:
    if not -1 << 63 <= value < 1 << 63:
        raise Unsure("int")
    return sized(b"\x18" + varint(value & _WORD))


def _nested(value: Any, depth: int) -> bytes:
    kind = type(value)
    if depth > DEEPEST:
        raise Unsure("depth")
    if kind is tuple or kind is list:
        return frame(b"\x2a", b"".join([b"\x0a" + _value(each, depth) for each in value]))
    if kind is dict:
        pairs = [frame(b"\x0a", (_known.get(key) or _key(key)) + _value(each, depth)) for key, each in value.items()]
        return frame(b"\x32", b"".join(pairs))
    raise Unsure("value")  # None too: not every SDK from 1.40 up writes it
