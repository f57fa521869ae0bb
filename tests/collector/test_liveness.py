"""A whole sidecar and its registered agents: what an operator sees, and what a restart or a stop of ours does."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from tests.collector.rig import Running, destination
from tests.collector.sink.posts import otlp
from tests.sidecar import Sidecar

import inspan
from inspan_collector.liveness import LOST, REASONS, SWEEP
from inspan_collector.view import AGENTS_SHOWN

JSON = {"content_type": "application/json"}
SGP = {"name": "sgp", "kind": "sgp", "url": "http://127.0.0.1:9", "account_id": "acc"}


async def tell(running: Running, path: str, **members: Any) -> int:
    return (await running.post(json.dumps(members).encode(), f"/v1/agents{path}", **JSON)).status


async def send(running: Running, name: str, sequence: int, spans: int, **headers: str) -> int:
    named = {"inspan_agent": name, "inspan_sequence": str(sequence)} | headers
    return (await running.post(otlp(*["x"] * spans, first=1000 * sequence), **named)).status


async def agents(running: Running) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await running.get("/status"))[1])["agents"]
    return found


def dropped(numbers: Any, service: str) -> dict[str, float]:
    name = "inspan_agent_spans_dropped_total"
    return {reason: numbers[f'{name}{{reason="{reason}",service="{service}"}}'] for reason in REASONS}


def lose(running: Running, name: str) -> None:
    """As if it had been silent for an hour."""
    agent = running.service.registry.hear(name.encode())
    assert agent is not None
    agent.seen -= 3600
    running.service.registry.sweep(running.service.loop.time())
    assert agent.state is LOST


async def test_metrics_and_status_say_who_is_there_and_what_is_lost(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        for name, service in (("a", "shop"), ("b", "shop"), ("c", "mill")):
            assert await tell(running, "", registration_id=name, service=service, pid=7) == 201
        await send(running, "a", 1, 3)
        await tell(running, "/a/heartbeat", recorded=9, queued=4, dropped={"buffer_full": 2})
        await tell(running, "/b/heartbeat", recorded=5, queued=1)
        await send(running, "c", 1, 1)
        await tell(running, "/c/complete", recorded=4, dropped={"exit": 1})
        lose(running, "b")
        numbers = await running.metrics()
        assert [numbers[f'inspan_agents{{state="{state}"}}'] for state in ("running", "completed", "lost")] == [1, 1, 1]
        for what, shop, mill in (("recorded_total", 14, 4), ("queued", 4, 0), ("missing", 5, 0)):
            found = [numbers[f'inspan_agent_spans_{what}{{service="{each}"}}'] for each in ("shop", "mill")]
            assert found == [shop, mill], what
        assert dropped(numbers, "shop") == dict.fromkeys(REASONS, 0) | {"buffer_full": 2}
        assert dropped(numbers, "mill") == dict.fromkeys(REASONS, 0) | {"exit": 1, "never_arrived": 2}
        status = await agents(running)
        assert status["states"] == {"running": 1, "completed": 1, "lost": 1}
        rows = {row["id"]: row for row in status["last"]}
        assert rows["a"].pop("silent_seconds") < 5 and rows["b"]["silent_seconds"] > 3000
        assert rows["a"] == {
            "id": "a",
            "service": "shop",
            "pid": 7,
            "state": "running",
            "recorded": 9,
            "accepted": 3,
            "dropped": {"buffer_full": 2},
            "queued": 4,
            "missing": 0,
        }
        assert [rows[name]["missing"] for name in "abc"] == [0, 5, 0]
        for row in rows.values():
            assert row["recorded"] == row["accepted"] + sum(row["dropped"].values()) + row["queued"] + row["missing"]


async def test_a_service_is_a_label_whatever_it_says(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        for number in range(70):
            name = f'{number}"\\\n\x1b[2J' + "é" * 500
            assert await tell(running, "", registration_id=f"a{number}", service=name) == 201
        labels = {key for key in await running.metrics() if key.startswith("inspan_agent_spans_recorded_total")}
        assert len(labels) == 65 and 'inspan_agent_spans_recorded_total{service="_other"}' in labels
        assert not any("\x1b" in label or len(label) > 150 for label in labels)


async def test_no_agent_reads_the_whole_id_of_another(tmp_path: Path) -> None:
    name = "0123456789abcdef"
    async with Running(tmp_path) as running:
        await tell(running, "", registration_id=name)
        lose(running, name)
        for page in ("/status", "/events?after=0"):
            said = (await running.get(page))[1].decode()
            assert (name[:8] in said, name in said) == (True, False), page


async def test_status_shows_those_heard_last_and_not_all(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        for number in range(AGENTS_SHOWN + 20):
            await tell(running, "", registration_id=f"a{number}")
        status = await agents(running)
        assert status["states"]["running"] == AGENTS_SHOWN + 20
        assert len(status["last"]) == AGENTS_SHOWN


async def test_the_configuration_says_how_long_a_silence_is(tmp_path: Path) -> None:
    async with Running(tmp_path, destination(), SGP | {"upsert": {"orphan_after": "11s"}}) as running:
        assert running.service.registry.orphan_after == 11


@pytest.mark.parametrize("answered", [True, False], ids=["all answered", "an answer lost with the sidecar"])
async def test_over_a_restart_an_agent_is_counted_once(tmp_path: Path, answered: bool) -> None:
    """100 spans: 60 to the sidecar of before, of which 20 in a post that is answered there or is sent again here."""
    spool = {"path": str(tmp_path / "spool" / "spool.db"), "mode": "always"}
    first = {"registration_id": "a", "service": "shop"}
    async with Running(tmp_path, spool=spool) as running:
        await tell(running, "", **first)
        await send(running, "a", 1, 40, inspan_ack="durable")
        await tell(running, "/a/heartbeat", recorded=70, queued=30, dropped={})
        await send(running, "a", 2, 20, inspan_ack="durable")
    async with Running(tmp_path, spool=spool) as running:
        await running.until(lambda: (b"a", b"2") in running.service.door.posts)
        assert await tell(running, "/a/heartbeat", recorded=90, queued=30) == 404
        reported = {"recorded": 70, "accepted": 60 if answered else 40, "dropped": {}}
        assert await tell(running, "", **first, reported=reported) == 201
        for _ in range(1 if answered else 3):
            assert answered or await send(running, "a", 2, 20, inspan_ack="durable") == 200
        await send(running, "a", 3, 35, inspan_ack="durable")
        await tell(running, "/a/complete", recorded=100, queued=0, dropped={"buffer_full": 3})
        numbers = await running.metrics()
        assert numbers['inspan_agent_spans_recorded_total{service="shop"}'] == 30
        assert dropped(numbers, "shop") == dict.fromkeys(REASONS, 0) | {"buffer_full": 3, "never_arrived": 2}


async def test_a_sidecar_that_was_stopped_takes_nobody_for_dead(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        registry = running.service.registry
        registry.orphan_after = 1.0  # less than a configuration may say, so that nobody has to wait
        assert await tell(running, "", registration_id="a", service="shop") == 201
        swept = registry.awake
        time.sleep(4)
        await running.until(lambda: registry.awake > swept)
        assert registry.counts()["running"] == 1
        await running.until(lambda: running.events() == ["agent_lost"])  # awake it notices, and in time
        assert registry.awake - swept < 4 + SWEEP
        assert await tell(running, "/a/heartbeat") == 204
        assert running.events() == ["agent_lost", "agent_back"]


# With the client of inspan


def recording(client: inspan.Client, first: int, count: int) -> None:
    for number in range(first, first + count):
        end = "2026-11-21T01:09:42Z"
        assert client.record({"id": f"s{number}", "trace_id": "t", "start_timestamp": end, "end_timestamp": end})


def numbers_of(sidecar: Sidecar) -> tuple[float, dict[str, float], dict[str, int]]:
    """Recorded, dropped by reason where any were, agents by state."""
    found = sidecar.metrics()
    lost = {reason: count for reason, count in dropped(found, "shop").items() if count}
    states = {state: count for state, count in sidecar.status()["agents"]["states"].items() if count}
    return found['inspan_agent_spans_recorded_total{service="shop"}'], lost, states


def test_the_client_is_counted_from_its_first_words_to_its_last(tmp_path: Path) -> None:
    with Sidecar({"destinations": [{"name": "file", "kind": "file", "path": str(tmp_path / "spans")}]}) as sidecar:
        client = inspan.Client(sidecar.socket, service="shop")
        recording(client, 0, 500)
        assert client.flush()
        assert sidecar.status()["agents"]["last"][0]["accepted"] == 500
        recording(client, 500, 7)
        assert not client.record({"id": 5})
        assert client.close()
        assert numbers_of(sidecar) == (508, {"unencodable": 1}, {"completed": 1})
        assert sidecar.stop()["imbalance"] == 0


def test_the_client_is_counted_once_where_its_sidecar_is_killed(tmp_path: Path) -> None:
    home = tmp_path / "socket"
    home.mkdir()
    config = {
        "socket": {"path": str(home / "inspan.sock")},
        "destinations": [{"name": "file", "kind": "file", "path": str(tmp_path / "spans")}],
    }
    client = inspan.Client(home / "inspan.sock", service="shop")
    with Sidecar(config) as sidecar:
        recording(client, 0, 100)
        assert client.flush()
        sidecar.signal(signal.SIGKILL)
        sidecar.process.wait()
    recording(client, 100, 30)  # with nobody there
    with Sidecar(config) as sidecar:
        recording(client, 130, 10)
        assert client.close(10)
        recorded, lost, states = numbers_of(sidecar)
        assert (lost, states) == ({}, {"completed": 1})
        assert 40 <= recorded <= 140  # what the first sidecar confirmed in a beat is not counted again
        assert sidecar.status()["agents"]["last"][0]["accepted"] == 140
