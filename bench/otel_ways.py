"""Recording a span with OpenTelemetry's tracer, to whatever its provider has. See `bench.ways`."""

from collections.abc import Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

import inspan
from bench.contents import AGENT, Contents
from bench.ways import PATIENCE, SEED, TEXT, Counts


class Counted(SpanExporter):
    """An exporter, and how many spans it says were taken or given up."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.exporter = exporter
        self.taken = 0
        self.failed = 0

    def __repr__(self) -> str:
        return f"<Counted {self.taken} taken, {self.failed} failed>"

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export, and count."""
        result = self.exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.taken += len(spans)
        else:
            self.failed += len(spans)
        return result

    def shutdown(self) -> None:
        """Close it."""
        self.exporter.shutdown()


class Traced:
    """The tracer, at the SDK's defaults. processor: where ended spans go."""

    def __init__(self, processor: SpanProcessor) -> None:
        self.provider = TracerProvider(resource=Resource.create({"service.name": "bench"}))
        self.provider.add_span_processor(processor)
        self.start = self.provider.get_tracer("bench").start_as_current_span
        self.contents = Contents(SEED, TEXT, TEXT)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.provider!r}>"

    def prepare(self, number: int) -> tuple[str, dict[str, Any], str]:
        """What the span says: as much as in JSON, in attributes, which may not be nested."""
        content = self.contents[number]
        said = {"input.role": "user", "input.value": content.input["messages"][0]["content"], **content.metadata}
        return content.name, said | AGENT, content.output["content"]

    def record(self, prepared: tuple[str, dict[str, Any], str]) -> None:
        """See Way."""
        name, said, output = prepared
        with self.start(name, attributes=said) as span:
            span.set_attribute("output.value", output)

    def flush(self) -> None:
        """See Way."""
        self.provider.force_flush(int(PATIENCE * 1000))


class Exported(Traced):
    """By an exporter under the batch processor."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.counted = Counted(exporter)
        super().__init__(BatchSpanProcessor(self.counted))

    def counts(self) -> Counts:
        """See Way. What the processor's queue had no room for is in no count of the SDK's."""
        return Counts(self.counted.taken, self.counted.failed)


class Kept(Traced):
    """By a client of inspan's, at the end of whatever the provider has."""

    def __init__(self, client: inspan.Client, processor: SpanProcessor) -> None:
        super().__init__(processor)
        self.client = client

    def flush(self) -> None:
        """See Way. The provider first: it may hold spans that the client has not seen."""
        super().flush()
        self.client.flush(timeout=PATIENCE)

    def counts(self) -> Counts:
        """See Way."""
        stats = self.client.stats()
        return Counts(stats.accepted, sum(stats.dropped.values()))


def over_http(target: str) -> Exported:
    """The SDK as it comes. target: a URL."""
    return Exported(OTLPSpanExporter(target))


def with_our_processor(target: str) -> Kept:
    """In place of the SDK's. target: the socket's path."""
    from inspan.otel import SpanProcessor

    client = inspan.Client(target, service="bench")
    return Kept(client, SpanProcessor(client))


def with_our_exporter(target: str) -> Kept:
    """Under the SDK's batch processor. target: the socket's path."""
    from inspan.otel import SpanExporter

    client = inspan.Client(target, service="bench")
    return Kept(client, BatchSpanProcessor(SpanExporter(client)))
