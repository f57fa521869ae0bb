"""An agent with OpenTelemetry's SDK: its spans go to the sidecar when they end, with one queue and an account of it."""

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from inspan.otel import SpanProcessor

processor = SpanProcessor()
provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
provider.add_span_processor(processor)
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("shop.agent", "1.0")

with tracer.start_as_current_span("agent.turn", attributes={"question": "llamas"}) as turn:
    with tracer.start_as_current_span("llm.chat") as call:
        call.set_attribute("gen_ai.usage.output_tokens", 3)
    turn.set_attribute("answer", "They hum.")

print(provider.force_flush(), processor.client.stats())
