"""The published contract of SGP's `/v5/spans/batch`: what it refuses, and how it upserts.

Source: the docstring of `spans.upsert_batch` in scale_gp_beta 0.7.0.
"""

import uuid
from datetime import UTC, datetime
from typing import Final

import msgspec

MAX_ITEMS: Final = 1000
MAX_ID_CHARACTERS: Final = 256
MAX_ID_BYTES: Final = 256

_IDS: Final = ("id", "trace_id", "parent_id", "group_id")


class Refused(Exception):
    """The batch is not taken, none of it. status: HTTP; the message names the field."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Posted(msgspec.Struct, frozen=True, gc=False):
    """The fields of one posted copy that the contract speaks of."""

    name: str
    start_timestamp: datetime
    trace_id: str
    id: str | None = None
    parent_id: str | None = None
    group_id: str | None = None
    end_timestamp: datetime | None = None


class _Batch(msgspec.Struct, frozen=True):
    items: list[Posted]


_BATCH: Final = msgspec.json.Decoder(_Batch)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: Final = msgspec.json.Decoder(dict[str, list[dict[str, msgspec.Raw]]])


def read(body: bytes) -> tuple[list[Posted], bytes]:
    """The copies of a batch, all valid, and the array of them as JSON; those that came without an id were given one.

    Errors: Refused.
    """
    if not body.isascii():
        _require_utf8(body)
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


def _with_ids(copies: list[Posted], body: bytes) -> tuple[list[Posted], bytes]:
    if all(copy.id is not None for copy in copies):
        return copies, bytes(_MEMBERS.decode(body)["items"])
    copies = [msgspec.structs.replace(copy, id=copy.id or str(uuid.uuid4())) for copy in copies]
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
    if copy.end_timestamp is not None and _utc(copy.end_timestamp) < _utc(copy.start_timestamp):
        raise Refused(422, f"{where}.end_timestamp: before start_timestamp")


def _check_size(text: str, where: str) -> None:
    if len(text) > MAX_ID_CHARACTERS:
        raise Refused(422, f"{where}: {len(text)} of at most {MAX_ID_CHARACTERS} characters")
    size = len(text.encode())
    if size > MAX_ID_BYTES:
        raise Refused(400, f"{where}: {size} of at most {MAX_ID_BYTES} bytes")


def _require_utf8(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError as why:
        raise Refused(400, f"{_culprit(body)}: not UTF-8 at byte {why.start} of the body") from None


def _culprit(body: bytes) -> str:
    try:
        spans = _ITEMS.decode(body)["items"]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):
        return "body"
    for position, span in enumerate(spans):
        for field, value in span.items():
            try:
                bytes(value).decode()
            except UnicodeDecodeError:
                return f"items[{position}].{field}"
    return "body"


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def day(copy: Posted) -> int:
    """The UTC day on which a copy starts, as an ordinal: a part of its identity."""
    return _utc(copy.start_timestamp).astimezone(UTC).toordinal()
