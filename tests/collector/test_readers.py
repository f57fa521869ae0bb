"""Connections to the admin address end, and none holds memory for good."""

import asyncio
import socket
from pathlib import Path

import pytest
from tests.collector.rig import Running

from inspan_collector import readers
from inspan_collector.readers import IDLE, MOST, SENT, TAKING

ASK = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n"


def connected(running: Running) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", running.service.admin.port() or 0))
    sock.setblocking(False)
    return sock


async def over(sock: socket.socket) -> bool:
    """Whether the other side has ended it; what it sent before is read."""
    try:
        while await asyncio.get_running_loop().sock_recv(sock, 1 << 16):
            pass
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize("ask", [ASK * 200, b"GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n"])
async def test_one_that_takes_nothing_of_its_answers_is_ended(tmp_path: Path, ask: bytes) -> None:
    async with Running(tmp_path) as running:
        admin = running.service.admin
        with connected(running) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            sock.sendall(ask)
            await running.until(lambda: len(admin.readers._live()) == 1)
            (connection,) = admin.readers._live()
            connection.transport.write(bytes(1 << 20))  # more than any kernel keeps
            await asyncio.sleep(0)
            sent = connection.transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            assert sent <= 2 * SENT
            now = admin.readers.clock()
            admin.readers.sweep(now)
            admin.readers.sweep(now + TAKING - 0.1)
            assert not connection.transport.is_closing()
            admin.readers.sweep(now + TAKING)
            assert connection.transport.is_closing()


async def test_one_that_asks_nothing_for_long_is_ended(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        admin = running.service.admin
        with connected(running) as silent, connected(running) as dripping:
            dripping.sendall(b"GET /st")
            await running.until(lambda: len(admin.readers._live()) == 2)
            admin.readers.sweep(admin.readers.clock() + IDLE - 1)
            assert len(admin.readers._live()) == 2
            admin.readers.sweep(admin.readers.clock() + IDLE)
            assert await over(silent) and await over(dripping)


async def test_one_more_than_are_served_costs_the_longest_idle_one(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        admin = running.service.admin
        socks = [connected(running) for _ in range(MOST)]
        await running.until(lambda: len(admin.readers._live()) == MOST)
        assert (await running.get("/livez"))[0] == 200
        assert await over(socks[0])
        await running.until(lambda: len(admin.readers._live()) <= MOST)
        for sock in socks:
            sock.close()


async def test_where_all_are_busy_one_more_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MOST", 1)
    async with Running(tmp_path) as running:
        with connected(running) as looking:
            looking.sendall(b"GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n")
            await running.until(lambda: bool(running.service.admin.readers.busy))
            with connected(running) as refused:
                assert await over(refused)
