"""What a body says, for people: JSON with line ends, protobuf as its fields. In the command's process alone.

The sidecar never builds objects of what an agent sent; who runs the command does so at their own risk.
"""

import base64
from typing import Any, Final

import msgspec
from google.protobuf.json_format import MessageToDict

from inspan_collector.formats import otlp_schema

IDS: Final = frozenset({"traceId", "spanId", "parentSpanId"})  # OTLP writes them in hex in JSON, and not in base64


def readable(format: str, encoding: str, body: str) -> str | None:
    """Lines for people; None where there is nothing better than the body itself. encoding: text or base64."""
    try:
        if encoding == "text":
            return msgspec.json.format(body, indent=2)
        message = otlp_schema.parsed(base64.b64decode(body)) if format == "otlp_protobuf" else None
        if message is None:
            return None
        return msgspec.json.format(msgspec.json.encode(_with_hex(MessageToDict(message))), indent=2).decode()
    except (msgspec.DecodeError, RecursionError):  # what nests as deep as a trap does is shown as it came
        return None


def _with_hex(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_hex(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64decode(each).hex() if name in IDS and isinstance(each, str) else _with_hex(each)
        for name, each in value.items()
    }
