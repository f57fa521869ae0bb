"""Scenes with the unmodified agentex-sdk, whose API is a sidecar. A program for a Python that has it: SCENE SOCKET.

Its last line is JSON. Over TCP the SDK finds the sidecar by AGENTEX_BASE_URL, and by nothing else.
"""

# mypy: disable-error-code="import-not-found, misc"
import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from http.server import HTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "client"))

import agentex.lib.core.tracing.tracing_processor_manager as manager
import httpx
from agentex import Agentex, APIStatusError, AsyncAgentex
from agentex.lib.core.tracing import span_queue
from agentex.lib.core.tracing.processors.agentex_tracing_processor import AgentexAsyncTracingProcessor, _create_kwargs
from agentex.lib.core.tracing.processors.sgp_tracing_processor import SGPAsyncTracingProcessor
from agentex.lib.core.tracing.tracer import AsyncTracer, Tracer
from agentex.lib.types.tracing import AgentexTracingProcessorConfig, SGPTracingProcessorConfig
from agentex_samples import Catching, samples

Said = dict[str, Any]
START = "2026-05-04T03:02:01+00:00"


def over_socket(path: str, **more: Any) -> AsyncAgentex:
    transport = httpx.AsyncHTTPTransport(uds=path)
    return AsyncAgentex(
        base_url="http://sidecar", api_key="S3CRET", http_client=httpx.AsyncClient(transport=transport), **more
    )


async def refusal(call: Any) -> Said:
    """What the SDK makes of a call that fails."""
    try:
        await call
    except APIStatusError as error:
        return {"kind": type(error).__name__, "status": error.status_code, "body": error.body}
    return {}


async def client(socket: str) -> Said:
    """Everything that the client can ask of a span."""
    async with over_socket(socket, max_retries=0) as api:
        made = await api.spans.create(name="n", start_time=START, trace_id="t", input={"a": 1}, data={"x": 1})
        changed = await api.spans.update(made.id, end_time=START, output={"b": 2}, data={"y": 2})
        listed = await api.spans.create(name="l", start_time=START, trace_id="t", id="a/b ☃", input=[{"a": 1}])
        ended = await api.spans.update("a/b ☃", end_time=START)
        return {
            "spans": [json.loads(span.model_dump_json()) for span in (made, changed, listed, ended)],
            "unknown": await refusal(api.spans.update("nobody", output={"b": 2})),
            "wrong": await refusal(api.spans.create(name="n", start_time="yesterday", trace_id="t")),
            "retrieve": await refusal(api.spans.retrieve(made.id)),
            "list": await refusal(api.spans.list(trace_id="t")),
        }


async def many(socket: str) -> Said:
    """500 posts of one span each, from twenty tasks."""
    async with over_socket(socket) as api:
        began = time.monotonic()

        async def some(numbers: range) -> None:
            for number in numbers:
                await api.spans.create(
                    id=f"s{number}", name="n", start_time=START, end_time=START, trace_id="t", input={"number": number}
                )

        await asyncio.gather(*(some(range(first, 500, 20)) for first in range(20)))
        return {"took": time.monotonic() - began}


async def tracers(_: str) -> Said:
    """The SDK's own AgentEx processor behind both of its tracers; AGENTEX_TRACING_SKIP_AGENTEX_SPAN_START as given."""
    manager.add_tracing_processor_config(AgentexTracingProcessorConfig())
    await asyncio.to_thread(synchronous)
    trace = AsyncTracer(AsyncAgentex()).trace("async")
    for number in range(20):
        async with (
            trace.span(f"a{number}", input={"number": number}, data={"__span_type__": "COMPLETION"}) as above,
            trace.span(f"b{number}", parent_id=above.id, task_id="task") as below,
        ):
            below.output = {"number": number}
    await span_queue.shutdown_default_span_queue()
    return {"dropped": span_queue.get_default_span_queue().dropped_spans}


def synchronous() -> None:
    trace = Tracer(Agentex()).trace("sync")
    for number in range(20):
        try:
            with trace.span(f"s{number}", input={"number": number}) as span:
                span.output = {"number": number}
                if number % 2:
                    raise ValueError("raised")
        except ValueError:
            continue


async def as_sgp(socket: str) -> Said:
    """The same spans through the SDK's SGP processor, to a server of our own, and through its client to the sidecar."""
    server = HTTPServer(("127.0.0.1", 0), Catching)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["AGENTEX_TRACING_SKIP_SPAN_START"] = "0"
    sgp = SGPAsyncTracingProcessor(
        SGPTracingProcessorConfig(
            sgp_api_key="k", sgp_account_id="a", sgp_base_url=f"http://127.0.0.1:{server.server_port}"
        )
    )
    ended = os.environ["SCENE_ENDED"] == "1"
    async with over_socket(socket) as api:
        for span in samples(ended=ended):
            await api.spans.create(**_create_kwargs(span))
    await sgp.on_spans_end([*samples(ended=True)]) if ended else await sgp.on_spans_start([*samples()])
    server.shutdown()
    return {"sdk": [span for body in Catching.bodies for span in body["items"]]}


async def as_patched(_: str) -> Said:
    """Starts and ends of spans in every shape, as the SDK's processor posts and patches them."""
    processor = AgentexAsyncTracingProcessor(AgentexTracingProcessorConfig())
    for span in samples():
        await processor.on_span_start(span)
    for span in samples(ended=True):
        await processor.on_span_end(span)
    return {"spans": [json.loads(span.model_dump_json()) for span in samples(ended=True)]}


SCENES: dict[str, Callable[[str], Any]] = {
    scene.__name__: scene for scene in (client, many, tracers, as_sgp, as_patched)
}

if __name__ == "__main__":
    name, path = sys.argv[1:]
    print(json.dumps(asyncio.run(SCENES[name](path))))
