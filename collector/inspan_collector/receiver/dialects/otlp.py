"""OTLP over HTTP, as OpenTelemetry's SDKs speak it."""

from typing import Final

from inspan_collector.formats import FORMATS
from inspan_collector.formats.otlp_answer import JSON, PROTOBUF
from inspan_collector.formats.otlp_answer import failure as write_failure
from inspan_collector.formats.otlp_answer import success as write_success
from inspan_collector.receiver.dialects.dialect import Reading, Refusal

name: Final = "otlp"
constant: Final = True
methods: Final = frozenset({"POST"})
formats: Final = {PROTOBUF: "otlp_protobuf", JSON: "otlp_json"}
malformed: Final = 400

# google/rpc/code.proto; SDKs decide by the HTTP status, people read the code
_CODES: Final = {400: 3, 403: 7, 404: 5, 405: 12, 413: 8, 415: 3, 429: 8, 503: 14}
_UNKNOWN: Final = 2


def read(content_type: str, body: bytes) -> Reading:
    """See Dialect.read."""
    form = formats[content_type]
    return Reading(form, body, FORMATS[form].scan(body))


def success(content_type: str, reading: Reading, culled: int, message: str) -> tuple[int, str, bytes]:
    """See Dialect.success. 200 in the request's own content type (OTLP/HTTP specification, "Response")."""
    del reading
    return 200, content_type, write_success(content_type, culled, message)


def failure(content_type: str, refusal: Refusal) -> tuple[str, bytes]:
    """See Dialect.failure. A google.rpc.Status, in JSON for who did not say what they speak."""
    spoken = content_type if content_type in formats else JSON
    return spoken, write_failure(spoken, _CODES.get(refusal.status, _UNKNOWN), refusal.message)
