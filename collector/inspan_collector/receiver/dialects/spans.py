"""Our own: spans as JSON, in an array, in `{"spans":[…]}`, or one on a line."""

from typing import Final

import msgspec

from inspan_collector.formats import span_json
from inspan_collector.receiver.dialects.dialect import Reading, Refusal

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"

name: Final = "spans"
constant: Final = False
methods: Final = frozenset({"POST"})
formats: Final = {JSON: span_json.name, NDJSON: span_json.name}
malformed: Final = 400


def read(content_type: str, body: bytes) -> Reading:
    """See Dialect.read."""
    if content_type == NDJSON:
        array, scan = span_json.read_ndjson(body)
    elif body.lstrip()[:1] == b"{":
        array, scan = span_json.read(body, "spans")
    else:
        array, scan = body, span_json.scan(body)
    return Reading(span_json.name, array, scan)


def success(content_type: str, reading: Reading, culled: int, message: str) -> tuple[int, str, bytes]:
    """See Dialect.success. 202: taken, not yet delivered."""
    del content_type
    said = {"accepted": reading.scan.spans} | ({"refused": culled, "message": message} if culled else {})
    return 202, JSON, msgspec.json.encode(said)


def failure(content_type: str, refusal: Refusal) -> tuple[str, bytes]:
    """See Dialect.failure."""
    del content_type
    return JSON, msgspec.json.encode({"error": {"reason": refusal.reason, "message": refusal.message}})
