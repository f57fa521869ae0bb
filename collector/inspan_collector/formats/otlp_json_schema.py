"""What a span looks like in OTLP's JSON, for the one question that needs it: which span does not parse?

Source: OTLP specification, "JSON Protobuf Encoding", and protobuf's JSON mapping. As lenient as that allows: null is
absent, 64-bit integers are numbers or strings, enums numbers or names, unknown members are ignored. `X | None` in
every place is that null.
"""

from typing import Annotated, Final, Literal, TypeVar

from msgspec import Meta, Struct
from msgspec.json import Decoder

from inspan_collector.errors import MalformedChunk
from inspan_collector.formats.json_text import decode

T = TypeVar("T")

_Integer = int | float | Annotated[str, Meta(pattern=r"^-?[0-9]+(\.0+)?$")] | None
_Float = float | Annotated[str, Meta(pattern=r"^(-?[0-9.]+([eE][-+]?[0-9]+)?|NaN|-?Infinity)$")] | None
_Enum = int | str | None
_TraceId = Annotated[str, Meta(pattern=r"^([0-9a-fA-F]{32})?$")] | None
_SpanId = Annotated[str, Meta(pattern=r"^([0-9a-fA-F]{16})?$")] | None
_Text = str | None


class _AnyValue(Struct, rename="camel", gc=False):
    string_value: _Text = None
    bool_value: bool | Literal["true", "false"] | None = None
    int_value: _Integer = None
    double_value: _Float = None
    bytes_value: _Text = None
    array_value: "_ArrayValue | None" = None
    kvlist_value: "_Attributes | None" = None


class _ArrayValue(Struct, gc=False):
    values: list[_AnyValue] | None = None


class _KeyValue(Struct, gc=False):
    key: _Text = None
    value: _AnyValue | None = None


class _Attributes(Struct, gc=False):
    values: list[_KeyValue] | None = None


class _Described(Struct, rename="camel", gc=False):
    attributes: list[_KeyValue] | None = None
    dropped_attributes_count: _Integer = None


class _Event(_Described, rename="camel", gc=False):
    time_unix_nano: _Integer = None
    name: _Text = None


class _Link(_Described, rename="camel", gc=False):
    trace_id: _TraceId = None
    span_id: _SpanId = None
    trace_state: _Text = None
    flags: _Integer = None


class _Status(Struct, gc=False):
    message: _Text = None
    code: _Enum = None


class _Span(_Described, rename="camel", gc=False):
    trace_id: _TraceId = None
    span_id: _SpanId = None
    parent_span_id: _SpanId = None
    trace_state: _Text = None
    name: _Text = None
    kind: _Enum = None
    flags: _Integer = None
    start_time_unix_nano: _Integer = None
    end_time_unix_nano: _Integer = None
    events: list[_Event] | None = None
    dropped_events_count: _Integer = None
    links: list[_Link] | None = None
    dropped_links_count: _Integer = None
    status: _Status | None = None


class _Scope(_Described, rename="camel", gc=False):
    name: _Text = None
    version: _Text = None


class _ResourceSpans(Struct, rename="camel", gc=False):
    resource: _Described | None = None
    schema_url: _Text = None


class _ScopeSpans(Struct, rename="camel", gc=False):
    scope: _Scope | None = None
    schema_url: _Text = None


_span: Final = Decoder(_Span)
_resource: Final = Decoder(_ResourceSpans)
_scope: Final = Decoder(_ScopeSpans)


def span_fault(text: bytes) -> str | None:
    """Why this is not a span; None if it is one."""
    return _fault("span", _span, text)


def resource_fault(text: bytes) -> str | None:
    """Why this is not the outside of a resource; None if it is one."""
    return _fault("resource", _resource, text)


def scope_fault(text: bytes) -> str | None:
    """Why this is not the outside of a scope; None if it is one."""
    return _fault("scope", _scope, text)


def _fault(what: str, decoder: Decoder[T], text: bytes) -> str | None:
    try:
        decode(decoder, text)
    except MalformedChunk as error:
        return f"{what} does not parse: {error}"
    return None
