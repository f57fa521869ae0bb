"""Our own shape and SGP's: a JSON array of span objects. Plain form: `[…]`, the spans as they came.

A span's key, and whether it has ended, are read by a struct that decodes three fields and skips the rest.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Final

from msgspec import Meta, Struct
from msgspec.json import Decoder

from inspan_collector.errors import MalformedChunk
from inspan_collector.formats import json_text
from inspan_collector.formats.cut import Framing, Resource, Scope, cut
from inspan_collector.formats.format import MAX_EXPLAINED, Scan

name: Final = "span_json"
content_type: Final = "application/json"

_Identifier = Annotated[str, Meta(min_length=1)]


class Head(Struct, gc=False):
    """What we read of a span."""

    id: _Identifier
    trace_id: _Identifier
    end_timestamp: str | None = None


class _Span(Head, gc=False):
    """The members that every upstream reads in the same way, where they are there. Source: SGP's SpanCreateParam."""

    name: str | None = None
    start_timestamp: str | None = None
    parent_id: str | None = None
    group_id: str | None = None
    type: str | None = None
    status: str | None = None
    # agentex takes objects and arrays of objects, SGP objects alone
    input: dict[str, object] | list[object] | None = None
    output: dict[str, object] | list[object] | None = None
    metadata: dict[str, object] | None = None


_heads: Final = Decoder(list[Head])
_head: Final = Decoder(Head)
_span: Final = Decoder(_Span)

_FRAMING: Final = Framing(request=len("[]"), resource=0, scope=0, span=len(","))


def heads(body: bytes) -> list[Head]:
    """The head of each span of an array. Raises MalformedChunk that names the span by its index."""
    json_text.check_text(body)
    return _heads_of(body)


def tally(heads: Sequence[Head]) -> Scan:
    """What a body with these heads holds."""
    return Scan(len(heads), [head.end_timestamp for head in heads].count(None))


def scan(body: bytes) -> Scan:
    """Count the spans and those that have not ended. See Format.scan."""
    return tally(heads(body))


def cull(body: bytes, max_span_bytes: int) -> tuple[bytes, int, int]:
    """See Format.cull."""
    spans = json_text.elements(body)
    kept = [span for span in spans if len(span) <= max_span_bytes]
    return _array(kept) if len(kept) < len(spans) else body, len(kept), len(spans) - len(kept)


def join(bodies: Sequence[bytes]) -> bytes:
    """See Format.join. Splices; copies of one key stay as they are."""
    return _array(list(filter(None, map(json_text.inside, bodies))))


def split(body: bytes, max_spans: int, max_bytes: int) -> list[tuple[bytes, int]]:
    """See Format.split."""
    spans = json_text.elements(body)
    if not spans or (len(spans) <= max_spans and len(body) <= max_bytes):
        return [(body, len(spans))]
    whole = [Resource(b"", [Scope(b"", spans)])]
    return [(_array(part[0].scopes[0].spans), count) for part, count in cut(whole, _FRAMING, max_spans, max_bytes)]


def faults(body: bytes) -> list[tuple[int, str]]:
    """See Format.faults. Only what no upstream could mean: which members there must be is for them to say."""
    found = []
    for index, span in enumerate(json_text.elements(body)):
        try:
            json_text.decode(_span, span)
        except MalformedChunk as error:
            found.append((index, f"span does not parse: {error}"))
    return found


def keys(body: bytes) -> list[tuple[str, str]]:
    """The (trace_id, id) of each span."""
    return [(head.trace_id, head.id) for head in heads(body)]


def ended(body: bytes) -> tuple[bytes, int]:
    """(the body with only the copies that have an end, their count)."""
    found = heads(body)
    if tally(found).unended == 0:
        return body, len(found)
    spans = [s for s, h in zip(json_text.elements(body), found, strict=True) if h.end_timestamp is not None]
    return _array(spans), len(spans)


def read(body: bytes, member: str) -> tuple[bytes, Scan, list[Head]]:
    """(array, scan, heads) of `{"member":[…]}`, of which only that member is kept. Raises MalformedChunk."""
    json_text.check_text(body)
    array, found = _sole(body, member) or _among(body, member)
    return array, tally(found), found


def read_ndjson(body: bytes) -> tuple[bytes, Scan, list[Head]]:
    """(array, scan, heads) of spans that stand one on a line. Raises MalformedChunk."""
    json_text.check_text(body)
    lines = [line for line in body.split(b"\n") if line and not line.isspace()]
    array = _array(lines)
    try:
        found = _heads_of(array)
    except MalformedChunk as error:
        raise _broken_line(body, error) from None
    if len(found) != len(lines):  # two on a line
        raise _broken_line(body, MalformedChunk("not one span a line", 0))
    return array, tally(found), found


def _heads_of(array: bytes, offset: int = 0) -> list[Head]:
    """The heads of an array that lies at `offset` in the whole body.

    An id may hold a NUL, as an escape. That is for the upstream to refuse: refused here, it would cost its neighbours.
    """
    return json_text.decode(_heads, array, offset)


def _sole(body: bytes, member: str) -> tuple[bytes, list[Head]] | None:
    """The array and its heads where the object has no other member, in one decode; None where that is not so.

    What stands from the first `[` to the last `]` is an array only if no other member is in between.
    """
    begin = _opening(member).match(body)
    brace = body.rfind(b"}")
    bracket = body.rfind(b"]", 0, brace)
    if begin is None or bracket < begin.end() or (body[bracket + 1 : brace] + body[brace + 1 :]).strip(json_text.SPACE):
        return None
    array = body[begin.end() : bracket + 1]
    try:
        return array, _heads_of(array)
    except MalformedChunk:
        return None  # `_among` says what is wrong, and where


@cache
def _opening(member: str) -> re.Pattern[bytes]:
    return re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"%b"[ \t\r\n]*:[ \t\r\n]*(?=\[)' % re.escape(member.encode()))


def _among(body: bytes, member: str) -> tuple[bytes, list[Head]]:
    try:
        position, array = json_text.member(body, member)
    except LookupError:
        raise MalformedChunk(f'there is no "{member}"', 0) from None
    return array, _heads_of(array, position)


def _broken_line(body: bytes, error: MalformedChunk) -> MalformedChunk:
    """The error of the first line that is no span, with its position in the body; `error` if each is one."""
    position = 0
    if len(body) > MAX_EXPLAINED:
        return MalformedChunk("one of the lines is no span", position)
    for line in body.split(b"\n"):
        try:
            if line and not line.isspace():
                json_text.decode(_head, line, position)
                _heads_of(b"[%b]" % line, position - 1)
        except MalformedChunk as broken:
            return broken
        position += len(line) + 1
    return error


def _array(spans: Sequence[bytes]) -> bytes:
    return b"[%b]" % b",".join(spans)
