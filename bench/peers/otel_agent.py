"""The same agent with OpenTelemetry's SDK: its batch processor and its OTLP exporter at what the environment says.
Run as `python -m bench.peers.otel_agent`; target: the upstream's base URL.
"""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, set_span_in_context

from bench.contents import Contents
from bench.otel_ways import Counted
from bench.pace import Recorder, serve
from bench.schedule import Planned


class Agent:
    """Spans recorded with the SDK's tracer."""

    def __init__(self, target: str, spans: list[Planned], contents: Contents) -> None:
        self.counted = Counted(OTLPSpanExporter(f"{target}/v1/traces"))
        self.provider = TracerProvider(resource=Resource.create({"service.name": "bench"}))
        self.provider.add_span_processor(BatchSpanProcessor(self.counted))
        self.tracer = self.provider.get_tracer("bench")
        self.spans = spans
        self.contents = contents
        self.made: dict[int, Span] = {}
        self.ended = 0

    def __repr__(self) -> str:
        return f"<Agent {self.ended} spans ended>"

    async def start(self, position: int) -> tuple[str, str]:
        """See Recorder.start."""
        planned, content = self.spans[position], self.contents[position]
        parent = None if planned.parent is None else self.made.get(planned.parent)
        context = None if parent is None else set_span_in_context(parent)
        message = content.input["messages"][0]
        attributes = {"input.role": message["role"], "input.value": message["content"], **content.metadata}
        span = self.tracer.start_span(content.name, context, attributes=attributes)
        self.made[position] = span
        ids = span.get_span_context()
        return f"{ids.trace_id:032x}", f"{ids.span_id:016x}"

    async def end(self, position: int) -> None:
        """See Recorder.end."""
        span = self.made[position] if self.spans[position].parent is None else self.made.pop(position)
        output = self.contents[position].output
        span.set_attribute("output.value", output["content"])
        span.set_attribute("output.tokens", output["tokens"])
        span.end()
        self.ended += 1

    async def close(self, seconds: float) -> None:  # noqa: ARG002
        """See Recorder.close. The SDK's own 30 s: its processor cannot be told another time, and counts not what it
        leaves behind."""
        self.provider.shutdown()

    def said(self) -> dict[str, int]:
        """See Recorder.said. Of what its exporter gave up; what its queue had no room for it only logs."""
        return {"dropped": self.counted.failed}


async def _make(target: str, spans: list[Planned], seed: int) -> Recorder:
    return Agent(target, spans, Contents(seed))


if __name__ == "__main__":
    serve("bench.peers.otel_agent", _make)
