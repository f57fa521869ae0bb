"""The same with SGP's asynchronous client, which may serve one event loop after the other."""

import asyncio
from datetime import UTC, datetime

import httpx
from scale_gp_beta import AsyncSGPClient

import inspan.sgp

http_client = httpx.AsyncClient(transport=inspan.sgp.Transport())
client = AsyncSGPClient(api_key="unused", account_id="unused", http_client=http_client)


async def turn(number: int) -> None:
    """One span, started and ended."""
    start = datetime.now(UTC).isoformat()
    end = datetime.now(UTC).isoformat()
    await client.spans.upsert_batch(
        items=[{"id": f"s{number}", "trace_id": "t1", "name": "turn", "start_timestamp": start, "end_timestamp": end}]
    )


asyncio.run(turn(1))
asyncio.run(turn(2))
