"""Fields of protobuf messages, as bytes. Source: protobuf.dev/programming-guides/encoding."""

from typing import Final

_ONE: Final = tuple(bytes((number,)) for number in range(0x80))  # all varints of one byte: most lengths are


def frame(tag: bytes, content: bytes) -> bytes:
    """A field with a length: text, bytes, or a message. tag: (number << 3 | 2), as a varint."""
    length = len(content)
    return tag + (_ONE[length] if length < 0x80 else varint(length)) + content


def sized(content: bytes) -> bytes:
    """A frame without its tag."""
    length = len(content)
    return (_ONE[length] if length < 0x80 else varint(length)) + content


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first. number: not negative."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)
