"""JSON read no deeper than it must be, with errors that say where.

msgspec skips what nobody asked for without checking its UTF-8, and raises three kinds of errors; both end here.
"""

import re
from typing import Final, TypeVar

import msgspec
from msgspec.json import Decoder

from inspan_collector.errors import MalformedChunk
from inspan_collector.formats.format import MAX_EXPLAINED

T = TypeVar("T")

SPACE: Final = b" \t\r\n"  # RFC 8259, section 2: the only whitespace between tokens

SHALLOW: Final = 1024  # bytes; nothing shorter can be nested deeper than 512, which is half of the stack
MARGIN: Final = 40  # frames, 2 µs; between a scan and what comes after it lie 24 at most

_byte: Final = re.compile(r" \(byte (\d+)\)$")
_path: Final = re.compile(r" - at `\$(.*)`$")
_step: Final = re.compile(r"\.(\w+)|\[(\d+)\]")
_array: Final = Decoder(list[msgspec.Raw])
_object: Final = Decoder(dict[str, msgspec.Raw])


def check_text(body: bytes) -> None:
    """Raise MalformedChunk unless the body is UTF-8: one bad byte would poison the batch it is joined to."""
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise MalformedChunk(f"not UTF-8: {error.reason}", error.start) from None


def decode(decoder: Decoder[T], body: bytes, offset: int = 0) -> T:
    """The body as the decoder's type. offset: of this body in the whole, in bytes. Raises MalformedChunk."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise MalformedChunk(str(error), offset + locate(body, _path_of(error))) from None
    except msgspec.DecodeError as error:
        found = _byte.search(str(error))
        position = int(found[1]) if found else len(body)  # only a truncation has no position
        raise MalformedChunk(_byte.sub("", str(error)), offset + position) from None
    except UnicodeDecodeError as error:
        raise MalformedChunk(f"not UTF-8: {error.reason}", offset) from None
    except RecursionError:
        raise MalformedChunk("nested too deep", offset) from None


def decode_first(decoder: Decoder[T], body: bytes, offset: int = 0) -> T:
    """As `decode`, with less of the stack: what passes here is never nested too deep for a later decode of its parts.

    Up to Python 3.11 a decoder goes as deep as the interpreter's stack has room for, and a body is scanned nearer to
    the beginning of the stack than its spans are read once they are in our custody.
    """
    return decode(decoder, body, offset) if len(body) < SHALLOW else _decode_up(MARGIN, decoder, body, offset)


def _decode_up(frames: int, decoder: Decoder[T], body: bytes, offset: int) -> T:
    return _decode_up(frames - 1, decoder, body, offset) if frames else decode(decoder, body, offset)


def _path_of(error: msgspec.ValidationError) -> str:
    found = _path.search(str(error))
    return found[1] if found else ""


def elements(array: bytes) -> list[bytes]:
    """The elements of a JSON array, as they are. Raises MalformedChunk."""
    return [bytes(element) for element in decode(_array, array)]


def members(text: bytes) -> dict[str, msgspec.Raw]:
    """The members of a JSON object, their values as they are. Raises MalformedChunk."""
    return decode(_object, text)


def inside(array: bytes) -> bytes:
    """What stands between the brackets of a JSON array; empty where that is only space."""
    if array.startswith(b"[") and array.endswith(b"]"):  # nearly always, and a search costs more than the rest
        inner = array[1:-1]
    else:
        inner = array[array.index(b"[") + 1 : array.rindex(b"]")]
    return b"" if inner.isspace() else inner


def locate(body: bytes, path: str) -> int:
    """Where in the body the value of a path like `.items[3].id` lies; what holds it, if it is not there."""
    position, value = 0, body
    if len(body) > MAX_EXPLAINED:
        return position
    try:
        for name, index in _step.findall(path):
            step, value = member(value, name) if name else _element(value, int(index))
            position += step
    except (MalformedChunk, LookupError):
        return position
    return position


def member(text: bytes, name: str) -> tuple[int, bytes]:
    """(position, value) of a member of an object. Raises MalformedChunk, and LookupError where it has none.

    The position is a hint where keys are written with escapes or hold one another.
    """
    position = 1
    for key, value in decode(_object, text).items():
        if key == name:
            position = _next(text, b'"%b"' % name.encode(), position) + len(name) + 2
            return _next(text, value, position), bytes(value)
        position = _next(text, value, position) + len(value)
    raise LookupError(name)


def _element(array: bytes, index: int) -> tuple[int, bytes]:
    """(position, value). Between elements stand only commas and space, so the next occurrence is the element."""
    position = 1
    found = decode(_array, array)
    for value in found[:index]:
        position = _next(array, value, position) + len(value)
    return _next(array, found[index], position), bytes(found[index])


def _next(text: bytes, piece: bytes | msgspec.Raw, position: int) -> int:
    return max(text.find(piece, position), position)
