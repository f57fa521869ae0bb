"""What a span says, read leniently: a member of the wrong type is no member, and breaks nothing."""

from typing import Final, TypeVar

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from inspan_collector.errors import Untranslatable

T = TypeVar("T")

ABSENT: Final = Raw()  # told by identity
MOST: Final = (1 << 63) - 1  # AnyValue.int_value is an int64

_null: Final = b"null"
_members: Final = Decoder(dict[str, Raw])
_text: Final = Decoder(str)
_integer: Final = Decoder(int)


def members(span: Raw) -> dict[str, Raw]:
    """The members of an object; null is none, as everywhere in this format. Raises Untranslatable."""
    try:
        found = _members.decode(span)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Untranslatable(f"not a JSON object that can be read: {type(error).__name__}: {error}") from None
    nulls = [member for member, value in found.items() if len(value) == len(_null) and bytes(value) == _null]
    for member in nulls:
        del found[member]
    return found


def read(decoder: Decoder[T], value: Raw) -> T | None:
    """The value as the decoder's type; None where it is something else."""
    if value is ABSENT:  # most often; an exception for each would take longer than all the rest
        return None
    try:
        return decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def text(value: Raw) -> str | None:
    """A text that is not empty."""
    return read(_text, value) or None


def integer(value: Raw) -> int | None:
    """A whole number that is not negative and fits into 64 bits."""
    found = read(_integer, value)
    return found if found is not None and 0 <= found <= MOST else None


def plain(value: Raw) -> bytes:
    """A text without its quotes, everything else as the JSON that it is."""
    found = read(_text, value)
    return bytes(value) if found is None else found.encode()
