"""Our own shape and SGP's: a JSON array of span objects. Plain form: `[…]`, the spans as they came.

A span's key, and whether it has ended, are read by a struct that decodes three fields and skips the rest.
"""

import re
from collections.abc import Hashable, Iterable, Sequence
from functools import cache
from hashlib import blake2b
from typing import Final, cast

import msgspec
from msgspec.json import Decoder

from inspan_collector.errors import MalformedChunk
from inspan_collector.formats import json_text
from inspan_collector.formats.cut import Framing, Resource, Scope, cut
from inspan_collector.formats.format import MAX_EXPLAINED, Head, Scan

name: Final = "span_json"
content_type: Final = "application/json"


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
_spans: Final = Decoder(list[msgspec.Raw])

_FRAMING: Final = Framing(request=len("[]"), resource=0, scope=0, span=len(","))


def heads(body: bytes) -> list[Head]:
    """The head of each span of an array. Raises MalformedChunk that names the span by its index."""
    json_text.check_text(body)
    return _heads_of(body)


def tally(heads: Sequence[Head]) -> Scan:
    """What a body with these heads holds."""
    return Scan(len(heads), [head.end_timestamp for head in heads].count(None), heads)


def scan(body: bytes) -> Scan:
    """Count the spans and those that have not ended. See Format.scan."""
    return tally(heads(body))


def cull(body: bytes, max_span_bytes: int) -> tuple[bytes, int, int]:
    """See Format.cull."""
    spans = json_text.elements(body)
    kept = [span for span in spans if len(span) <= max_span_bytes]
    return array_of(kept) if len(kept) < len(spans) else body, len(kept), len(spans) - len(kept)


def join(bodies: Sequence[bytes]) -> bytes:
    """See Format.join. Splices; copies of one key stay as they are."""
    return array_of(list(filter(None, map(json_text.inside, bodies))))


def split(body: bytes, max_spans: int, max_bytes: int) -> list[tuple[bytes, int]]:
    """See Format.split."""
    spans = json_text.elements(body)
    if not spans or (len(spans) <= max_spans and len(body) <= max_bytes):
        return [(body, len(spans))]
    whole = [Resource(b"", [Scope(b"", spans)])]
    return [(array_of(part[0].scopes[0].spans), count) for part, count in cut(whole, _FRAMING, max_spans, max_bytes)]


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


def keys_of(heads: Sequence[Head]) -> list[Hashable]:
    """What makes two copies the same span, of each: its trace_id and id."""
    joined = [f"{head.trace_id}\0{head.id}" for head in heads]  # half the memory of a tuple
    if "".join(joined).count("\0") == len(heads):
        return [*joined]
    pairs = [(head.trace_id, head.id) for head in heads]  # of an id with a NUL in it, which the upstream will refuse
    return [key if key.count("\0") == 1 else pair for key, pair in zip(joined, pairs, strict=True)]


def copies(body: bytes, heads: Sequence[Head]) -> tuple[dict[Hashable, bytes], dict[Hashable, bytes], int]:
    """(open, ended, bytes of all): one copy of each span, with bytes of its own, by key.

    Of several copies of a span the last, an ended one first. heads: of the body's spans.
    """
    opened: dict[Hashable, bytes] = {}
    ended: dict[Hashable, bytes] = {}
    spans = json_text.decode(_spans, body)
    for key, head, span in zip(keys_of(heads), heads, spans, strict=True):
        (opened if head.end_timestamp is None else ended)[key] = bytes(span)
    for key in opened.keys() & ended.keys():
        del opened[key]
    return opened, ended, sum(map(len, spans))


def spans_of(body: bytes) -> list[bytes]:
    """The spans of an array, each with bytes of its own."""
    return json_text.elements(body)


def fingerprint(key: Hashable) -> bytes:
    """16 bytes that tell this key from others: BLAKE2b of its text, the same in every process."""
    text = key if isinstance(key, str) else "\0\0".join(cast(tuple[str, str], key))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def ended(body: bytes, heads: Sequence[Head]) -> tuple[bytes, int, int]:
    """(the body with one copy of each span that has an end, their count, ended copies left out).

    An upstream that cannot update a span is told of it once: of several ended copies in a body the last one is kept.
    heads: of the body's spans.
    """
    ends = [head.end_timestamp is not None for head in heads]
    chosen = {key: index for index, (key, has_ended) in enumerate(zip(keys_of(heads), ends, strict=True)) if has_ended}
    if len(chosen) == len(heads):
        return body, len(heads), 0
    spans = json_text.elements(body)
    return array_of([spans[index] for index in sorted(chosen.values())]), len(chosen), sum(ends) - len(chosen)


def read(body: bytes, member: str) -> tuple[bytes, Scan]:
    """(array, scan) of `{"member":[…]}`, of which only that member is kept. Raises MalformedChunk."""
    json_text.check_text(body)
    array, found = _sole(body, member) or _among(body, member)
    return array, tally(found)


def read_ndjson(body: bytes) -> tuple[bytes, Scan]:
    """(array, scan) of spans that stand one on a line. Raises MalformedChunk."""
    json_text.check_text(body)
    lines = [line for line in body.split(b"\n") if line and not line.isspace()]
    array = array_of(lines)
    try:
        found = _heads_of(array)
    except MalformedChunk as error:
        raise _broken_line(body, error) from None
    if len(found) != len(lines):  # two on a line
        raise _broken_line(body, MalformedChunk("not one span a line", 0))
    return array, tally(found)


def _heads_of(array: bytes, offset: int = 0) -> list[Head]:
    """The heads of an array that lies at `offset` in the whole body.

    An id may hold a NUL, as an escape. That is for the upstream to refuse: refused here, it would cost its neighbours.
    """
    return json_text.decode_first(_heads, array, offset)


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


def array_of(spans: Iterable[bytes]) -> bytes:
    """The plain form of these spans."""
    return b"[%b]" % b",".join(spans)
