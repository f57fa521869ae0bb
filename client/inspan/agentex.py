"""For agents built on AgentEx (`agentex-sdk`, which needs Python 3.12): `inspan.agentex.register()`, and that is all.

Spans look as the SDK's own SGP processor writes them. Each is recorded when it starts and when it ends: the two know
nothing of each other, so that an end may come in another process, and the sidecar makes one write of both.
"""

# mypy: disable-error-code="import-not-found, misc"
# The SDK is not there where the rest of this package is checked, and its classes are Any.

import asyncio
import contextlib
from typing import Any, Final, NamedTuple

from agentex.lib.core.tracing import code_revision, span_queue
from agentex.lib.core.tracing.processors.tracing_processor_interface import AsyncTracingProcessor, SyncTracingProcessor
from agentex.lib.core.tracing.span_error import get_span_error
from agentex.lib.core.tracing.span_queue import AsyncSpanQueue, SpanEventType
from agentex.lib.core.tracing.tracing_processor_manager import GLOBAL_TRACING_PROCESSOR_MANAGER
from agentex.lib.environment_variables import EnvironmentVariables
from agentex.types.span import Span

from inspan.client import PATIENCE, Client
from inspan.shared import shared

TYPE: Final = "inspan"  # in the SDK's registries, beside its own `sgp` and `agentex`


class Config(NamedTuple):
    """What the SDK makes both processors of; it reads the type alone."""

    client: Client
    type: str = TYPE


def register(client: Client | None = None) -> Client:
    """Record every span of the SDK's tracers, synchronous and asynchronous, from now on. Returns the client.

    Call it before the first span; again, and nothing changes. client: default: one that all ways in of this process
    share; `Client(starts=False)` records ends alone. The SDK's default queue is replaced by `Straight`, once. Raises
    what the SDK does where its own environment is not there (AGENT_NAME, ACP_URL).
    """
    for processor in GLOBAL_TRACING_PROCESSOR_MANAGER.get_sync_processors():
        if isinstance(processor, SyncProcessor):
            return processor.recorder.client
    config = Config(shared() if client is None else client)
    GLOBAL_TRACING_PROCESSOR_MANAGER.sync_config_registry[TYPE] = SyncProcessor
    GLOBAL_TRACING_PROCESSOR_MANAGER.async_config_registry[TYPE] = AsyncProcessor
    # Not set_processor_configs, which takes its lock twice and waits for itself (0.28.4).
    GLOBAL_TRACING_PROCESSOR_MANAGER.add_processor_config(config)
    span_queue._default_span_queue = Straight(config.client)
    return config.client


class Recorder:
    """Turns the SDK's spans into SGP's, and records them. Microseconds, no loop, and nothing raises."""

    def __init__(self, client: Client) -> None:
        self.client = client
        said = EnvironmentVariables.refresh()
        known = {
            "__acp_type__": said.ACP_TYPE,
            "__agent_name__": said.AGENT_NAME,
            "__agent_id__": said.AGENT_ID,
            "__agent_version__": said.AGENT_VERSION,
        }
        self.origin = {"__source__": "agentex", **{name: value for name, value in known.items() if value is not None}}

    def __repr__(self) -> str:
        return f"<Recorder {self.client!r}>"

    def start(self, span: Span) -> None:
        """A span that runs."""
        if self.client.starts:
            self._record(span, ended=False)

    def end(self, span: Span) -> None:
        """A span that is over."""
        self._record(span, ended=True)

    def _record(self, span: Span, *, ended: bool) -> None:
        try:
            told = self._told(span)
            if ended and span.end_time is not None:
                told["end_timestamp"] = span.end_time.isoformat()
        except Exception as error:  # noqa: BLE001  no span of the SDK's, and no concern of the agent's
            self.client.life.lose("unencodable", f"{type(error).__name__}: {error}")
        else:
            self.client.record(told)

    def _told(self, span: Span) -> dict[str, Any]:
        """As _build_sgp_span and to_request_params make it (agentex-sdk 0.28.4, scale-gp-beta 0.7.0), without writing
        into the agent's span, and without the parent and group of a trace of scale-gp-beta that happens to be open."""
        told = {
            "name": span.name,
            "id": span.id,
            "trace_id": span.trace_id,
            "start_timestamp": span.start_time.isoformat(),
            "input": span.input or {},
            "output": span.output or {},
            "metadata": self._metadata(span),
            "status": "SUCCESS",
            "type": "STANDALONE",
        }
        if isinstance(span.data, dict):
            told["type"] = str(span.data.get("__span_type__", "STANDALONE"))
        error = get_span_error(span)
        if error is not None:
            told["status"] = "ERROR"
            told["metadata"] |= {
                "error": True,
                "error_type": error.get("type") or None,
                "error_message": error.get("message") or None,
                "error_category": error.get("category", "unknown"),
            }
        if span.parent_id:
            told["parent_id"] = span.parent_id
        return told

    def _metadata(self, span: Span) -> Any:
        if isinstance(span.data, list):
            return span.data or {}  # nowhere to put a name
        metadata = {**(span.data or {}), **self.origin}
        commit = code_revision.commit_sha()
        if commit is not None:
            metadata[code_revision.COMMIT_SHA_KEY] = commit
        return metadata


class SyncProcessor(SyncTracingProcessor):
    """For the SDK's Tracer."""

    def __init__(self, config: Config) -> None:
        self.recorder = Recorder(config.client)

    def on_span_start(self, span: Span) -> None:
        """See SyncTracingProcessor."""
        self.recorder.start(span)

    def on_span_end(self, span: Span) -> None:
        """See SyncTracingProcessor."""
        self.recorder.end(span)

    def shutdown(self) -> None:
        """Wait until the sidecar has what was recorded, PATIENCE seconds at most. The SDK calls it on a thread."""
        self.recorder.client.flush(PATIENCE)


class AsyncProcessor(AsyncTracingProcessor):
    """For the SDK's AsyncTracer. Its methods await nothing."""

    def __init__(self, config: Config) -> None:
        self.recorder = Recorder(config.client)

    async def on_span_start(self, span: Span) -> None:
        """See AsyncTracingProcessor."""
        self.recorder.start(span)

    async def on_span_end(self, span: Span) -> None:
        """See AsyncTracingProcessor."""
        self.recorder.end(span)

    async def on_spans_start(self, spans: list[Span]) -> None:
        """See AsyncTracingProcessor."""
        for span in spans:
            self.recorder.start(span)

    async def on_spans_end(self, spans: list[Span]) -> None:
        """See AsyncTracingProcessor."""
        for span in spans:
            self.recorder.end(span)

    async def shutdown(self) -> None:
        """Wait until the sidecar has what was recorded, PATIENCE seconds at most, while the loop goes on."""
        await _flush(self.recorder.client)


class Straight(AsyncSpanQueue):
    """The SDK's queue for the processors of others; ours are told at once. client: flushed when it is shut down.

    The SDK's own is bound to the loop of its first span, and a task of that loop empties it: a second loop, or one that
    ends early, loses spans that nobody counts (0.28.4).
    """

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.client = client

    def enqueue(self, event_type: SpanEventType, span: Span, processors: list[AsyncTracingProcessor]) -> None:
        """See AsyncSpanQueue."""
        others = []
        for processor in processors:
            if isinstance(processor, AsyncProcessor):
                record = processor.recorder.start if event_type == SpanEventType.START else processor.recorder.end
                record(span)
            else:
                others.append(processor)
        if others:
            super().enqueue(event_type, span, others)

    async def shutdown(self, timeout: float = 30.0) -> None:
        """See AsyncSpanQueue: what the SDK's server calls at its end."""
        await asyncio.gather(super().shutdown(timeout), _flush(self.client))


async def _flush(client: Client) -> None:
    with contextlib.suppress(TimeoutError):
        # The second bound is for an agent that keeps all threads of its loop busy.
        await asyncio.wait_for(asyncio.to_thread(client.flush, PATIENCE), PATIENCE)
