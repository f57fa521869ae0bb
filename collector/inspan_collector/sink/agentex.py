"""The contract of AgentEx's `/spans`: one span a request, created once, changed by parts.

Source: scale-agentex, the server's routes, schemas and use case of spans, and the SDK agentex 0.28.4. What its server
does not look at, as members of other names, this does not look at either.
"""

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Final, TypeVar

import msgspec
from msgspec.json import Decoder

from inspan_collector.sink.verdict import Refused

_Object = dict[str, msgspec.Raw]
_Free = _Object | list[_Object] | None
T = TypeVar("T")

_NULL: Final = msgspec.Raw(b"null")
MEMBERS: Final = (
    *("id", "name", "start_time", "trace_id", "data", "end_time", "input", "output", "parent_id", "task_id"),
)


class Change(msgspec.Struct, frozen=True, gc=False):
    """What a span may be changed to. Null says nothing."""

    name: str | None = None
    start_time: datetime | None = None
    trace_id: str | None = None
    data: _Free = None
    end_time: datetime | None = None
    input: _Free = None
    output: _Free = None
    parent_id: str | None = None
    task_id: str | None = None


class Creation(Change, frozen=True, gc=False, kw_only=True):
    """What a span may begin as."""

    id: str | None = None
    name: str
    start_time: datetime
    trace_id: str


class Written(msgspec.Struct, frozen=True):
    """A span as it will be: its key, and its text as the server answers with it."""

    trace_id: str
    id: str
    text: bytes


_creation: Final = Decoder(Creation)
_change: Final = Decoder(Change)
_members: Final = Decoder(dict[str, msgspec.Raw])
_object: Final = Decoder(_Object)
_encoder: Final = msgspec.json.Encoder()


class Spans:
    """The spans of an AgentEx server, by id alone. `create` and `change` read; only `write` changes something."""

    __slots__ = ("by_id",)

    def __init__(self) -> None:
        self.by_id: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self.by_id)

    def __repr__(self) -> str:
        return f"<Spans {len(self)}>"

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.by_id.values())

    def create(self, body: bytes) -> Written:
        """The span that a POST makes. Errors: Refused 422, and 400 where its id is taken."""
        posted = _decoded(_creation, body)
        span_id = str(uuid.uuid4()) if posted.id is None else posted.id
        if span_id in self.by_id:
            raise Refused(400, f"Item with id '{span_id}' already exists.")
        members = _members.decode(body) | {"id": msgspec.Raw(_encoder.encode(span_id))}
        return Written(posted.trace_id, span_id, _text(members))

    def change(self, span_id: str, body: bytes) -> Written:
        """The span that a PATCH makes of one. Errors: Refused 404 (unknown), 422, 500 (data is a list)."""
        change = _decoded(_change, body)
        there = self.by_id.get(span_id)
        if there is None:
            raise Refused(404, f"Item with id '{span_id}' does not exist.")
        members = _members.decode(there)
        fresh = _members.decode(body)
        said = {name: fresh[name] for name in Change.__struct_fields__ if getattr(change, name) is not None}
        if "data" in said:
            said["data"] = _merged(members["data"], said["data"])
        members |= said
        return Written(_creation.decode(_text(members)).trace_id, span_id, _text(members))

    def one(self, span_id: str) -> bytes:
        """The span of this id. Errors: Refused 404."""
        there = self.by_id.get(span_id)
        if there is None:
            raise Refused(404, f"Item with id '{span_id}' does not exist.")
        return there

    def write(self, span: Written) -> None:
        """Make it true."""
        self.by_id[span.id] = span.text


def _decoded(decoder: Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as why:
        raise Refused(422, str(why)) from None


def _merged(there: msgspec.Raw, fresh: msgspec.Raw) -> msgspec.Raw:
    """`dict.update` where something is there; the server fails where one of the two is a list."""
    if bytes(there) in (b"null", b"{}", b"[]"):
        return fresh
    try:
        return msgspec.Raw(_encoder.encode(_object.decode(there) | _object.decode(fresh)))
    except msgspec.ValidationError:
        raise Refused(500, "data: a list has no update") from None


def _text(members: dict[str, msgspec.Raw]) -> bytes:
    return _encoder.encode({name: members.get(name, _NULL) for name in MEMBERS})
