"""Scenes with the real agentex-sdk. A program for a Python that has it: SCENE SOCKET; its last line is JSON."""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator"
import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import agentex.lib.core.tracing.tracing_processor_manager as manager
from agentex import Agentex, AsyncAgentex
from agentex.lib.core.tracing import code_revision, span_queue
from agentex.lib.core.tracing.processors.sgp_tracing_processor import SGPAsyncTracingProcessor
from agentex.lib.core.tracing.processors.tracing_processor_interface import AsyncTracingProcessor
from agentex.lib.core.tracing.tracer import AsyncTracer, Tracer
from agentex.lib.types.tracing import SGPTracingProcessorConfig
from agentex.types.span import Span
from agentex_samples import Catching, samples  # beside this program

import inspan
import inspan.agentex

Said = dict[str, Any]
Scene = Callable[[inspan.Client], Said]
SCENES: dict[str, Scene] = {}


def scene(play: Scene) -> Scene:
    SCENES[play.__name__] = play
    return play


def tracer() -> AsyncTracer:
    return AsyncTracer(AsyncAgentex(base_url="http://127.0.0.1:9", api_key="unused"))


async def turns(count: int, **span: Any) -> None:
    trace = tracer().trace("task-1")
    for number in range(count):
        async with trace.span(f"turn {number}", **span) as each:
            each.output = {"number": number}


@scene
def two_loops(client: inspan.Client) -> Said:
    """Each loop ends right after its last span."""
    asyncio.run(turns(3))
    asyncio.run(turns(3))
    threads = [threading.Thread(target=lambda: asyncio.run(turns(3))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    return {"spans": 18}


@scene
def synchronous(client: inspan.Client) -> Said:
    """The SDK's Tracer, and its shutdown by the SDK."""
    trace = Tracer(Agentex(base_url="http://127.0.0.1:9", api_key="unused")).trace("task-1")
    for number in range(5):
        with trace.span(f"turn {number}"):
            pass
    asyncio.run(manager.shutdown_sync_tracing_processors(5.0))
    return {"queued": client.stats().queued}


@scene
def start_alone(client: inspan.Client) -> Said:
    """The end comes in another process; see `end_alone`."""

    async def start() -> Any:
        return await tracer().trace("task-1").start_span("step", input={"a": 1})

    span = asyncio.run(start())
    client.close()
    return {"span": json.loads(span.model_dump_json())}


@scene
def end_alone(client: inspan.Client) -> Said:
    """Of a span that another process started, which is handed over as the SDK does: as its model."""
    span = Span.model_validate_json(os.environ["SCENE_SPAN"])
    span.output = {"b": 2}
    asyncio.run(end(span))
    client.close()
    return {}


async def end(span: Span) -> None:
    await tracer().trace(span.trace_id).end_span(span)


@scene
def odd_values(client: inspan.Client) -> Said:
    """Values that no JSON has, in spans that nobody copies and checks before."""
    (processor,) = manager.get_sync_tracing_processors()
    for number, value in enumerate((object(), float("nan"), "\ud800", threading.Lock(), b"\xff", 1)):
        span = Span(
            id=f"s{number}", name="n", start_time=datetime.now(UTC), trace_id="t", input={"value": 1, "i": number}
        )
        span.input["value"] = value
        processor.on_span_start(span)
        span.end_time = datetime.now(UTC)
        processor.on_span_end(span)
    processor.on_span_end(object())
    processor.on_span_end(Span.construct(id="s", name="n"))
    client.close()
    return {"dropped": client.stats().dropped, "recorded": client.stats().recorded}


@scene
def prompts(client: inspan.Client) -> Said:
    """50 KB each, and no sidecar."""
    asyncio.run(turns(200, input={"text": "x" * 50_000}))
    stats = client.stats()
    client.close(0.2)
    return {
        "recorded": stats.recorded,
        "queued": stats.queued,
        "full": stats.dropped["buffer_full"],
        "held": stats.held_bytes,
        "most": stats.max_bytes,
        "exit": client.stats().dropped["exit"],
    }


@scene
def shutdown(client: inspan.Client) -> Said:
    """As the SDK's server ends, where no sidecar answers."""

    async def serve() -> tuple[float, float]:
        await turns(3)
        begin, ticks, longest = time.monotonic(), time.monotonic(), 0.0
        ending = asyncio.create_task(span_queue.shutdown_default_span_queue())
        while not ending.done():
            await asyncio.sleep(0.005)
            longest, ticks = max(longest, time.monotonic() - ticks), time.monotonic()
        return time.monotonic() - begin, longest

    took, longest = asyncio.run(serve())
    return {"took": took, "longest": longest, "queued": client.stats().queued}


@scene
def ends_only(client: inspan.Client) -> Said:
    """As `Client(starts=False)` says, for agents whose spans nobody wants to see running."""
    client.starts = False
    asyncio.run(turns(2))
    return {"ended": ["end_timestamp" in json.loads(piece) for _, piece, _ in client.life.buffer.take(1 << 30)]}


@scene
def registered_again(client: inspan.Client) -> Said:
    """By two parts of an agent that do not know each other, beside a processor of somebody else."""
    others: list[str] = []

    class Other(AsyncTracingProcessor):
        def __init__(self, config: object) -> None: ...

        async def on_span_start(self, span: Span) -> None:
            others.append(f"start {span.name}")

        async def on_span_end(self, span: Span) -> None:
            others.append(f"end {span.name}")

        async def shutdown(self) -> None: ...

    same = inspan.agentex.register() is client
    manager.GLOBAL_TRACING_PROCESSOR_MANAGER.async_processors.append(Other(None))

    async def agent() -> None:
        await turns(2)
        await span_queue.shutdown_default_span_queue()

    asyncio.run(agent())
    client.close()
    return {"same": same, "others": others, "recorded": client.stats().recorded}


@scene
def as_the_sdk(client: inspan.Client) -> Said:
    """The same spans through the SDK's unmodified SGP processor, over HTTP to a server of our own, and through ours."""
    server = HTTPServer(("127.0.0.1", 0), Catching)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["AGENTEX_TRACING_SKIP_SPAN_START"] = "0"
    sgp = SGPAsyncTracingProcessor(
        SGPTracingProcessorConfig(
            sgp_api_key="k", sgp_account_id="a", sgp_base_url=f"http://127.0.0.1:{server.server_port}"
        )
    )
    (ours,) = manager.get_async_tracing_processors()

    async def both() -> list[Said]:
        for commit in (None, "0123456789abcdef"):
            code_revision.disable() if commit is None else code_revision.enable(commit)
            starts, ends = list(samples()), list(samples(ended=True))
            await ours.on_spans_start([span.model_copy(deep=True) for span in starts])
            await sgp.on_spans_start(starts)
            await ours.on_spans_end([span.model_copy(deep=True) for span in ends])
            await sgp.on_spans_end(ends)
        return [json.loads(piece) for _, piece, _ in client.life.buffer.take(1 << 30)]

    mine = asyncio.run(both())
    server.shutdown()
    return {"sdk": [item for body in Catching.bodies for item in body["items"]], "ours": mine}


if __name__ == "__main__":
    name, socket = sys.argv[1:]
    made = inspan.Client(Path(socket), service="scenes")
    assert inspan.agentex.register(made) is made
    print(json.dumps(SCENES[name](made)))
