"""ExportTraceServiceRequest in JSON. Plain form: `{"resourceSpans":[…]}`, the resources as they came.

Source: OTLP specification, "JSON Protobuf Encoding": ids are hexadecimal, names lowerCamelCase, null is absent, and
members that we do not know are ignored.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec.json import Decoder

from inspan_collector.errors import MalformedChunk, NotTraces
from inspan_collector.formats import json_text
from inspan_collector.formats.cut import Framing, Resource, Scope, cut
from inspan_collector.formats.format import Scan
from inspan_collector.formats.otlp_json_schema import resource_fault, scope_fault, span_fault

name: Final = "otlp_json"
content_type: Final = "application/json"

_ABSENT: Final = Raw()
_ELSEWHERE: Final = {"metrics": "resourceMetrics", "logs": "resourceLogs", "profiles": "resourceProfiles"}


class _Ids(Struct, rename="camel", gc=False):
    trace_id: Annotated[str, Meta(min_length=32, max_length=32)]
    span_id: Annotated[str, Meta(min_length=16, max_length=16)]


class _ScopeSpans(Struct, gc=False):
    spans: list[_Ids] | None = None


class _ResourceSpans(Struct, rename={"scopes": "scopeSpans", "misnamed": "scope_spans"}, gc=False):
    scopes: list[_ScopeSpans] | None = None
    misnamed: Raw = _ABSENT


class _Signals(Struct, rename={"traces": "resourceSpans", "misnamed": "resource_spans", **_ELSEWHERE}):
    """The members of a request, of traces and of what is posted to the wrong path."""

    traces: list[_ResourceSpans] | None = None
    misnamed: Raw = _ABSENT
    metrics: Raw = _ABSENT
    logs: Raw = _ABSENT
    profiles: Raw = _ABSENT


class _Request(Struct, rename={"traces": "resourceSpans"}):
    traces: Raw = _ABSENT


_signals: Final = Decoder(_Signals)
_request: Final = Decoder(_Request)

_FRAMING: Final = Framing(
    request=len('{"resourceSpans":[]}'),
    resource=len(',"scopeSpans":[]},'),
    scope=len(',"spans":[]},'),
    span=len(","),
)


def scan(body: bytes) -> Scan:
    """Count the spans; each must have its ids. See Format.scan."""
    json_text.check_text(body)
    signals = json_text.decode_first(_signals, body)
    _check_signals(body, signals)
    ids = [span for resource in signals.traces or () for scope in resource.scopes or () for span in scope.spans or ()]
    if not _hexadecimal("".join([span.trace_id + span.span_id for span in ids])):
        raise _not_hexadecimal(body, signals)
    return Scan(len(ids))


def cull(body: bytes, max_span_bytes: int) -> tuple[bytes, int, int]:
    """See Format.cull."""
    resources = _take_apart(body)
    kept = culled = 0
    for scope in _scopes(resources):
        spans = len(scope.spans)
        scope.spans[:] = [span for span in scope.spans if len(span) <= max_span_bytes]
        kept += len(scope.spans)
        culled += spans - len(scope.spans)
    return (_put_together(resources) if culled else body), kept, culled


def join(bodies: Sequence[bytes]) -> bytes:
    """See Format.join."""
    inner = [json_text.inside(resources) for resources in map(_resources, bodies)]
    return b'{"resourceSpans":[%b]}' % b",".join(filter(None, inner))


def split(body: bytes, max_spans: int, max_bytes: int) -> list[tuple[bytes, int]]:
    """See Format.split."""
    resources = _take_apart(body)
    spans = sum(len(scope.spans) for scope in _scopes(resources))
    if spans == 0 or (spans <= max_spans and len(body) <= max_bytes):
        return [(body, spans)]
    return [(_put_together(part), count) for part, count in cut(resources, _FRAMING, max_spans, max_bytes)]


def faults(body: bytes) -> list[tuple[int, str]]:
    """See Format.faults. Where a resource or scope does not parse, neither does any span under it."""
    found = []
    index = 0
    for resource in _take_apart(body):
        around = resource_fault(_closed(resource.head))
        for scope in resource.scopes:
            outside = around or scope_fault(_closed(scope.head))
            for span in scope.spans:
                fault = outside or span_fault(span)
                if fault is not None:
                    found.append((index, fault))
                index += 1
    return found


def _check_signals(body: bytes, signals: _Signals) -> None:
    for kind, member in _ELSEWHERE.items():
        if getattr(signals, kind) is not _ABSENT:
            raise NotTraces(f"this request has {kind}: post it to their own path", json_text.locate(body, f".{member}"))
    # Passed on, the specification would have the upstream ignore these, and nobody would know of the loss.
    if signals.misnamed is not _ABSENT:
        raise MalformedChunk(
            "the JSON name is resourceSpans, not resource_spans", json_text.locate(body, ".resource_spans")
        )
    for index, resource in enumerate(signals.traces or ()):
        if resource.misnamed is not _ABSENT:
            position = json_text.locate(body, f".resourceSpans[{index}].scope_spans")
            raise MalformedChunk("the JSON name is scopeSpans, not scope_spans", position)


def _not_hexadecimal(body: bytes, signals: _Signals) -> MalformedChunk:
    """The error of the first span whose ids are not hexadecimal."""
    bad = next(
        f".resourceSpans[{r}].scopeSpans[{s}].spans[{index}]"
        for r, resource in enumerate(signals.traces or ())
        for s, scope in enumerate(resource.scopes or ())
        for index, span in enumerate(scope.spans or ())
        if not _hexadecimal(span.trace_id + span.span_id)
    )
    return MalformedChunk(f"traceId or spanId is not hexadecimal - at `${bad}`", json_text.locate(body, bad))


def _hexadecimal(digits: str) -> bool:
    try:
        return len(bytes.fromhex(digits)) * 2 == len(digits)  # it skips space, and then the length tells
    except ValueError:
        return False


def _resources(body: bytes) -> bytes:
    """The array of resources of a request, as it came."""
    traces = bytes(json_text.decode(_request, body).traces)
    return b"[]" if traces in (b"", b"null") else traces


def _take_apart(body: bytes) -> list[Resource]:
    resources = []
    for text in json_text.elements(_resources(body)):
        head, inner = _behead(text, "scopeSpans")
        scopes = [Scope(*_behead(scope, "spans")) for scope in inner]
        resources.append(Resource(head, scopes))
    return resources


def _behead(text: bytes, repeated: str) -> tuple[bytes, list[bytes]]:
    """(the object up to where its repeated member will stand, the elements of that member)."""
    members = json_text.members(text)
    array = bytes(members.pop(repeated, b"null"))
    head = msgspec.json.encode(members)[:-1]
    return head + b"," if members else head, [] if array == b"null" else json_text.elements(array)


def _closed(head: bytes) -> bytes:
    """The object that a head was cut from, without its repeated member."""
    return head.removesuffix(b",") + b"}"


def _scopes(resources: Iterable[Resource]) -> Iterator[Scope]:
    return (scope for resource in resources for scope in resource.scopes)


def _put_together(resources: Iterable[Resource]) -> bytes:
    texts = []
    for resource in resources:
        scopes = [b'%b"spans":[%b]}' % (scope.head, b",".join(scope.spans)) for scope in resource.scopes]
        texts.append(b'%b"scopeSpans":[%b]}' % (resource.head, b",".join(scopes)))
    return b'{"resourceSpans":[%b]}' % b",".join(texts)
