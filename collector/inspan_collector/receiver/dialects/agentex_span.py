"""A span as AgentEx has it, and how it becomes one in SGP's names.

Source: agentex-sdk 0.28.4, `types/span.py` and what its own SGP processor makes of such a span; scale-agentex,
`schemas/spans.py` and `spans_use_case.py`, for what a POST must hold and what a PATCH changes. Values stay as they
came.
"""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec.json import Decoder

from inspan_collector.errors import MalformedChunk
from inspan_collector.formats import Head, json_text

Values = dict[str, msgspec.Raw] | list[dict[str, msgspec.Raw]] | None
_Text = Annotated[str, msgspec.Meta(min_length=1)]  # it is, or is part of, what tells the span from others


class Changes(msgspec.Struct, kw_only=True):
    """What a POST or a PATCH says. What is null is not said."""

    id: _Text | None = None
    trace_id: _Text | None = None
    task_id: str | None = None
    parent_id: str | None = None
    name: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    input: Values = None
    output: Values = None
    data: Values = None


class Span(Changes, kw_only=True):
    """All of a span. Written, it is what the SDK reads: every member, those that are null too."""

    id: _Text
    trace_id: _Text
    name: str
    start_time: str


class _Copy(Head, omit_defaults=True, kw_only=True):
    """The same in SGP's names. Source: SGP's SpanCreateParam."""

    type: str
    group_id: str | None = None
    input: dict[str, msgspec.Raw] | None = None
    output: dict[str, msgspec.Raw] | None = None
    metadata: dict[str, msgspec.Raw] | None = None


_changes: Final = Decoder(Changes)
_span: Final = Decoder(Span)
_members: Final = Decoder(dict[str, msgspec.Raw])
_text: Final = Decoder(str)
_encode: Final = msgspec.json.Encoder().encode

_STANDALONE: Final = "STANDALONE"  # what the SDK says of a span whose data names no type
_SOURCE: Final = {"__source__": msgspec.Raw(b'"agentex"')}
_NULL: Final = msgspec.Raw(b"null")


def read_changes(body: bytes) -> Changes:
    """What a request says. Raises MalformedChunk, as the server answers 422."""
    json_text.check_text(body)
    changes = json_text.decode_first(_changes, body)
    for name in ("start_time", "end_time"):
        _check_time(body, name, getattr(changes, name))
    return changes


def create(changes: Changes, span_id: str) -> Span | None:
    """The span that these are all of; None where they are not enough to be one."""
    if changes.trace_id is None or changes.name is None or changes.start_time is None:
        return None
    return Span(**(msgspec.structs.asdict(changes) | {"id": span_id}))


def merge(known: bytes, changes: Changes) -> Span:
    """A span, as it was written, with changes: each member takes the place of its former one, those of `data` too."""
    span = _span.decode(known)
    for name in changes.__struct_fields__:
        value = getattr(changes, name)
        if value is None or name == "id":
            continue
        if name == "data" and isinstance(value, dict) and isinstance(span.data, dict):
            value = span.data | value
        setattr(span, name, value)
    return span


def write(span: Span) -> bytes:
    """The span as the SDK reads it."""
    return _encode(span)


def write_copy(span: Span) -> tuple[Head, bytes]:
    """The span in SGP's names, as the SDK's SGP processor writes it, and what is read of it.

    Left out is what is null, and what only the agent's environment says. Arrays, which SGP has no place for, become
    `{"value": [...]}`. Raises MalformedChunk for a text in `data` that is none.
    """
    data = span.data if isinstance(span.data, dict) else {}
    said = bytes(data.get("__error__", b""))
    error = json_text.decode(_members, said) if said[:1] == b"{" else None
    copy = _Copy(
        id=span.id,
        trace_id=span.trace_id,
        name=span.name,
        start_timestamp=span.start_time,
        end_timestamp=span.end_time,
        parent_id=span.parent_id or None,
        group_id=span.task_id or None,
        type=_type_of(data),
        status="ERROR" if error is not None else "SUCCESS" if span.end_time is not None else None,
        input=_object(span.input),
        output=_object(span.output),
        metadata=_object(span.data) if isinstance(span.data, list) else data | _SOURCE | _told(error),
    )
    # Not the copy itself, which has all its values: whoever keeps a head would keep the request.
    head = Head(
        copy.id, copy.trace_id, copy.end_timestamp, copy.parent_id, copy.name, copy.start_timestamp, copy.status
    )
    return head, _encode(copy)


def _type_of(data: dict[str, msgspec.Raw]) -> str:
    said = bytes(data.get("__span_type__", b""))
    return json_text.decode(_text, said) if said[:1] == b'"' else _STANDALONE


def _told(error: dict[str, msgspec.Raw] | None) -> dict[str, msgspec.Raw]:
    """What SGP's own tracing says of an error, in the metadata of its span."""
    if error is None:
        return {}
    return {
        "error": msgspec.Raw(b"true"),
        "error_type": _said(error, "type"),
        "error_message": _said(error, "message"),
        "error_category": error.get("category", msgspec.Raw(b'"unknown"')),
    }


def _said(error: dict[str, msgspec.Raw], name: str) -> msgspec.Raw:
    said = error.get(name, _NULL)
    return _NULL if bytes(said) == b'""' else said


def _object(values: Values) -> dict[str, msgspec.Raw] | None:
    if isinstance(values, list):
        return {"value": msgspec.Raw(_encode(values))} if values else {}
    return values


def _check_time(body: bytes, name: str, text: str | None) -> None:
    try:
        if text is not None:
            datetime.fromisoformat(text)
    except ValueError:
        where = json_text.locate(body, f".{name}")
        raise MalformedChunk(f"{name}: not a time in ISO 8601", where) from None
