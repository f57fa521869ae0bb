"""Ids as OTLP has them: 16 bytes for a trace, 8 for a span.

What is not hexadecimal of that length is hashed. The result depends on the text alone, so that every sidecar, at every
time, makes the same of it: parents keep matching, also those that were sent by another process.
"""

import re
from hashlib import blake2b
from typing import Final

TRACE: Final = 16  # bytes; opentelemetry-proto, trace.proto
SPAN: Final = 8

_hexadecimal: Final = re.compile(r"[0-9a-fA-F]+")
_uuid: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")  # RFC 9562, section 4


def trace_id(text: str) -> bytes:
    """32 hexadecimal digits or a UUID as their 16 bytes, anything else by its hash."""
    return _binary(text.replace("-", "") if _uuid.fullmatch(text) else text, TRACE) or _hash(text, TRACE)


def span_id(text: str) -> bytes:
    """16 hexadecimal digits as their 8 bytes, anything else by its hash. For a span's id and for its parent's."""
    return _binary(text, SPAN) or _hash(text, SPAN)


def _binary(digits: str, size: int) -> bytes | None:
    """The digits as bytes. None where they are not, or all zero: OTLP calls that invalid."""
    if len(digits) != 2 * size or not _hexadecimal.fullmatch(digits):
        return None
    found = bytes.fromhex(digits)
    return found if any(found) else None


def _hash(text: str, size: int) -> bytes:
    return blake2b(text.encode(), digest_size=size).digest()
