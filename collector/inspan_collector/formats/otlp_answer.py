"""What an OTLP server answers: partial successes and errors, read from upstreams and written to agents.

Source: opentelemetry/proto/collector/trace/v1/trace_service.proto, google/rpc/status.proto, and the OTLP/HTTP
specification, "Failures".
"""

from functools import cache
from typing import Any, Final

import msgspec
from google.protobuf.message import DecodeError

from inspan_collector.formats.descriptors import message_classes
from inspan_collector.receipt import Receipt

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
UNSTATED: Final = Receipt()

_TABLE: Final = """
Response: partial_success 1 Partial
Partial: rejected_spans 1 int64, error_message 2 string
Status: code 1 int32, message 2 string
"""


class _Partial(msgspec.Struct, rename="camel"):
    rejected_spans: int | str = 0  # protojson writes 64-bit integers as strings; some servers write numbers
    error_message: str = ""


class _Response(msgspec.Struct, rename="camel"):
    partial_success: _Partial | None = None


@cache
def _messages() -> dict[str, Any]:
    return message_classes(_TABLE)


def receipt(content_type: str, words: bytes) -> Receipt:
    """What a 2xx answer says of rejected spans. An answer that cannot be read says nothing: the status was 2xx."""
    try:
        if words and content_type.startswith(JSON):
            partial = msgspec.json.decode(words, type=_Response).partial_success
            return UNSTATED if partial is None else Receipt(max(0, int(partial.rejected_spans)), partial.error_message)
        if words and content_type.startswith(PROTOBUF):
            stated = _messages()["Response"].FromString(words).partial_success
            return Receipt(max(0, stated.rejected_spans), stated.error_message)
    except (msgspec.MsgspecError, DecodeError, ValueError, RecursionError):
        return UNSTATED
    return UNSTATED


def said(content_type: str, words: bytes) -> str:
    """The words of an answer that is no success: of a google.rpc.Status its message, of others all there is."""
    if content_type.startswith(PROTOBUF):
        try:
            message: str = _messages()["Status"].FromString(words).message
        except DecodeError:
            message = ""
        if message:
            return message
    return words.decode("utf-8", "backslashreplace")


def success(content_type: str, rejected: int = 0, message: str = "") -> bytes:
    """The body of an ExportTraceServiceResponse."""
    if content_type == JSON:
        return msgspec.json.encode(
            {"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": message}} if rejected else {}
        )
    if not rejected:
        return b""
    response = _messages()["Response"]()
    response.partial_success.rejected_spans = rejected
    response.partial_success.error_message = message
    body: bytes = response.SerializeToString()
    return body


def failure(content_type: str, code: int, message: str) -> bytes:
    """The body of a google.rpc.Status. code: of google/rpc/code.proto."""
    if content_type == JSON:
        return msgspec.json.encode({"code": code, "message": message})
    body: bytes = _messages()["Status"](code=code, message=message).SerializeToString()
    return body
