// An agent in Node.js: OpenTelemetry's SDK with its OTLP/HTTP JSON exporter, over TCP to a sidecar that has `listen:`.
//
//     npm ci && OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:4318/v1/traces node agent.mjs 10
//
// It makes so many turns of three spans each, prints each span that ended, one JSON object a line, and waits at its end
// for the exporter.
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

// What reaches the sidecar can be compared with what the agent itself has seen.
const told = {
  onStart() {},
  onEnd(span) {
    const { traceId, spanId } = span.spanContext();
    const parentId = span.parentSpanContext?.spanId ?? '';
    const status = span.status.message ?? '';
    const events = span.events.map((event) => event.name);
    console.log(JSON.stringify({ traceId, spanId, parentId, name: span.name, attributes: span.attributes, status, events }));
  },
  async forceFlush() {},
  async shutdown() {},
};

const provider = new TracerProvider({
  resource: resourceFromAttributes({ 'service.name': 'node-agent' }),
  spanProcessors: [told, new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
});
context.setGlobalContextManager(new AsyncLocalStorageContextManager());
trace.setGlobalTracerProvider(provider);
const tracer = trace.getTracer('agent', '1.0');

// Runs `body` in a span of its own, which is the parent of those that `body` opens.
function within(name, options, body) {
  return tracer.startActiveSpan(name, options, async (span) => {
    try {
      return await body(span);
    } catch (error) {
      span.recordException(error);
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    } finally {
      span.end();
    }
  });
}

function chat(turn) {
  const attributes = { 'gen_ai.request.model': 'made-up', 'gen_ai.request.temperature': 0.5, 'input.value': `turn ${turn} ☃` };
  return within('llm.chat', { kind: SpanKind.CLIENT, attributes }, async (span) => {
    span.addEvent('first token', { index: 0 });
    span.setAttributes({ 'gen_ai.usage.output_tokens': turn, 'gen_ai.response.finish_reasons': ['stop'], streamed: true });
  });
}

function tool(turn) {
  return within('tool.call', { attributes: { 'input.value': `{"turn":${turn}}` } }, async () => {
    if (turn % 5 === 0) throw new Error('the tool is out of order');
  });
}

const turns = Number(process.argv[2] ?? 10);
for (let turn = 0; turn < turns; turn += 1) {
  await within('agent.turn', { attributes: { turn } }, async () => {
    await chat(turn);
    await tool(turn);
  });
}
await provider.shutdown();
