"""Spans that come one a request and change: AgentEx's. What is known of a span, and a request, make the whole span."""

from collections.abc import Callable
from typing import Final
from uuid import uuid4

from inspan_collector.receiver.dialects import Reading, agentex
from inspan_collector.receiver.patchable import Patchable

FORGOTTEN: Final = (
    "more open spans than are kept for PATCH: one was forgotten, and a PATCH that does not say its trace_id, name and "
    "start_time will be answered 404; post ends whole (agentex-sdk does by default)"
)


class Singles:
    """From a request to the whole span, and what is kept of it once it is taken. note: see Door."""

    def __init__(self, note: Callable[[str, str, str], None]) -> None:
        self.patchable = Patchable(lambda: note("forgotten", agentex.name, FORGOTTEN))

    def __repr__(self) -> str:
        return f"<Singles {self.patchable!r}>"

    def read(self, path: str, body: bytes) -> Reading:
        """Understand a POST or a PATCH by its path. Nothing is kept yet.

        Errors: MalformedChunk, UnknownSpan.
        """
        span_id = agentex.span_of(path)
        if span_id is None:
            return agentex.read(agentex.JSON, body, lambda: str(uuid4()))
        return agentex.read_update(body, span_id, self.patchable.find(span_id))

    def keep(self, reading: Reading) -> None:
        """It was taken."""
        head = reading.scan.heads[0]
        self.patchable.keep(head.id, reading.span, ended=head.end_timestamp is not None)
