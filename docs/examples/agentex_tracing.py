"""An agent's tracing of AgentEx, its spans recorded as they start and end. Needs inspan[agentex]."""

import asyncio

from agentex import AsyncAgentex
from agentex.lib.core.tracing.tracer import AsyncTracer

import inspan.agentex

inspan.agentex.register()
tracer = AsyncTracer(AsyncAgentex(api_key="unused"))


async def turn(task: str) -> None:
    """One span below another."""
    trace = tracer.trace(task)
    async with (
        trace.span("agent.turn", input={"text": "hi"}) as above,
        trace.span("llm.chat", parent_id=above.id if above else None, data={"__span_type__": "COMPLETION"}) as span,
    ):
        if span:
            span.output = {"text": "hello"}


asyncio.run(turn("task-1"))
