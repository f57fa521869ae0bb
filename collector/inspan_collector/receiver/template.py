"""A client sends the same head again and again, but for the content-length. Then there is nothing left to parse.

A head that differs from a parsed one in those digits alone is parsed to the same but for those digits. That takes a
small request, socket and loop included, from 6.5 us to 5.7. Whatever else differs takes the way through the parser.
"""

import re
from typing import Final

import msgspec

from inspan_collector.receiver.seam import Head

MAX_DIGITS: Final = 10  # of a content-length; what is longer is over every limit, and the parser may say so
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)\r\n", re.IGNORECASE)


class Template(msgspec.Struct, frozen=True, gc=False):
    """The bytes of a head around the digits of its content-length, and what the parser made of it."""

    before: bytes
    after: bytes
    parsed: Head

    def match(self, data: bytes) -> tuple[Head, bytes] | None:
        """Head and body, if `data` is exactly one request that differs from the parsed one in head only by its length.

        `data` begins where a request may begin.
        """
        if not data.startswith(self.before):
            return None
        start = len(self.before)
        end = data.find(b"\r", start, start + MAX_DIGITS + 1)
        digits = data[start:end]
        if end < 0 or not digits.isdigit() or not data.startswith(self.after, end):
            return None
        body = data[end + len(self.after) :]
        size = int(digits)
        if len(body) != size:
            return None
        parsed = self.parsed
        headers = parsed.headers | {b"content-length": digits}
        return Head(parsed.method, parsed.path, headers, size, False, parsed.agent), body


def learn(data: bytes, parsed: Head) -> Template | None:
    """A template from a request that the parser took, None where the request is of another kind.

    data: what was fed to the parser, from where a request may begin. parsed: the last head that came of it.
    """
    end = data.find(b"\r\n\r\n") + 4
    if parsed.body_size is None or parsed.expect or len(data) != end + parsed.body_size:
        return None
    length = _LENGTH.search(data, 0, end)
    if length is None:
        return None
    return Template(data[: length.start(1)], data[length.end(1) : end], parsed)
