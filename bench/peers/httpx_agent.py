"""The same agent with no queue at all: each start and each end is a request of its own, as soon as it is there. Run as
`python -m bench.peers.httpx_agent`; target: the upstream's base URL.

Connections are not kept. An end waits for its own start, and for nothing else: the agent goes on meanwhile.
"""

import asyncio
import json
import os
from typing import Any, Final

import httpx

from bench.contents import Contents
from bench.pace import Recorder, serve
from bench.peers.inspan_agent import Agent
from bench.schedule import Planned

MOST: Final = int(os.environ.get("BENCH_HTTPX_MOST", "100"))  # requests at once; httpx's default
TIMEOUT: Final = 5.0  # s; httpx's default, which a request that finds no connection free in that time meets as well
JSON: Final = {"content-type": "application/json"}


class Direct(Agent):
    """They go to the upstream, one by one."""

    def __init__(self, target: str, spans: list[Planned], contents: Contents) -> None:
        limits = httpx.Limits(max_connections=MOST, max_keepalive_connections=0)
        self.http = httpx.AsyncClient(base_url=target, limits=limits, timeout=TIMEOUT, trust_env=False)
        self.out: set[asyncio.Task[None]] = set()
        self.latest: dict[str, asyncio.Task[None]] = {}
        self.dropped = 0
        super().__init__(self._begin, spans, contents)

    def __repr__(self) -> str:
        return f"<Direct {len(self.out)} copies on their way, {self.dropped} dropped>"

    async def close(self, seconds: float) -> None:
        """See Recorder.close."""
        if self.out:
            _, left = await asyncio.wait(self.out, timeout=seconds)
            self.dropped += len(left)

    def said(self) -> dict[str, int]:
        """See Recorder.said."""
        return {"dropped": self.dropped}

    def _begin(self, span: dict[str, Any]) -> None:
        """Encoded now: the agent goes on to change it."""
        key, body = span["id"], json.dumps({"items": [span]}).encode()
        sent = asyncio.create_task(self._send(body, self.latest.pop(key, None)))
        self.out.add(sent)
        sent.add_done_callback(self.out.discard)
        if "end_timestamp" not in span:
            self.latest[key] = sent

    async def _send(self, body: bytes, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await before
        try:
            answer = await self.http.put("/v5/spans/batch", content=body, headers=JSON)
            self.dropped += not answer.is_success
        except httpx.HTTPError:
            self.dropped += 1


async def _make(target: str, spans: list[Planned], seed: int) -> Recorder:
    return Direct(target, spans, Contents(seed))


if __name__ == "__main__":
    serve("bench.peers.httpx_agent", _make)
