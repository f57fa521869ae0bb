"""The socket's rules, and how many connections and whose."""

import asyncio
import grp
import os
import resource
import socket
import stat
from pathlib import Path

import pytest
from tests.collector.receiver.rig import Client, Rig, post

from inspan_collector.agents import Agents
from inspan_collector.config.model import SocketConfig
from inspan_collector.config.values import Address
from inspan_collector.errors import StartError
from inspan_collector.receiver.listener import listen_tcp, listen_unix
from inspan_collector.sockets import bound

# The socket's file


async def test_the_directory_is_made_and_the_file_is_gone_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "some" / "where" / "inspan.sock"
    async with listen_unix(SocketConfig(path=path), asyncio.Protocol):
        assert stat.S_ISSOCK(path.stat().st_mode)
    assert not path.exists()


@pytest.mark.parametrize("mode", ["0660", "0600", "666"])
async def test_the_file_has_the_mode_that_was_asked_for(tmp_path: Path, mode: str) -> None:
    before = os.umask(0o077)
    try:
        async with listen_unix(SocketConfig(path=tmp_path / "s", mode=mode), asyncio.Protocol):
            assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == int(mode, 8)
            assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a file away")
async def test_the_file_has_the_group_that_was_asked_for(tmp_path: Path) -> None:
    other = next(group for group in grp.getgrall() if group.gr_gid not in (0, os.getgid()))
    for group in (other.gr_name, other.gr_gid):
        async with listen_unix(SocketConfig(path=tmp_path / "s", group=group), asyncio.Protocol):
            assert (tmp_path / "s").stat().st_gid == other.gr_gid


async def test_a_stale_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "inspan.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with Rig(tmp_path) as rig, rig.client() as client:
        assert (await client.ask(post())).status == 200


async def test_a_live_server_is_never_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as live:
        live.bind(str(path))
        live.listen(0)
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(3)]  # more than its backlog holds
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(str(path))
        with pytest.raises(StartError, match="a live server listens"):
            async with listen_unix(SocketConfig(path=path), asyncio.Protocol):
                pass
        assert path.exists()
        for each in waiting:
            each.close()


async def test_another_of_our_own_is_kept_out_by_the_lock(tmp_path: Path) -> None:
    with bound(tmp_path / "s", 0o660), pytest.raises(StartError, match="another inspan"):
        async with listen_unix(SocketConfig(path=tmp_path / "s"), asyncio.Protocol):
            pass
    with bound(tmp_path / "s", 0o660):
        assert (tmp_path / "s").exists()


async def test_after_the_end_nobody_can_connect_but_who_is_there_is_served(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        assert (await client.ask(post(b"a"))).status == 200
        await rig.stack.aclose()
        with pytest.raises(OSError):  # noqa: PT011 -- refused or not found, as the loop likes
            await asyncio.open_unix_connection(rig.path)
        assert (await client.ask(post(b"ab"))).body == b"2"


# TCP


async def test_tcp_is_served_too_and_its_agents_are_its_connections(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, listen_tcp(Address("127.0.0.1:0"), rig.connection) as (host, port):
        clients = [Client(*await asyncio.open_connection(host, port)) for _ in range(2)]
        for client in clients:
            assert (await client.ask(post(b"abc"))).body == b"3"
        first, second = (taken.agent for taken in rig.door.taken)
        assert first is not second and first.pid == 0 and first.uid is None
        for client in clients:
            await client.close()


async def test_a_tcp_address_in_use_is_a_clear_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = Address(f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(StartError, match="in use"):
            async with listen_tcp(address, asyncio.Protocol):
                pass


# Who, and how many


async def test_connections_of_one_process_are_one_agent(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        async with rig.client() as one, rig.client() as two:
            await one.ask(post())
            await two.ask(post())
            first, second = (taken.agent for taken in rig.door.taken)
            assert first is second and first.connections == 2 and rig.connections.agents.alive == 1
            assert (first.pid, first.uid) == (os.getpid(), os.getuid())
        await rig.until(lambda: rig.connections.agents.alive == 0)
        async with rig.client() as three:
            await three.ask(post())
        assert rig.door.taken[-1].agent.number > first.number


def test_agents_without_a_pid_are_never_the_same() -> None:
    agents = Agents()
    one, two = agents.arrive(0, 1000), agents.arrive(0, 1000)
    assert one is not two and agents.alive == 2
    agents.leave(one)
    agents.leave(two)
    assert agents.alive == 0


async def test_another_uid_is_forbidden(tmp_path: Path) -> None:
    async with Rig(tmp_path, allow_uids=frozenset({os.getuid() + 1})) as rig, rig.client() as client:
        reply = await client.ask(post(b"abc"))
        assert reply.status == 403 and reply.closes
        assert await client.rest() == b""
        assert rig.door.taken == []


async def test_an_allowed_uid_is_served(tmp_path: Path) -> None:
    async with Rig(tmp_path, allow_uids=frozenset({os.getuid()})) as rig, rig.client() as client:
        assert (await client.ask(post(b"abc"))).status == 200


async def test_a_full_house_closes_the_longest_idle_first(tmp_path: Path) -> None:
    async with Rig(tmp_path, max_connections=2) as rig, rig.client() as old, rig.client() as young:
        for client in (young, old, young):
            await client.ask(post())
            await asyncio.sleep(0.01)
        async with rig.client() as new:
            assert (await new.ask(post())).status == 200
            assert await old.rest() == b""
            assert (await young.ask(post())).status == 200
            assert len(rig.connections) == 2


async def test_a_house_full_of_requests_refuses_the_newcomer(tmp_path: Path) -> None:
    async with Rig(tmp_path, max_connections=2) as rig, rig.client() as one, rig.client() as two:
        for client in (one, two):
            client.send(post(b"abc")[:-1])
        await rig.until(lambda: rig.memory.custody == 6)
        async with rig.client() as new:
            reply = await new.reply()
            assert reply.status == 503 and reply.headers["retry-after"] == "1" and reply.closes
            assert await new.rest() == b""
        for client in (one, two):
            assert (await client.ask(b"c")).status == 200


async def test_2000_connections_are_served_by_1024(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(8192, soft), hard), hard))
    clients: list[Client] = []
    async with Rig(tmp_path, max_connections=1024) as rig:
        try:
            for _ in range(2000):
                clients.append(Client(*await asyncio.open_unix_connection(rig.path)))
                assert (await clients[-1].ask(post(b"abc"))).status == 200
                assert len(rig.connections) <= 1024
            assert (await clients[-1000].ask(post(b"abc"))).status == 200  # not -1024: loop time has only milliseconds
            assert await clients[0].rest() == b""
        finally:
            for client in clients:
                await client.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# The end


async def test_closing_ends_the_idle_and_finishes_what_is_in_hand(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as idle, rig.client() as busy, rig.client() as refused:
        await idle.ask(post())
        busy.send(post(b"abc")[:-1])
        assert (await refused.ask(post(b"abc", "/refused")[:-1])).status == 404
        await rig.until(lambda: rig.memory.custody == 3)
        closing = asyncio.create_task(rig.connections.close(5.0))
        assert await idle.rest() == b""
        assert not closing.done()
        reply = await busy.ask(b"c")
        assert reply.status == 200 and reply.closes
        assert await busy.rest() == b""
        refused.send(b"c")
        assert await refused.rest() == b""
        await closing


async def test_closing_waits_no_longer_than_it_was_told(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        client.send(post(b"abc")[:-1])
        await rig.until(lambda: rig.memory.custody == 3)
        await rig.connections.close(0.05)
        assert rig.memory.custody == 0 and len(rig.connections) == 0
        assert await client.rest() == b""
