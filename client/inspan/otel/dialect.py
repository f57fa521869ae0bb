"""OTLP in protobuf, spliced: spans are encoded once, each by itself, and framed anew for every post.

Field numbers: opentelemetry-proto, trace/v1/trace.proto and collector/trace/v1/trace_service.proto.
"""

from collections.abc import Sequence
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from inspan.otel.fields import frame
from inspan.wire import TRACES

_FIRST: Final = b"\x0a"  # field 1, with a length: ExportTraceServiceRequest.resource_spans
_SECOND: Final = b"\x12"  # field 2, with a length: ResourceSpans.scope_spans, ScopeSpans.spans


class Origin:
    """What spans of one resource and one scope share, encoded: a ResourceSpans without its scopes, and a ScopeSpans
    without its spans. Each is made once (see Origins), and not counted among the bytes of its spans."""

    __slots__ = ("resource", "scope")

    def __init__(self, resource: bytes, scope: bytes) -> None:
        self.resource = resource
        self.scope = scope

    def __repr__(self) -> str:
        return f"<Origin of resource {len(self.resource)} scope {len(self.scope)} bytes>"


Piece = tuple[Origin, bytes]
"""A span: what it shares, and its own bytes, framed as in ScopeSpans.spans."""


def framed(span: bytes) -> bytes:
    """An encoded Span as a piece has it."""
    return frame(_SECOND, span)


class _Otlp:
    """See inspan.dialects.Dialect. A piece is a `Piece`."""

    path = TRACES
    content_type = "application/x-protobuf"

    def __repr__(self) -> str:
        return "<Dialect otlp>"

    def join(self, pieces: Sequence[Piece]) -> bytes:
        """An ExportTraceServiceRequest: each resource once, each scope once in it, spans in their order."""
        resources: dict[bytes, dict[bytes, list[bytes]]] = {}
        last, spans = None, list[bytes]()
        for origin, span in pieces:
            if origin is not last:
                last = origin
                spans = resources.setdefault(origin.resource, {}).setdefault(origin.scope, [])
            spans.append(span)
        return b"".join(frame(_FIRST, resource + _scopes(scopes)) for resource, scopes in resources.items())

    def refused(self, body: bytes) -> tuple[int, str]:
        """See Dialect.refused. Raises ValueError where the body is no ExportTraceServiceResponse."""
        if not body:
            return 0, ""
        try:
            found = ExportTraceServiceResponse.FromString(body).partial_success
        except DecodeError as error:
            raise ValueError(str(error)) from None
        return found.rejected_spans, found.error_message


OTLP: Final = _Otlp()


def _scopes(scopes: dict[bytes, list[bytes]]) -> bytes:
    return b"".join(frame(_SECOND, scope + b"".join(spans)) for scope, spans in scopes.items())
