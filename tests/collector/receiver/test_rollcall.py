"""Agents at the real door: they register, beat and complete, and send what no agent sends."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from tests.collector.receiver.rig import Client, Reply, chunked
from tests.collector.rig import Running, destination, raw
from tests.collector.sink.posts import otlp

from inspan_collector.liveness import LOST, RUNNING, Registered
from inspan_collector.liveness.told import MAX_BODY

JSON = "application/json"


def body(**members: Any) -> bytes:
    return json.dumps(members).encode()


async def call(running: Running, path: str, said: bytes = b"{}", method: str = "POST", **headers: str) -> Reply:
    return await running.post(said, path, method, **({"content_type": JSON} | headers))


async def register(running: Running, name: str = "a1", **more: Any) -> Reply:
    return await call(running, "/v1/agents", body(registration_id=name, service="shop", pid=7, version="0", **more))


def agents(running: Running) -> dict[str, Registered]:
    return {agent.id: agent for agent in running.service.registry.last(2000)}


def answered(running: Running) -> dict[int, int]:
    return running.service.door.receptions["liveness"].requests


async def test_an_agent_registers_beats_and_completes(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        reply = await register(running)
        assert (reply.status, json.loads(reply.body)) == (201, {"id": "a1", "heartbeat_seconds": 10})
        reply = await call(running, "/v1/agents/a1/heartbeat", body(recorded=5, queued=2, dropped={"exit": 1}))
        assert (reply.status, reply.body) == (204, b"") and "content-length" not in reply.headers
        reply = await call(running, "/v1/agents/a1/complete", body(recorded=6, queued=0, dropped={"exit": 1}))
        assert (reply.status, reply.body) == (204, b"")
        assert agents(running)["a1"].dropped == {"exit": 1, "never_arrived": 5}
        assert (answered(running), running.refused("liveness")) == ({201: 1, 204: 2}, {})
        assert running.service.door.receptions["liveness"].bytes > 0
        assert running.events() == []  # many agents come and go


async def test_every_call_may_be_made_again(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        for _ in range(2):
            assert (await register(running)).status == 201
        for _ in range(2):
            reply = await call(running, "/v1/agents/a1/heartbeat", body(recorded=5, queued=5))
            assert reply.status == 204
        for recorded in (7, 99):
            assert (await call(running, "/v1/agents/a1/complete", body(recorded=recorded))).status == 204
        assert (await call(running, "/v1/agents/a1/heartbeat", body(recorded=500))).status == 204
        assert running.service.registry.services.of("shop").recorded == 7
        assert agents(running)["a1"].dropped == {"never_arrived": 7}


async def test_an_id_is_percent_decoded_and_its_slash_is_no_path(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        assert (await register(running, "host/1 ?%41")).status == 201
        reply = await call(running, "/v1/agents/host%2F1%20%3F%2541/heartbeat", body(recorded=3))
        assert reply.status == 204 and agents(running)["host/1 ?%41"].recorded == 3


async def test_whoever_is_unknown_is_told_to_register_and_nobody_is_alarmed(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        for verb in ("heartbeat", "complete"):
            reply = await call(running, f"/v1/agents/nobody/{verb}", body(recorded=1))
            assert reply.status == 404 and "register" in json.loads(reply.body)["error"]["message"]
        assert (answered(running), running.refused("liveness"), running.events()) == ({404: 2}, {}, [])


@pytest.mark.parametrize(
    "path",
    ["/v1/agents/", "/v1/agentsa", "/v1/agents/a1", "/v1/agents//heartbeat", "/v1/agents/a1/register",
     "/v1/agents/a1/heartbeat/", "/v1/agents/a1/b/heartbeat", "/v1/agents/a1/HEARTBEAT"],
)  # fmt: skip
async def test_what_is_near_a_path_is_none(tmp_path: Path, path: str) -> None:
    async with Running(tmp_path) as running:
        await register(running)
        assert (await call(running, path)).status == 404
        assert running.refused("unknown") == {"not_found": 1}


@pytest.mark.parametrize("path", ["/v1/agents", "/v1/agents/a1/heartbeat", "/v1/agents/a1/complete"])
async def test_what_tells_nothing_is_refused_and_changes_nothing(tmp_path: Path, path: str) -> None:
    hostile = [
        b"", b"{", b"[]", b"null", b"\xff\xff", b"[" * 16_000,
        body(recorded=-1, registration_id=""), body(recorded=1.5, registration_id="a\n"),
        body(recorded=1e300, registration_id=7), body(dropped={"exit": -1}, registration_id="b", pid=-1),
        body(dropped={f"r{i}": 1 for i in range(65)}, registration_id="c" * 129),
        body(queued=2**53, registration_id="d", reported={"recorded": -1}),
    ]  # fmt: skip
    async with Running(tmp_path) as running:
        await register(running)
        for said in hostile:
            reply = await call(running, path, said)
            assert reply.status == 400 and json.loads(reply.body)["error"]["reason"] == "malformed"
        assert running.refused("liveness") == {"malformed": len(hostile)}
        assert list(agents(running)) == ["a1"] and agents(running)["a1"].state is RUNNING
        assert running.service.registry.services.of("shop").recorded == 0


async def test_what_is_not_said_as_agents_say_it_is_refused(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        reply = await call(running, "/v1/agents", method="GET")
        assert (reply.status, reply.headers["allow"]) == (405, "POST")
        for spoken in ("text/plain", "", "application/x-protobuf"):
            assert (await call(running, "/v1/agents", content_type=spoken)).status == 415
        assert (await call(running, "/v1/agents", content_type="Application/JSON; charset=utf-8")).status == 400
        assert (await call(running, "/v1/agents", content_encoding="gzip")).status == 415
        large = body(registration_id="a", padding="x" * MAX_BODY)
        async with running.client() as client:
            head, _, _ = raw(large, "/v1/agents", content_type=JSON).partition(large)
            assert (await client.ask(head)).status == 413  # before a byte of it is sent
        async with running.client() as client:
            extra = "content-type: application/json\r\n"
            assert (await client.ask(chunked(large, path="/v1/agents", extra=extra))).status == 413
        assert agents(running) == {}
        assert running.refused("liveness") == {"not_found": 1, "unsupported": 4, "malformed": 1, "too_large": 2}


async def test_liveness_is_answered_while_the_door_is_shut(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        running.service.door.draining = True
        assert (await running.post(otlp("a"))).status == 503
        assert (await register(running)).status == 201
        assert (await call(running, "/v1/agents/a1/complete")).status == 204


async def test_a_full_house_refuses_and_takes_spans_all_the_same(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        running.service.registry.limit = 2
        assert [(await register(running, name)).status for name in ("a", "b", "c", "a")] == [201, 201, 503, 201]
        reply = await register(running, "c")
        assert "go on posting" in json.loads(reply.body)["error"]["message"] and reply.headers["retry-after"]
        assert running.refused("liveness") == {"too_many_agents": 2}
        assert running.events() == ["refused_too_many_agents"]
        assert (await posted(running, "c", 1)).status == 200
        await call(running, "/v1/agents/a/complete")
        assert (await register(running, "c")).status == 201


# What arrives


async def posted(running: Running, name: str, sequence: int, spans: int = 1, **headers: str) -> Reply:
    named = {"inspan_agent": name, "inspan_sequence": str(sequence)} | headers
    return await running.post(otlp(*["x"] * spans, first=1000 * sequence), **named)


async def test_each_post_of_a_registered_agent_arrives_once(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        await posted(running, "a1", 0, 5)  # before it has registered: the agent says so, if it says anything
        await register(running, reported={"recorded": 5, "accepted": 5})
        for sequence, spans in ((1, 3), (1, 3), (2, 4), (2, 4)):
            assert (await posted(running, "a1", sequence, spans)).status == 200
        await posted(running, "another", 1, 50)
        await running.post(otlp("nameless"))
        agent = agents(running)["a1"]
        assert (agent.arrived, agent.before) == (7, 5)
        await call(running, "/v1/agents/a1/complete", body(recorded=14, dropped={"refused": 1}))
        assert agent.dropped == {"refused": 1, "never_arrived": 1}


async def test_what_is_culled_or_refused_did_not_arrive(tmp_path: Path) -> None:
    limits = {"max_span_bytes": "1KiB", "max_request_bytes": "64KiB"}
    async with Running(tmp_path, limits=limits) as running:
        await register(running)
        mixed = otlp("small", "x" * 5000, "small too")
        named = {"inspan_agent": "a1", "inspan_sequence": "1"}
        assert (await running.post(mixed, **named)).status == 200
        assert (await running.post(b"nonsense", **(named | {"inspan_sequence": "2"}))).status == 400
        assert (await running.post(b"", **(named | {"inspan_sequence": "3"}))).status == 200
        running.service.door.draining = True
        assert (await posted(running, "a1", 4)).status == 503
        assert agents(running)["a1"].arrived == 2


async def test_a_durable_post_has_arrived_when_it_is_taken(tmp_path: Path) -> None:
    spool = {"path": str(tmp_path / "spool" / "spool.db"), "mode": "always"}
    async with Running(tmp_path, spool=spool) as running:
        await register(running)
        for _ in range(2):
            assert (await posted(running, "a1", 1, 3, inspan_ack="durable")).status == 200
        assert agents(running)["a1"].arrived == 3


def lose(running: Running, agent: Registered) -> None:
    """As if it had been silent for an hour."""
    agent.seen -= 3600
    running.service.registry.sweep(running.service.loop.time())
    assert agent.state is LOST


async def test_a_post_is_a_sign_of_life_even_where_it_is_refused(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        await register(running)
        agent = agents(running)["a1"]
        lose(running, agent)
        await posted(running, "a1", 1)
        assert agent.state is RUNNING
        lose(running, agent)
        assert (await running.post(b"nonsense", inspan_agent="a1", inspan_sequence="2")).status == 400
        assert agent.state is RUNNING
        said = [kind for kind in running.events() if kind.startswith("agent")]
        assert said == ["agent_lost", "agent_back"]  # what is repeated within a minute is counted


async def test_agents_are_heard_when_memory_is_full(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        await register(running)
        memory = running.service.memory
        room = memory.custody_limit - memory.custody
        assert memory.reserve(room)
        assert (await running.post(otlp("a"))).status == 429
        assert (await call(running, "/v1/agents/a1/heartbeat", body(recorded=3, queued=3))).status == 204
        said = raw(body(recorded=3, dropped={"exit": 3}), "/v1/agents/a1/complete", content_type=JSON)
        async with running.client() as client:
            for part in (said[:-20], said[-20:-7]):
                await client.send_all(part)
                await asyncio.sleep(0.01)  # so that it comes in pieces; where it does not, less is tested
            assert (await client.ask(said[-7:])).status == 204
        assert agents(running)["a1"].dropped == {"exit": 3}
        memory.release(room)
        assert memory.custody == 0


async def test_a_beat_of_unknown_size_is_refused_when_memory_is_full_and_is_a_sign_of_life(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        await register(running)
        agent = agents(running)["a1"]
        lose(running, agent)
        memory = running.service.memory
        room = memory.custody_limit - memory.custody
        assert memory.reserve(room)
        async with running.client() as client:
            extra = "content-type: application/json\r\n"
            assert (await client.ask(chunked(b"{}", path="/v1/agents/a1/heartbeat", extra=extra))).status == 429
        memory.release(room)
        assert agent.state is RUNNING


# Fair share


async def over_tcp(running: Running) -> Client:
    """A connection of which the kernel does not say whose it is, as in a pod with a PID namespace each."""
    listen = running.config.listen
    assert listen is not None
    return Client(*await asyncio.open_connection(listen.host, listen.port))


async def test_an_agent_that_is_alone_may_fill_the_queue_over_all_its_connections(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    small = destination(queue={"max_bytes": "1MiB"}, batch={"linger": "1h", "max_bytes": "512KiB"})
    async with Running(tmp_path, small, listen=f"127.0.0.1:{port}") as running:
        await register(running, "a1")
        posting, too, beating = [await over_tcp(running) for _ in range(3)]
        beat = raw(b"{}", "/v1/agents/a1/heartbeat", content_type=JSON)
        assert (await beating.ask(beat)).status == 204
        named = {"inspan-agent": "a1", "inspan-sequence": "0"}
        assert (await too.ask(raw(b"", **named))).status == 200
        for sequence in range(1, 200):
            named = {"inspan-agent": "a1", "inspan-sequence": str(sequence)}
            if (await posting.ask(raw(otlp("x" * 10_000), **named))).status != 200:
                break
        assert running.refused() == {"queue_full": 1}
        for client in (posting, too, beating):
            await client.close()


async def test_the_connections_of_a_registered_agent_share_its_share(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    small = destination(queue={"max_bytes": "1MiB"}, batch={"linger": "1h", "max_bytes": "512KiB"})
    async with Running(tmp_path, small, listen=f"127.0.0.1:{port}") as running:
        await register(running, "noisy")
        await register(running, "quiet")
        clients = [await over_tcp(running) for _ in range(5)]
        *noisy, quiet = clients
        said = otlp("x" * 10_000)

        async def post(client: Client, name: str, sequence: int) -> int:
            named = {"inspan-agent": name, "inspan-sequence": str(sequence)}
            return (await client.ask(raw(said, **named))).status

        sequence = 0
        while await post(noisy[sequence % 4], "noisy", sequence) == 200:
            sequence += 1
        # All its connections hold one share; the fifth connection has not said a word yet, and is somebody else.
        queue = running.service.pipelines[0].destination.queue
        assert running.refused() == {"fair_share": 1}
        assert len(queue.held_by) == 1 and 0.8 < queue.fill() < 0.95
        assert [await post(client, "noisy", 1000 + n) for n, client in enumerate(noisy)] == [429] * 4
        assert [await post(quiet, "quiet", n) for n in range(3)] == [200] * 3
        assert len(queue.held_by) == 2
        for client in clients:
            await client.close()
