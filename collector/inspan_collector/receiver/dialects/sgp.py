"""SGP's batch of spans, as the unmodified SDK posts it: `PUT /v5/spans/batch`."""

from typing import Final

import msgspec

from inspan_collector.formats import span_json
from inspan_collector.receiver.dialects.dialect import Reading, Refusal

JSON: Final = "application/json"

name: Final = "sgp"
constant: Final = False
methods: Final = frozenset({"PUT", "POST"})
formats: Final = {JSON: span_json.name}
malformed: Final = 400


def read(content_type: str, body: bytes) -> Reading:
    """See Dialect.read."""
    del content_type
    return Reading(span_json.name, *span_json.read(body, "items"))


def success(content_type: str, reading: Reading, culled: int, message: str) -> tuple[int, str, bytes]:
    """See Dialect.success. The keys of what was taken; the rest of a span the client has."""
    del content_type, culled, message  # the contract knows no partial success; what was refused is counted and logged
    items = [{"id": head.id, "trace_id": head.trace_id} for head in reading.scan.heads]
    return 200, JSON, msgspec.json.encode({"items": items, "object": "list"})


def failure(content_type: str, refusal: Refusal) -> tuple[str, bytes]:
    """See Dialect.failure."""
    del content_type
    return JSON, msgspec.json.encode({"status_code": refusal.status, "message": refusal.message, "data": None})
