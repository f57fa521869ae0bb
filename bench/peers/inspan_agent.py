"""An agent beside inspan: records spans with its client. Run as `python -m bench.peers.inspan_agent`.

Target: the socket's path, or `nowhere`, which records nothing and shows what following the schedule costs.
"""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import inspan
from bench.contents import AGENT, Contents
from bench.pace import Recorder, serve
from bench.schedule import Planned


class Nowhere:
    """Records nothing."""

    async def start(self, position: int) -> tuple[str, str]:
        return "", str(position)

    async def end(self, position: int) -> None:
        pass

    async def close(self, seconds: float) -> None:
        pass

    def said(self) -> dict[str, int]:
        return {}


class Agent:
    """Spans as the SGP processor of agentex-sdk writes them, handed on. record: what they are handed to."""

    def __init__(self, record: Callable[[dict[str, Any]], object], spans: list[Planned], contents: Contents) -> None:
        self.record = record
        self.spans = spans
        self.contents = contents
        self.ids = [""] * len(spans)
        self.open: dict[int, dict[str, Any]] = {}

    def __repr__(self) -> str:
        return f"<Agent {len(self.open)} spans open>"

    async def start(self, position: int) -> tuple[str, str]:
        """See Recorder.start."""
        planned, content = self.spans[position], self.contents[position]
        self.ids[position] = str(uuid.uuid4())
        span: dict[str, Any] = {
            "name": content.name,
            "id": self.ids[position],
            "trace_id": planned.trace_id,
            "start_timestamp": datetime.now(UTC).isoformat(),
            "input": content.input,
            "output": {},
            "metadata": content.metadata | AGENT,
            "status": "SUCCESS",
            "type": content.kind,
        }
        if planned.parent is not None:
            span["parent_id"] = self.ids[planned.parent]
        self.open[position] = span
        self.record(span)
        return planned.trace_id, self.ids[position]

    async def end(self, position: int) -> None:
        """See Recorder.end."""
        span = self.open.pop(position)
        span["output"] = self.contents[position].output
        span["end_timestamp"] = datetime.now(UTC).isoformat()
        self.record(span)


class Client(Agent):
    """They go to the sidecar."""

    def __init__(self, target: str, spans: list[Planned], contents: Contents) -> None:
        self.client = inspan.Client(target, service="bench")
        super().__init__(self.client.record, spans, contents)

    async def close(self, seconds: float) -> None:
        """See Recorder.close. The loop waits meanwhile: the load is over."""
        self.client.close(timeout=seconds)

    def said(self) -> dict[str, int]:
        """See Recorder.said."""
        stats = self.client.stats()
        return {"dropped": sum(stats.dropped.values()), "reposts": stats.reposts}


async def _make(target: str, spans: list[Planned], seed: int) -> Recorder:
    if target == "nowhere":
        return Nowhere()
    return Client(target, spans, Contents(seed))


if __name__ == "__main__":
    serve("bench.peers.inspan_agent", _make)
