"""A span of our own JSON as what AgentEx is asked to create or to change. Pure.

Source: agentex 0.28.4, its parameters for creating and changing spans, and its processor for SGP, which calls the
members what we call them; scale-agentex, the server's use case of spans, for what a change does there.
"""

from typing import Any, Final

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

NULL: Final = Raw(b"null")
EMPTY: Final = Raw(b"{}")
AS_AGENTEX: Final = {
    "start_timestamp": "start_time",
    "end_timestamp": "end_time",
    "metadata": "data",
    "group_id": "task_id",
}
"""Members that it calls otherwise. It has no `status`: that a span has failed is in its data."""

# Reserved names in `data`, which its processor for SGP makes members of.
_IN_DATA: Final = {"type": "__span_type__", "obs_trace_id": "obs_trace_id", "obs_span_id": "obs_span_id"}
_ERROR: Final = "__error__"
_UNTYPED: Final = (b"null", b'"STANDALONE"')  # the latter is what its processor for SGP makes of data without a type
_UNSAID: Final = {"type": Raw(b'"ERROR"'), "message": Raw(b'""'), "category": Raw(b'"unknown"')}
_WRAPPED: Final = b'{"value":['
_CHANGEABLE: Final = ("name", "start_time", "data", "end_time", "input", "output", "parent_id", "task_id")


class _Copy(msgspec.Struct, gc=False):
    id: Raw
    trace_id: Raw
    name: Raw = NULL
    start_timestamp: Raw = NULL
    end_timestamp: Raw = NULL
    parent_id: Raw = NULL
    group_id: Raw = NULL
    input: Raw = NULL
    output: Raw = NULL
    metadata: Raw = NULL
    status: Any = None
    type: Raw = NULL
    obs_trace_id: Raw = NULL
    obs_span_id: Raw = NULL


class Creation(msgspec.Struct, gc=False):
    """The body of a POST, in the order and with the nulls of the SDK. Its values are as they came."""

    name: Raw
    start_time: Raw
    trace_id: Raw
    id: Raw
    data: Raw
    end_time: Raw
    input: Raw
    output: Raw
    parent_id: Raw
    task_id: Raw

    @property
    def ended(self) -> bool:
        return not _is_null(self.end_time)


class _Wrapped(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """Where SGP has objects alone, a list is in one by itself. AgentEx takes lists of objects."""

    value: list[dict[str, Raw]]


class _Answered(msgspec.Struct, gc=False):
    end_time: Any


_wrapped: Final = Decoder(_Wrapped)
_answered: Final = Decoder(_Answered)
_copy: Final = Decoder(_Copy)
_creation: Final = Decoder(Creation)
_object: Final = Decoder(dict[str, Raw])
_text: Final = Decoder(str)
_encoder: Final = msgspec.json.Encoder()


def creation(span: bytes) -> bytes:
    """What creates this span, open or ended. What AgentEx has no member for is left out."""
    copy = _copy.decode(span)
    return _encoder.encode(
        Creation(
            name=copy.name,
            start_time=copy.start_timestamp,
            trace_id=copy.trace_id,
            id=copy.id,
            data=_data(copy),
            end_time=copy.end_timestamp,
            input=_unwrapped(copy.input),
            output=_unwrapped(copy.output),
            parent_id=copy.parent_id,
            task_id=copy.group_id,
        )
    )


def read(body: bytes) -> Creation:
    """A creation as it was made here."""
    return _creation.decode(body)


def id_of(created: Creation) -> str:
    """The id as text."""
    return _text.decode(created.id)


def change(created: Creation) -> bytes:
    """What makes this span of one with its id: all that it says.

    Null would change nothing, so the output of an ended span without one is `{}`: what was written there when its agent
    was taken for lost must not outlive the true end. A list in `data` is left out, since the server fails to merge one,
    and so is the trace: the key of AgentEx is the id alone, and a span must not move to another trace.
    """
    members = {name: getattr(created, name) for name in _CHANGEABLE}
    if created.ended and _is_null(created.output):
        members["output"] = EMPTY
    if bytes(memoryview(created.data)[:1]) == b"[":
        del members["data"]
    return _encoder.encode({name: value for name, value in members.items() if not _is_null(value)})


def probe(created: Creation) -> bytes | None:
    """A change that asks whether the span is there, and changes nothing that may have been written later.

    None for a span without a name, which cannot be there.
    """
    return None if _is_null(created.name) else _encoder.encode({"name": created.name})


def is_open(answer: bytes) -> bool:
    """Whether the span in an answer has no end. Where the answer is no such thing, or was cut: no."""
    try:
        return _answered.decode(answer).end_time is None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _unwrapped(value: Raw) -> Raw:
    """The list that our AgentEx dialect and its processor put into an object, else the value."""
    if bytes(memoryview(value)[: len(_WRAPPED)]) != _WRAPPED:  # so much costs nothing, also beside a large value
        return value
    try:
        return Raw(_encoder.encode(_wrapped.decode(value).value))
    except msgspec.ValidationError:
        return value


def _data(copy: _Copy) -> Raw:
    """Its metadata, with what SGP has members for. Metadata that is no object has no place for them."""
    listed = _unwrapped(copy.metadata)
    if listed is not copy.metadata:
        return listed
    added = {name: value for member, name in _IN_DATA.items() if bytes(value := getattr(copy, member)) not in _UNTYPED}
    if not added and copy.status != "ERROR":
        return copy.metadata
    try:
        members = {} if _is_null(copy.metadata) else _object.decode(copy.metadata)
    except msgspec.ValidationError:
        return copy.metadata
    if copy.status == "ERROR":
        told = {name: members.get(f"error_{name}", NULL) for name in _UNSAID}
        error = {name: unsaid if _is_null(told[name]) else told[name] for name, unsaid in _UNSAID.items()}
        added[_ERROR] = Raw(_encoder.encode(error))
    missing = {name: value for name, value in added.items() if name not in members}
    return Raw(_encoder.encode(members | missing)) if missing else copy.metadata


def _is_null(value: Raw) -> bool:
    return value == NULL
