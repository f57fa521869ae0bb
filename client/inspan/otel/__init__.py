"""OpenTelemetry's ways in: a span processor, an exporter, and a session for programs that are configured from outside.

Needs the extra `otel`; `import inspan` does not come here.
"""

try:
    from inspan.otel.exporter import SpanExporter
    from inspan.otel.processor import SpanProcessor
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"{error}: this needs pip install 'inspan[otel]'", name=error.name) from error

__all__ = ["SpanExporter", "SpanProcessor"]
