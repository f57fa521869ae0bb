"""The messages that are written: OTLP's, in which what is written once and spliced often is `bytes`.

Texts are `bytes` too: on the wire both are the same, and what is UTF-8 already needs no decoding. Source:
opentelemetry-proto, collector/trace/v1/trace_service.proto and trace/v1/trace.proto.
"""

from typing import Any, Final

from inspan_collector.formats.descriptors import message_classes

TABLE: Final = """
Request: resource_spans 1 *ResourceSpans
ResourceSpans: resource 1 Resource, scope_spans 2 *ScopeSpans
Resource: attributes 1 *bytes
ScopeSpans: scope 1 Scope, spans 2 *bytes
Scope: name 1 bytes, version 2 bytes
Span: trace_id 1 bytes, span_id 2 bytes, parent_span_id 4 bytes, name 5 bytes, kind 6 int32, \
start_time_unix_nano 7 fixed64, end_time_unix_nano 8 fixed64, attributes 9 *bytes, status 15 Status
Status: message 2 bytes, code 3 int32
"""

CLASSES: Final[dict[str, Any]] = message_classes(TABLE)
