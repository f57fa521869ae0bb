"""The body of an OTLP post, taken apart into spans."""

import zlib
from collections.abc import Iterator
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from inspan.dialects import Entry
from inspan.encoding import Unencodable
from inspan.otel.dialect import OTLP, Origin, framed
from inspan.otel.encoding import without
from inspan.otel.origins import Origins

_COMPRESSED: Final = frozenset({"gzip", "deflate"})  # what the SDK's exporter may be configured to do
_ANY_HEAD: Final = 47  # wbits of zlib: the largest window, 15, and 32 to tell gzip (RFC 1952) from zlib (RFC 1950)


class Posted:
    """Takes bodies apart. Each resource and scope is kept once, however many bodies have it."""

    __slots__ = ("_origins",)

    def __init__(self) -> None:
        self._origins = Origins()

    def __repr__(self) -> str:
        return f"<Posted {self._origins!r}>"

    def entries(self, body: bytes, encoding: str) -> list[Entry]:
        """Its spans. encoding: the value of Content-Encoding. Raises Unencodable where it is no such post."""
        return list(self._entries(_request(body, encoding)))

    def _entries(self, request: ExportTraceServiceRequest) -> Iterator[Entry]:
        for resource in request.resource_spans:
            scopes = [
                ([framed(span.SerializeToString()) for span in scope.spans], without(scope, "spans"))
                for scope in resource.scope_spans
            ]
            alone = without(resource, "scope_spans")
            for spans, scope in scopes:
                key = (alone, scope)
                origin = self._origins.find(key) or self._origins.add(key, Origin(alone, scope))
                yield from ((OTLP, (origin, span), len(span)) for span in spans)


def _request(body: bytes, encoding: str) -> ExportTraceServiceRequest:
    try:
        plain = zlib.decompress(body, _ANY_HEAD) if encoding in _COMPRESSED else body
        return ExportTraceServiceRequest.FromString(plain)
    except (zlib.error, DecodeError) as error:
        raise Unencodable(f"{type(error).__name__}: {error}") from None
