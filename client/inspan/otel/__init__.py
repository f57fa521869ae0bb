"""OpenTelemetry's ways in: a span processor, an exporter, and a session for programs that are configured from outside.

Needs the extra `otel`; `import inspan` does not come here.
"""

from inspan.otel.exporter import SpanExporter
from inspan.otel.processor import SpanProcessor

__all__ = ["SpanExporter", "SpanProcessor"]
