"""In place of the queue of `scale_gp_beta.lib.tracing`, which is a module that needs that SDK.

The SDK's own holds spans by reference until a thread looks at them, seconds later: a start has become its end by then,
one value that cannot be copied ends the thread, a forked process has none, and what the queue has no room for is
counted by nobody. Here a span is encoded when it starts and when it ends, as it is then.
"""

from typing import Any

from scale_gp_beta.lib.tracing import trace_queue_manager
from scale_gp_beta.lib.tracing.span import Span
from scale_gp_beta.lib.tracing.trace_queue_manager import TraceQueueManager

from inspan.client import Client
from inspan.shared import shared


def init(client: Client | None = None) -> Client:
    """Instead of `scale_gp_beta.lib.tracing.init`: spans made from now on are recorded with `client`. Returns it.

    client: default: one that all ways in of this process share. `DISABLE_SCALE_TRACING` disables as ever.
    """
    client = shared() if client is None else client
    trace_queue_manager._global_tracing_queue_manager = Straight(client)  # the SDK sets it once, and then no more
    return client


class Straight(TraceQueueManager):
    """The SDK's side of a client: also for `create_trace` and `create_span`, as their `queue_manager`."""

    def __init__(self, recorder: Client) -> None:
        super().__init__(worker_enabled=False)
        self.recorder = recorder

    def __repr__(self) -> str:
        return f"<Straight {self.recorder!r}>"

    def enqueue(self, span: Span) -> None:
        """Record it as it is. Never raises, never waits."""
        if span.start_time is None:
            self.recorder.life.lose("unencodable", f"span {span.name} was flushed before it started")
        else:
            self.recorder.record(_told(span))

    def export_now(self, span: Span) -> None:
        """Record it, and wait until the sidecar has it, as `Span.flush` says."""
        self.enqueue(span)
        self.recorder.flush()

    def flush_queue(self) -> None:
        """Wait until the sidecar has what was recorded, within the patience of `Client.flush`."""
        self.recorder.flush()


def _told(span: Span) -> dict[str, Any]:
    """As Span.to_request_params, without the deep copy: what is encoded at once cannot change."""
    told = {
        "name": span.name,
        "id": span.span_id,
        "trace_id": span.trace_id,
        "start_timestamp": span.start_time,
        "input": span.input,
        "output": span.output,
        "metadata": span.metadata,
        "status": span.status,
        "type": span.span_type,
    }
    more = (("end_timestamp", span.end_time), ("parent_id", span.parent_span_id), ("group_id", span.group_id))
    return told | {name: value for name, value in more if value is not None}
