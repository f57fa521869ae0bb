"""Content-encodings undone: bounded, and checked for their end.

`zstandard` must not be used here: its `max_output_size` is ignored where a frame states its size.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from isal import isal_zlib

from inspan_collector.errors import MalformedChunk, TooLarge, UnsupportedEncoding

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_MEMBERS: Final = 64  # nobody sends more than a few; 10,000 empty zstd frames would cost 112 ms
WINDOW_LOG_MAX: Final = 23  # 8 MiB, what RFC 8878 (3.1.1.1.2) asks every decoder to support, and no more
# The stub of isal declares its error as an instance.
_ERRORS: Final[tuple[type[Exception], ...]] = (isal_zlib.IsalError, zstd.ZstdError)  # type: ignore[assignment]


class _Inflater(Protocol):
    """The shape that isal_zlib and zstd share."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def _gzip(_: bytes) -> _Inflater:
    return isal_zlib.decompressobj(wbits=31)


def _deflate(body: bytes) -> _Inflater:
    """RFC 9110 (8.4.1.2) means the zlib format; some clients send raw deflate, which has no header to show."""
    wrapped = len(body) > 1 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0  # RFC 1950, 2.2
    return isal_zlib.decompressobj(wbits=15 if wrapped else -15)


def _zstd(_: bytes) -> _Inflater:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG_MAX})


_INFLATERS: Final[Mapping[str, Callable[[bytes], _Inflater]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,  # RFC 9110, 8.4.1.3
    "deflate": _deflate,
    "zstd": _zstd,
}

ENCODINGS: Final = (b"gzip", b"x-gzip", b"deflate", b"zstd", b"identity")  # values of content-encoding, lower case


def inflate(encoding: str, body: bytes, limit: int) -> bytes:
    """Undo a content-encoding. limit: the most bytes that may come out.

    Errors: UnsupportedEncoding; TooLarge, with at most `limit` + 1 bytes made; MalformedChunk for what is damaged,
    cut short, or followed by anything else, with the position of the member that is wrong.
    """
    encoding = encoding.strip().lower()
    if encoding in ("identity", ""):
        if len(body) > limit:
            raise TooLarge(f"the body is {len(body)} bytes, over the limit of {limit}")
        return body
    new = _INFLATERS.get(encoding)
    if new is None:
        known = ", ".join(name.decode() for name in ENCODINGS)
        raise UnsupportedEncoding(f"content-encoding {encoding[:40]!r} is not supported; what works: {known}")
    parts = _members(encoding, new, body, limit)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _members(encoding: str, new: Callable[[bytes], _Inflater], body: bytes, limit: int) -> list[bytes]:
    """What each of the concatenated members of a body holds."""
    parts: list[bytes] = []
    left = limit + 1  # one more than may come out, so that isal's 0 ("no limit") is never asked for
    rest = body
    while rest or not parts:
        if len(parts) == MAX_MEMBERS:
            raise MalformedChunk(f"over {MAX_MEMBERS} {encoding} members in one body", len(body) - len(rest))
        inflater = new(rest)
        try:
            part = inflater.decompress(rest, left)
        except _ERRORS as error:
            raise MalformedChunk(f"not {encoding}: {error}", len(body) - len(rest)) from None
        left -= len(part)
        if left <= 0:
            raise TooLarge(f"the body inflates to more than {limit} bytes")
        if not inflater.eof:
            raise MalformedChunk(f"the {encoding} body is cut short", len(body))
        parts.append(part)
        rest = inflater.unused_data
    return parts
