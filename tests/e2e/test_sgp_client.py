"""The unmodified scale-gp-beta client over the unix socket, into a sink that speaks SGP's published contract."""

import asyncio
import contextlib
import json
import random
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from scale_gp_beta import AsyncSGPClient, PermissionDeniedError, RateLimitError
from scale_gp_beta.types.span_create_param import SpanCreateParam
from tests.sidecar import Sidecar

from inspan_collector.sink.behaviour import Behaviour
from inspan_collector.sink.server import Sink

START = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
PATIENCE = 20.0  # s
DELIVERED = 'inspan_spans_delivered_total{destination="sgp"}'


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink(api_key="the sidecar's key", keep=True) as made:
        yield made


def environ(sink: Sink, **more: str) -> dict[str, str]:
    """All that configures the sidecar's destination."""
    return {
        "SGP_API_KEY": "the sidecar's key",
        "SGP_ACCOUNT_ID": "account-1",
        "SGP_CLIENT_BASE_URL": sink.url,
        **more,
    }


@contextlib.asynccontextmanager
async def agent(socket: Path, account: str = "account-1") -> AsyncIterator[AsyncSGPClient]:
    """The client as an agent makes it: a transport for the socket, and a key that opens nothing upstream."""
    transport = httpx.AsyncHTTPTransport(uds=str(socket))
    async with (
        httpx.AsyncClient(transport=transport) as http,
        AsyncSGPClient(api_key="none", account_id=account, base_url="http://sidecar", http_client=http) as client,
    ):
        yield client


@contextlib.asynccontextmanager
async def running(env: dict[str, str]) -> AsyncIterator[Sidecar]:
    """A sidecar whose start and end do not hold up the sink, which is on our loop."""
    sidecar = await asyncio.to_thread(Sidecar(None, env).__enter__)
    try:
        yield sidecar
    finally:
        await asyncio.to_thread(sidecar.__exit__, None, None, None)


def traces(rng: random.Random, count: int) -> list[SpanCreateParam]:
    """`count` ended spans, in small traces."""
    spans: list[SpanCreateParam] = []
    while len(spans) < count:
        trace, parent = new_id(rng), ""
        for number in range(min(rng.randint(1, 5), count - len(spans))):
            begin = START + timedelta(seconds=number)
            span: SpanCreateParam = {
                "id": new_id(rng),
                "trace_id": trace,
                "name": rng.choice(("workflow", "llm.chat", "tool ☃")),
                "start_timestamp": begin.isoformat(),
                "end_timestamp": (begin + timedelta(milliseconds=rng.randrange(5000))).isoformat(),
                "input": {"messages": [{"role": "user", "content": 'quote " slash \\ ' * rng.randrange(20)}]},
                "output": {"cost": rng.random(), "text": None, "n": rng.randrange(1 << 53)},
                "metadata": {"__source__": "agentex"},
                "status": "ERROR" if rng.random() < 0.1 else "SUCCESS",
                "type": "COMPLETION",
            }
            if parent:
                span["parent_id"] = parent
            parent = span["id"]
            spans.append(span)
    return spans


def new_id(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128)))


def by_key(spans: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Mapping[str, Any]]:
    found = {(span["trace_id"], span["id"]): span for span in spans}
    assert len(found) == len(spans)
    return found


def upstream_spans(sink: Sink) -> list[dict[str, Any]]:
    """What the sink took, over all requests."""
    return [span for body in sink.bodies for span in json.loads(body)["items"]]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.02)


async def test_spans_of_the_unmodified_client_arrive_upstream_as_they_were_sent(sink: Sink, rng: random.Random) -> None:
    spans = traces(rng, 400)
    async with running(environ(sink)) as sidecar:
        async with agent(sidecar.socket) as client:
            posts = [client.spans.upsert_batch(items=spans[at : at + 20]) for at in range(0, 400, 20)]
            answers = await asyncio.gather(*posts)
        await until(lambda: sink.count().spans >= 400)
        ledger = await asyncio.to_thread(sidecar.stop)
    assert [[item.id for item in answer.items] for answer in answers] == [
        [span["id"] for span in spans[at : at + 20]] for at in range(0, 400, 20)
    ]
    assert by_key(upstream_spans(sink)) == by_key(spans)
    assert (sink.count().spans, sink.count().rows) == (400, 400)
    assert sink.count().requests < len(answers)
    assert {seen.headers["x-api-key"] for seen in sink.requests} == {"the sidecar's key"}
    assert {seen.headers["x-selected-account-id"] for seen in sink.requests} == {"account-1"}
    assert ledger["dialects"]["sgp"] == {"received": 400, "accepted": 400, "refused": {}}
    assert ledger["destinations"] == {"sgp": {"enqueued": 400, "delivered": 400}}
    assert ledger["imbalance"] == 0


async def test_a_client_that_names_another_account_is_denied_once_and_nothing_goes_upstream(
    sink: Sink, rng: random.Random
) -> None:
    async with running(environ(sink)) as sidecar:
        async with agent(sidecar.socket, account="another") as client:
            with pytest.raises(PermissionDeniedError, match="the sidecar's own account"):
                await client.spans.upsert_batch(items=traces(rng, 5))
        metrics = await asyncio.to_thread(sidecar.metrics)
        ledger = await asyncio.to_thread(sidecar.stop)
    assert metrics['inspan_requests_refused_total{dialect="sgp",reason="tenant"}'] == 1
    assert ledger["destinations"] == {"sgp": {}}
    assert sink.count().requests == 0


async def test_a_full_queue_is_a_rate_limit_to_the_client_and_every_span_of_it_is_in_the_books(
    sink: Sink, rng: random.Random
) -> None:
    sink.behave(Behaviour(status=503, retry_after="200ms"))
    queue = "INSPAN_DESTINATIONS__SGP__"
    small = {queue + "QUEUE__MAX_SPANS": "50", queue + "BATCH__MAX_SPANS": "20"}
    first, refused = traces(rng, 50), traces(rng, 8)
    async with running(environ(sink, **small)) as sidecar:
        async with agent(sidecar.socket) as client:
            await client.spans.upsert_batch(items=first)
            with pytest.raises(RateLimitError, match="queue is full"):
                await client.spans.upsert_batch(items=refused)
            assert sink.count().spans == 0
            sink.behave(Behaviour())
            await until(lambda: sink.count().spans == 50)
            await client.spans.upsert_batch(items=refused)  # "send the same again"
        await until(lambda: sink.count().spans == 58)
        ledger = await asyncio.to_thread(sidecar.stop)
    assert by_key(upstream_spans(sink)) == by_key(first + refused)
    tried = 3  # by default the client retries twice
    assert ledger["dialects"]["sgp"] == {
        "received": 58 + tried * 8,
        "accepted": 58,
        "refused": {"queue_full": tried * 8},
    }
    assert ledger["destinations"] == {"sgp": {"enqueued": 58, "delivered": 58}}
    assert ledger["imbalance"] == 0


async def test_a_client_that_posts_faster_than_a_slow_upstream_takes_loses_nothing(
    sink: Sink, rng: random.Random
) -> None:
    sink.behave(Behaviour(delay="50ms", status=503, every=3))
    async with running(environ(sink)) as sidecar:
        async with agent(sidecar.socket) as client:
            for _ in range(30):
                await client.spans.upsert_batch(items=traces(rng, 25))
        ledger = await asyncio.to_thread(sidecar.stop)
    assert len(by_key(upstream_spans(sink))) == 750
    assert ledger["destinations"] == {"sgp": {"enqueued": 750, "delivered": 750}}
