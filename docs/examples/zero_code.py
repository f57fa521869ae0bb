"""An agent that knows OpenTelemetry's API and nothing of inspan. To send its spans to the sidecar:

OTEL_SERVICE_NAME=shop OTEL_TRACES_EXPORTER=otlp OTEL_METRICS_EXPORTER=none OTEL_LOGS_EXPORTER=none \
OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER=inspan \
opentelemetry-instrument python zero_code.py
"""

from opentelemetry import trace

tracer = trace.get_tracer("shop.agent", "1.0")

with tracer.start_as_current_span("agent.turn", attributes={"question": "llamas"}) as turn:
    with tracer.start_as_current_span("llm.chat") as call:
        call.set_attribute("gen_ai.usage.output_tokens", 3)
    turn.set_attribute("answer", "They hum.")
