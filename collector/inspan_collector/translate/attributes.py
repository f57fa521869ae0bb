"""Attributes as OTLP has them: KeyValue messages, written as bytes.

By hand, because a value is spliced as it came: protobuf's own objects take four times as long, and want text decoded
that nobody looks at. Source: common/v1/common.proto; protobuf encoding specification.
"""

from functools import cache
from typing import Final

from inspan_collector.formats.varint import varint

_KEY: Final = b"\x0a"  # tag of KeyValue.key, length-delimited
_VALUE: Final = b"\x12"  # tag of KeyValue.value, length-delimited
_STRING: Final = b"\x0a"  # tag of AnyValue.string_value, length-delimited
_INTEGER: Final = b"\x18"  # tag of AnyValue.int_value, a varint

_SHORT: Final = [
    varint(size) for size in range(1 << 10)
]  # most lengths are below, and varint() takes five times as long


def string(key: str, value: bytes) -> bytes:
    """An attribute whose value is text. value: its UTF-8."""
    held = _STRING + _size(len(value)) + value
    return _head(key) + _size(len(held)) + held


def integer(key: str, value: int) -> bytes:
    """An attribute whose value is a number from 0 to 2⁶³-1."""
    held = _INTEGER + _size(value)
    return _head(key) + _size(len(held)) + held


def _size(size: int) -> bytes:
    return _SHORT[size] if size < len(_SHORT) else varint(size)


@cache  # keys are ours alone: nothing that a span says becomes one
def _head(key: str) -> bytes:
    encoded = key.encode()
    return _KEY + varint(len(encoded)) + encoded + _VALUE
