"""The published contract of SGP's spans: what it refuses, how it upserts, and what may be changed.

Source: scale_gp_beta 0.7.0, the docstrings of `spans.upsert_batch` and `spans.update`, SpanCreateParam and
SpanUpdateParams. `type` may be any text: its list grows with the API.
"""

import uuid
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from inspan_collector.sink.verdict import Refused as Refused  # whoever knows the contract knows its refusal

MAX_ITEMS: Final = 1000
MAX_ID_CHARACTERS: Final = 256
MAX_ID_BYTES: Final = 256

_IDS: Final = ("id", "trace_id", "parent_id", "group_id")


_Object = dict[str, msgspec.Raw]
_Status = Literal["SUCCESS", "ERROR", "CANCELED"]
_ObsTrace = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]  # W3C Trace Context, as the SDK's comments say
_ObsSpan = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]


class Posted(msgspec.Struct, frozen=True, gc=False):
    """The fields of one posted copy that the contract speaks of."""

    name: str
    start_timestamp: datetime
    trace_id: str
    id: str | None = None
    parent_id: str | None = None
    group_id: str | None = None
    end_timestamp: datetime | None = None
    input: _Object | None = None
    output: _Object | None = None
    expected: _Object | None = None
    metadata: _Object | None = None
    status: _Status | None = None
    type: str | None = None
    obs_trace_id: _ObsTrace | None = None
    obs_span_id: _ObsSpan | None = None


class Change(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What may be changed of a span that is there. What is not named stays as it is."""

    end_timestamp: datetime | UnsetType = UNSET
    metadata: _Object | UnsetType = UNSET
    name: str | UnsetType = UNSET
    output: _Object | UnsetType = UNSET
    status: _Status | UnsetType = UNSET


class _Batch(msgspec.Struct, frozen=True):
    items: list[Posted]


_BATCH: Final = msgspec.json.Decoder(_Batch)
_CHANGE: Final = msgspec.json.Decoder(Change)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: Final = msgspec.json.Decoder(dict[str, list[dict[str, msgspec.Raw]]])


def read(body: bytes) -> tuple[list[Posted], bytes]:
    """The copies of a batch, all valid, and the array of them as JSON; those that came without an id were given one.

    Errors: Refused.
    """
    if not body.isascii():
        body = _with_sound_text(body)
    try:
        copies = _BATCH.decode(body).items
    except msgspec.ValidationError as why:
        raise Refused(422, str(why)) from None
    except (msgspec.DecodeError, RecursionError) as why:
        raise Refused(400, f"not JSON: {why}") from None
    if len(copies) > MAX_ITEMS:
        raise Refused(422, f"items: {len(copies)} of at most {MAX_ITEMS}")
    for position, copy in enumerate(copies):
        _check(copy, f"items[{position}]")
    return _with_ids(copies, body)


def read_change(body: bytes) -> Change:
    """A change, valid as far as it alone shows. Errors: Refused."""
    try:
        return _CHANGE.decode(body)
    except msgspec.ValidationError as why:
        raise Refused(422, str(why)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as why:
        raise Refused(400, f"not JSON: {why}") from None


def _with_ids(copies: list[Posted], body: bytes) -> tuple[list[Posted], bytes]:
    if all(copy.id is not None for copy in copies):
        return copies, bytes(_MEMBERS.decode(body)["items"])
    copies = [msgspec.structs.replace(copy, id=str(uuid.uuid4()) if copy.id is None else copy.id) for copy in copies]
    posted = msgspec.json.decode(body)["items"]
    return copies, msgspec.json.encode([{**span, "id": copy.id} for span, copy in zip(posted, copies, strict=True)])


def _check(copy: Posted, where: str) -> None:
    for field in _IDS:
        text: str | None = getattr(copy, field)
        if text is None:
            continue
        if "\0" in text:
            raise Refused(400, f"{where}.{field}: contains NUL")
        if field in ("id", "group_id") and len(text) * 4 > MAX_ID_BYTES:  # UTF-8 has at most 4 bytes a character
            _check_size(text, f"{where}.{field}")
    if copy.end_timestamp is not None and before(copy.end_timestamp, copy.start_timestamp):
        raise Refused(422, f"{where}.end_timestamp: before start_timestamp")
    if copy.obs_span_id is not None and copy.obs_trace_id is None:
        raise Refused(422, f"{where}.obs_span_id: requires obs_trace_id")


def _check_size(text: str, where: str) -> None:
    if len(text) > MAX_ID_CHARACTERS:
        raise Refused(422, f"{where}: {len(text)} of at most {MAX_ID_CHARACTERS} characters")
    size = len(text.encode())
    if size > MAX_ID_BYTES:
        raise Refused(400, f"{where}: {size} of at most {MAX_ID_BYTES} bytes")


def _with_sound_text(body: bytes) -> bytes:
    """What is not UTF-8 replaced by U+FFFD, as upstream; but not in an id, whose meaning it would change."""
    try:
        body.decode()
    except UnicodeDecodeError as why:
        if (where := _culprit(body)) is not None:
            raise Refused(400, f"{where}: not UTF-8 at byte {why.start} of the body") from None
        return body.decode(errors="replace").encode()
    return body


def _culprit(body: bytes) -> str | None:
    """The first id that is not UTF-8."""
    try:
        spans = _ITEMS.decode(body)["items"]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):
        return None  # it is not even JSON of the right shape, which is said elsewhere
    for position, span in enumerate(spans):
        for field in filter(span.__contains__, _IDS):
            try:
                bytes(span[field]).decode()
            except UnicodeDecodeError:
                return f"items[{position}].{field}"
    return None


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def before(one: datetime, other: datetime) -> bool:
    """Whether one moment comes first. Without a zone it is in UTC."""
    return _utc(one) < _utc(other)


def day(copy: Posted) -> int:
    """The UTC day on which a copy starts, as an ordinal: a part of its identity."""
    try:
        return _utc(copy.start_timestamp).astimezone(UTC).toordinal()
    except OverflowError:  # it is in the year 10000 in UTC, or before the first
        return copy.start_timestamp.toordinal()
