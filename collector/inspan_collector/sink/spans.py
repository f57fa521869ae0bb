"""The spans of a body one by one, and the key of each: for a sink that looks closer than a count."""

from collections.abc import Callable
from typing import Final

import msgspec
from google.protobuf.message import DecodeError

from inspan_collector.errors import MalformedChunk
from inspan_collector.formats.descriptors import message_classes
from inspan_collector.formats.span_json import keys as span_json_keys

Key = bytes | tuple[str, str]
"""trace_id and span_id; as 24 bytes in OTLP, so that its protobuf and its JSON agree."""


def spans_of(name: str, body: bytes) -> list[bytes]:
    """The encoded spans of a body that the format `name` has scanned, in order."""
    return _SPANS[name](body)


def keys_of(name: str, body: bytes) -> list[Key]:
    """Their keys, in the same order.

    Errors: MalformedChunk where an id is not what its format says.
    """
    return _KEYS[name](body)


# A span is bytes here: the C parser walks the frame and decodes none of it.
_SHALLOW: Final = message_classes("""
Request: resources 1 *Resource
Resource: scopes 2 *Scope
Scope: spans 2 *bytes
Ids: trace_id 1 bytes, span_id 2 bytes
""")
_request: Final = _SHALLOW["Request"].FromString
_ids: Final = _SHALLOW["Ids"].FromString


def _protobuf_spans(body: bytes) -> list[bytes]:
    resources = _request(body).resources
    return [span for resource in resources for scope in resource.scopes for span in scope.spans]


def _protobuf_keys(body: bytes) -> list[Key]:
    return [
        span[2:18] + span[20:28] if span[:2] == b"\x0a\x10" and span[18:20] == b"\x12\x08" else _unusual_key(span)
        for span in _protobuf_spans(body)
    ]


def _unusual_key(span: bytes) -> bytes:
    try:
        ids = _ids(span)
    except DecodeError as why:
        raise MalformedChunk(f"a span is not protobuf: {why}", 0) from None
    return bytes(ids.trace_id + ids.span_id)


# Null is absent. Source: OTLP specification, "JSON Protobuf Encoding".
class _Scope(msgspec.Struct, gc=False, rename="camel"):
    spans: list[msgspec.Raw] | None = None


class _Resource(msgspec.Struct, gc=False, rename="camel"):
    scope_spans: list[_Scope] | None = None


class _Request(msgspec.Struct, gc=False, rename="camel"):
    resource_spans: list[_Resource] | None = None


class _Ids(msgspec.Struct, gc=False, rename="camel"):
    trace_id: str
    span_id: str


_REQUEST: Final = msgspec.json.Decoder(_Request)
_IDS: Final = msgspec.json.Decoder(_Ids)
_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])


def _json_spans(body: bytes) -> list[bytes]:
    scopes = [scope for each in _REQUEST.decode(body).resource_spans or () for scope in each.scope_spans or ()]
    return [bytes(span) for scope in scopes for span in scope.spans or ()]


def _json_keys(body: bytes) -> list[Key]:
    keys: list[Key] = []
    for position, span in enumerate(_json_spans(body)):
        try:
            ids = _IDS.decode(span)
            keys.append(bytes.fromhex(ids.trace_id + ids.span_id))
        except (msgspec.DecodeError, ValueError) as why:
            raise MalformedChunk(f"span {position}: {why}", 0) from None
    return keys


def _array_spans(body: bytes) -> list[bytes]:
    return [bytes(span) for span in _ARRAY.decode(body)]


_SPANS: Final[dict[str, Callable[[bytes], list[bytes]]]] = {
    "otlp_protobuf": _protobuf_spans,
    "otlp_json": _json_spans,
    "span_json": _array_spans,
}

_KEYS: Final[dict[str, Callable[[bytes], list[Key]]]] = {
    "otlp_protobuf": _protobuf_keys,
    "otlp_json": _json_keys,
    "span_json": lambda body: list(span_json_keys(body)),
}
