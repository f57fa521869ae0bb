"""A start and its end through a whole sidecar, to an upstream that holds to SGP's contract."""

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.collector.rig import Running, destination, raw

from inspan_collector.sink import Sink

START = "2026-01-01T00:00:00Z"
END = "2026-01-01T00:00:01Z"


def copies(*names: str) -> bytes:
    """A post. `a` is the start of span a, `a.` its end."""
    spans: list[dict[str, Any]] = []
    for name in names:
        span = {"id": name.rstrip("."), "trace_id": "t", "name": "n", "start_timestamp": START}
        spans.append(span | ({"end_timestamp": END} if name.endswith(".") else {}))
    return json.dumps(spans, separators=(",", ":")).encode()


def sgp(sink: Sink, **more: Any) -> dict[str, Any]:
    return destination(sink.url, **({"kind": "sgp", "batch": {"linger": "20ms"}} | more))


async def post(running: Running, *names: str) -> None:
    reply = await running.post(copies(*names), "/v1/spans", content_type="application/json")
    assert reply.status == 202


def written(sink: Sink) -> dict[str, bool]:
    """Whether each span that the upstream has was ended when it was last written."""
    return {item["id"]: "end_timestamp" in item for body in sink.bodies for item in json.loads(body)["items"]}


async def test_a_span_that_ends_soon_is_one_write_and_one_that_runs_on_is_seen_running(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink, Running(tmp_path, sgp(sink, upsert={"hold_open": "300ms"})) as running:
        await post(running, "short", "long")
        await post(running, "short.")
        await running.until(lambda: running.books().get("delivered") == 1)
        assert written(sink) == {"short": True}
        assert running.books()["queued"] == 1, "the other is held"
        await running.until(lambda: written(sink) == {"short": True, "long": False})
        await post(running, "long.")
        await running.until(lambda: running.books().get("delivered") == 3)
        assert written(sink) == {"short": True, "long": True}
        assert running.books() == {"enqueued": 4, "delivered": 3, "merged": 1}
        assert (await running.metrics())['inspan_spans_merged_total{destination="up"}'] == 1


async def test_what_is_held_counts_as_queued_and_a_drain_lets_go_of_it(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink, Running(tmp_path, sgp(sink, upsert={"hold_open": "1h"})) as running:
        await post(running, "a", "b")
        await post(running, "b.")
        await running.until(lambda: running.books().get("delivered") == 1)
        assert running.books() == {"enqueued": 3, "queued": 1, "delivered": 1, "merged": 1}
        ledger = await running.drained()
        assert written(sink) == {"a": False, "b": True}
        assert ledger["destinations"]["up"] == {"enqueued": 3, "delivered": 2, "merged": 1}


async def test_status_shows_what_is_held_and_what_was_saved(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink:
        places = [sgp(sink, upsert={"hold_open": "1h"}), destination(sink.url + "/v1/traces", name="otlp")]
        async with Running(tmp_path, *places) as running:
            await post(running, "a", "b")
            start = len(copies("a")) - len("[]") + len(",")
            await post(running, "b.")
            await running.until(lambda: running.books().get("delivered") == 1)
            saved = {"requests": 0, "copies": 1, "bytes": start}
            opened = {"spans": 0, "to_be_ended": 0, "unwatched": 0}
            shown = {"held": 1, "behind": 0, "open": opened, "remembered": 0, "deduped": 0, "saved": saved}
            assert await upserts(running) == [shown, None]
            await post(running, "a.")
            await running.until(lambda: running.books().get("delivered") == 2)
            saved = {"requests": 1, "copies": 2, "bytes": 2 * start}  # the post of starts alone was never sent
            assert await upserts(running) == [shown | {"held": 0, "saved": saved}, None]


async def test_starts_that_are_held_do_not_keep_ends_out_of_a_small_memory(tmp_path: Path) -> None:
    async with Sink() as sink:
        held = {"hold_open": "1h", "trail": None}
        place = sgp(sink, upsert=held, queue={"max_bytes": "8MiB"}, batch={"max_bytes": "1MiB"})
        async with Running(tmp_path, place, memory={"max_bytes": "8MiB"}, drain={"deadline": "5s"}) as running:
            async with running.client() as client:
                names = [f"{number}" for number in range(20_000)]
                for first in range(0, len(names), 100):
                    body = copies(*names[first : first + 100])
                    while (await client.ask(raw(body, "/v1/spans", content_type="application/json"))).status != 202:
                        await asyncio.sleep(0.01)
                ends = copies(*[f"{name}." for name in names[:100]])
                assert (await client.ask(raw(ends, "/v1/spans", content_type="application/json"))).status == 202
            memory = running.service.memory
            assert memory.custody < memory.custody_limit
            ledger = await running.drained()
    books = ledger["destinations"]["up"]
    assert books["delivered"] + books.get("merged", 0) == books["enqueued"] == 20_100


async def upserts(running: Running) -> list[Any]:
    status = json.loads((await running.get("/status"))[1])
    return [destination["upserts"] for destination in status["destinations"]]
