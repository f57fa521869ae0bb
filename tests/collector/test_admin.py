import json
from pathlib import Path
from typing import Any

import pytest
from tests.collector.live.watch import Watch
from tests.collector.rig import Running, destination
from tests.collector.sink.posts import otlp, sgp_span

from inspan_collector.events import KEPT
from inspan_collector.sink import Sink
from inspan_collector.sink.behaviour import Behaviour

MARK = "a-patient-called-marguerite"  # stands for what a span says
SECRET = "open-sesame"


async def decoded(running: Running, path: str) -> Any:
    status, body = await running.get(path)
    assert status == 200
    return json.loads(body)


async def test_alive_and_ready_say_so_and_an_upstream_that_is_down_changes_nothing(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        await running.post(otlp("a"))
        await running.until(lambda: "gate_shut" in running.events())
        assert await running.get("/livez") == (200, b"ok\n")
        assert await running.get("/readyz") == (200, b"ok\n")


async def test_a_drain_that_is_stuck_shows_in_livez(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        running.service.stuck_at = running.service.loop.time() + 60
        assert (await running.get("/livez"))[0] == 200
        running.service.stuck_at = running.service.loop.time() - 1
        status, words = await running.get("/livez")
        assert (status, words) == (503, b"the drain has not ended at its deadline\n")


async def test_the_index_names_what_there_is(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        _, text = await running.get("/")
        paths = [line for line in text.decode().splitlines() if line.startswith("/")]
        assert len(paths) >= 5
        for path in paths:
            async with running.http.get(f"http://127.0.0.1:{running.service.admin.port()}{path}") as answer:
                assert answer.status == 200  # and no more: /live never ends
        assert (await running.get("/nothing"))[0] == 404


async def test_status_shows_books_queues_gates_and_memory(tmp_path: Path) -> None:
    second = destination(name="b", queue={"max_spans": 50}, batch={"max_spans": 5})
    async with Running(tmp_path, destination(), second) as running:
        await running.post(otlp("a", "b"))
        await running.until(lambda: running.events().count("gate_shut") == 2)
        status = await decoded(running, "/status")
        assert status["ledger"]["imbalance"] == 0
        assert status["ledger"]["dialects"]["otlp"] == {"received": 2, "accepted": 2, "refused": {}}
        assert status["memory"]["bytes"] >= len(otlp("a", "b"))
        up, b = status["destinations"]
        assert (up["name"], up["kind"], up["to"]) == ("up", "otlp", "http://127.0.0.1:9/v1/traces")
        assert (
            up["gate"]["state"] == "shut" and up["gate"]["reason"] == "no connection to 127.0.0.1:9: connection refused"
        )
        assert up["queue"]["spans"] == 2
        assert (b["queue"]["capacity_spans"], b["slots"]["of"]) == (50, 8)
        assert status["events"] == running.service.events.sequence


async def test_the_cursor_of_events_gives_each_event_once(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        events = running.service.events
        for number in range(5):
            events.record("dropped", "up", f"message {number}", spans=number)
        page = await decoded(running, "/events")
        assert [event["sequence"] for event in page["events"]] == [1, 2, 3, 4, 5]
        assert page["last"] == 5
        assert page["events"][3] | {"at": 0} == {
            "sequence": 4,
            "at": 0,
            "kind": "dropped",
            "destination": "up",
            "message": "message 3",
            "spans": 3,
        }
        assert (await decoded(running, "/events?after=5"))["events"] == []
        events.record("dropped", "up", "one more")
        assert [event["message"] for event in (await decoded(running, "/events?after=5"))["events"]] == ["one more"]
        for _ in range(KEPT):
            events.record("dropped", "up", "many")
        page = await decoded(running, "/events?after=6")
        assert (page["events"][0]["sequence"], page["last"]) == (7, KEPT + 6)


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "", "9" * 5000, "²"])
async def test_a_cursor_that_is_none_is_400(tmp_path: Path, after: str) -> None:
    async with Running(tmp_path) as running:
        status, body = await running.get(f"/events?after={after}")
        assert status == 400 and b"sequence" in body


async def test_what_spans_say_and_secrets_are_nowhere_to_be_seen(tmp_path: Path) -> None:
    """The upstream quotes spans in every refusal; agents put them into headers, ids and broken bodies."""
    behaviour = Behaviour(reject_span=MARK, status=503, every=4)
    async with Sink(behaviour) as sink:
        to = destination(
            f"{sink.url}/v1/traces?key={SECRET}",
            headers={"authorization": f"Bearer {SECRET}", "x-plain": SECRET},
        )
        sgp = {"name": "sgp", "kind": "sgp", "url": sink.url, "headers": {"x-api-key": SECRET}, "account_id": "acc"}
        async with Running(tmp_path, to, sgp) as running:
            for first in range(1, 60, 3):
                await running.post(otlp("fine", MARK, "fine", first=first))
            spans = [sgp_span(MARK, name=MARK, input={"text": MARK}), sgp_span("s", trace_id=MARK)]
            body = json.dumps(spans).encode()
            await running.post(body, "/v1/spans", content_type="application/json")
            for bad in (body[:-1], body.replace(b'"id"', b'"di"'), body + MARK.encode(), MARK.encode()):
                for content_type in ("application/json", "application/x-ndjson", "text/plain"):
                    await running.post(bad, "/v1/spans", content_type=content_type)
                await running.post(bad)
            await running.post(body, f"/{MARK}")
            await running.post(body, "/v5/spans/batch", content_type="application/json", x_selected_account_id=MARK)
            await running.until(lambda: running.books().get("quarantined", 0) >= 20)
            shown = b"".join([(await running.get(path))[1] for path in ("/", "/status", "/events", "/metrics")])
            async with Watch(f"http://127.0.0.1:{running.service.admin.port()}") as watch:
                shown += json.dumps([await watch.next(), await watch.next()]).encode()
            assert MARK.encode() not in shown
            assert SECRET.encode() not in shown
            kinds = set(running.events())
            assert {"quarantined", "refused_malformed", "refused_tenant", "refused_not_found"} <= kinds
