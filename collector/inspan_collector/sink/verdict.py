"""What a sink decided on one request, and the bytes that say so."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from inspan_collector.sink.spans import Key

_MILLISECONDS: Final = re.compile(r"(\d+)ms")


class Refused(Exception):
    """What was posted is not taken, none of it. status: HTTP; the message names the field."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Verdict:
    """An answer, and what becomes true when it has been written.

    spans: taken, 0 for a refusal. keys: of the spans taken, where they are read. reset: the connection is reset
    instead of an answer. commit: writes what was posted to the store of the dialect.
    """

    __slots__ = ("body", "commit", "content_type", "keys", "reset", "spans", "status")

    def __init__(self, status: int, body: bytes, content_type: str, *, reset: bool = False) -> None:
        self.status = status
        self.body = body
        self.content_type = content_type
        self.reset = reset
        self.spans = 0
        self.keys: Iterable[Key] = ()
        self.commit: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return f"<Verdict {self.status} {self.spans} spans taken>"

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300 and not self.reset


def raw_answer(verdict: Verdict, *, keep_alive: bool, retry_after: str | None) -> bytes:
    """The HTTP/1.1 answer in full. Source: RFC 9112."""
    if verdict.status < 400:
        retry_after = None
    body = b"" if verdict.status == HTTPStatus.NOT_MODIFIED else verdict.body  # RFC 9110: 304 has no content
    return _head(verdict.status, verdict.content_type, len(body), keep_alive, retry_after) + body


@lru_cache(maxsize=256)  # a run gives a handful of different heads, millions of times
def _head(status: int, content_type: str, size: int, keep_alive: bool, retry_after: str | None) -> bytes:
    lines = [f"HTTP/1.1 {status} {_phrase(status)}", f"content-type: {content_type}", f"content-length: {size}"]
    if not keep_alive:
        lines.append("connection: close")
    if 300 <= status < 400:
        lines.append("location: /elsewhere")
    if retry_after is not None:
        wait = _MILLISECONDS.fullmatch(retry_after)
        lines.append(f"retry-after-ms: {wait[1]}" if wait else f"retry-after: {retry_after}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"  # the phrase is free text; a status of one's own has none
