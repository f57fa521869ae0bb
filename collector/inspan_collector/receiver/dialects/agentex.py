"""AgentEx's spans, one a request, as the unmodified SDK posts and patches them: `POST /spans`, `PATCH /spans/{id}`."""

from collections.abc import Callable
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from inspan.wire import AGENTEX_SPANS
from inspan_collector.errors import InspanError, MalformedChunk
from inspan_collector.formats import span_json
from inspan_collector.receiver.dialects import agentex_span
from inspan_collector.receiver.dialects.dialect import Reading, Refusal

JSON: Final = "application/json"

name: Final = "agentex"
constant: Final = False
methods: Final = frozenset({"POST"})
updates: Final = frozenset({"PATCH"})  # the methods of one span's own path
reads: Final = frozenset({"GET", "HEAD"})  # those of a server that keeps spans
formats: Final = {JSON: span_json.name}
malformed: Final = 422

_BELOW: Final = f"{AGENTEX_SPANS}/"
_INVALID: Final = 10422  # scale-agentex, `app.py`: the status_code of a request that does not fit


class UnknownSpan(InspanError):
    """A change of a span that is not known here, and that does not say enough to be one."""


def span_of(path: str) -> str | None:
    """The id of the span that has this path, which is not percent-decoded; None where it is no span's."""
    if not path.startswith(_BELOW):
        return None
    escaped = path.removeprefix(_BELOW)
    if not escaped or "/" in escaped:
        return None
    return unquote_to_bytes(escaped.encode("latin-1")).decode("utf-8", "replace")


def read(content_type: str, body: bytes, new_id: Callable[[], str] = str) -> Reading:
    """See Dialect.read. new_id: of a span that comes without one."""
    del content_type
    changes = agentex_span.read_changes(body)
    span = agentex_span.create(changes, changes.id or new_id())
    if span is None:
        raise MalformedChunk("a span must have trace_id, name and start_time", 0)
    return _reading(span)


def read_update(body: bytes, span_id: str, known: bytes | None) -> Reading:
    """The whole span after a change. known: the span as it was written; None where it is not known.

    Errors: MalformedChunk, UnknownSpan.
    """
    changes = agentex_span.read_changes(body)
    span = agentex_span.create(changes, span_id) if known is None else agentex_span.merge(known, changes)
    if span is None:
        raise UnknownSpan(
            "this span is not known here any more, or was not posted here; send it whole, with trace_id, name and "
            "start_time"
        )
    return _reading(span)


def _reading(span: agentex_span.Span) -> Reading:
    head, copy = agentex_span.write_copy(span)
    return Reading(span_json.name, span_json.array_of([copy]), span_json.tally([head]), agentex_span.write(span))


def success(content_type: str, reading: Reading, culled: int, message: str) -> tuple[int, str, bytes]:
    """See Dialect.success. The span, as the server answers."""
    del content_type, culled, message  # a request of one span is taken or refused
    return 200, JSON, reading.span


def failure(content_type: str, refusal: Refusal) -> tuple[str, bytes]:
    """See Dialect.failure. Source: scale-agentex, `app.py`."""
    del content_type
    if refusal.status == malformed:
        return JSON, msgspec.json.encode({"status_code": _INVALID, "message": refusal.message, "data": None})
    return JSON, msgspec.json.encode({"message": refusal.message, "code": refusal.status, "data": None})
