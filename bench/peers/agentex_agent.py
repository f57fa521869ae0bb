"""The same agent with the unmodified tracing of agentex-sdk. Run as `python -m bench.peers.agentex_agent` by a
Python that has it; target: the upstream's base URL.

As agents use it: AsyncTracer, the default AsyncSpanQueue and the SGP processor, at their defaults and what the
environment says, and at the end what the SDK's server does at its own.
"""

# mypy: disable-error-code="import-not-found"
from typing import Any

from agentex import AsyncAgentex
from agentex.lib.core.tracing.span_queue import get_default_span_queue, shutdown_default_span_queue
from agentex.lib.core.tracing.tracer import AsyncTracer
from agentex.lib.core.tracing.tracing_processor_manager import add_tracing_processor_config
from agentex.lib.types.tracing import SGPTracingProcessorConfig

from bench.contents import Contents
from bench.pace import Recorder, serve
from bench.schedule import Planned


class Agent:
    """Spans recorded with the SDK's tracer."""

    def __init__(self, tracer: AsyncTracer, spans: list[Planned], contents: Contents) -> None:
        self.tracer = tracer
        self.spans = spans
        self.contents = contents
        self.queue = get_default_span_queue()
        self.ids = [""] * len(spans)
        self.open: dict[int, Any] = {}

    def __repr__(self) -> str:
        return f"<Agent {len(self.open)} spans open, {self.queue.depth} events wait>"

    async def start(self, position: int) -> tuple[str, str]:
        """See Recorder.start."""
        planned, content = self.spans[position], self.contents[position]
        span = await self.tracer.trace(planned.trace_id).start_span(
            name=content.name,
            parent_id=None if planned.parent is None else self.ids[planned.parent],
            input=content.input,
            data=content.metadata,
        )
        self.ids[position] = span.id
        self.open[position] = span
        return planned.trace_id, span.id

    async def end(self, position: int) -> None:
        """See Recorder.end."""
        span = self.open.pop(position)
        span.output = self.contents[position].output
        await self.tracer.trace(span.trace_id).end_span(span)

    async def close(self, seconds: float) -> None:
        """See Recorder.close. The SDK's own default is 30 s."""
        await shutdown_default_span_queue(timeout=seconds)

    def said(self) -> dict[str, int]:
        """See Recorder.said. What its shutdown leaves behind is not among what it counts as dropped."""
        return {"dropped": self.queue.dropped_spans}


async def _make(target: str, spans: list[Planned], seed: int) -> Recorder:
    add_tracing_processor_config(
        SGPTracingProcessorConfig(sgp_api_key="unused", sgp_account_id="bench", sgp_base_url=target)
    )
    client = AsyncAgentex(base_url=target, api_key="unused")  # the tracer wants one, and asks it nothing here
    return Agent(AsyncTracer(client), spans, Contents(seed))


if __name__ == "__main__":
    serve("bench.peers.agentex_agent", _make)
