"""Every way to keep us waiting ends: with a 408 where one can still be said."""

import asyncio
from pathlib import Path

from tests.collector.receiver.rig import Rig, chunked, post


async def test_a_head_that_drips_is_timed_out_however_steady(tmp_path: Path) -> None:
    async with Rig(tmp_path, header_timeout=0.1) as rig, rig.client() as client:
        for byte in post(b"abc"):
            client.send(bytes([byte]))
            await asyncio.sleep(0.01)
            if client.reader.at_eof() or rig.door.refused:
                break
        reply = await client.reply()
        assert reply.status == 408 and reply.closes
        assert await client.rest() == b""


async def test_half_a_body_is_timed_out_and_its_memory_given_back(tmp_path: Path) -> None:
    async with Rig(tmp_path, body_timeout=0.1) as rig:
        for raw in (post(b"abc")[:-1], chunked(b"abc", end=b"")):
            async with rig.client() as client:
                reply = await client.ask(raw)
                assert reply.status == 408 and reply.closes and rig.memory.custody == 0
                assert await client.rest() == b""


async def test_a_refused_body_that_does_not_come_is_waited_for_no_longer_than_another(tmp_path: Path) -> None:
    async with Rig(tmp_path, body_timeout=0.1) as rig, rig.client() as client:
        assert (await client.ask(post(b"abc", "/refused")[:-1])).status == 404
        assert await client.rest() == b""


async def test_an_idle_connection_is_closed_and_a_busy_one_is_not(tmp_path: Path) -> None:
    # Long beside the 50 ms between two posts: a machine that is busy with other tests makes more of them.
    async with Rig(tmp_path, idle_timeout=1.0) as rig, rig.client() as idle, rig.client() as busy:
        assert (await idle.ask(post(b"a"))).status == 200
        for _ in range(200):
            assert (await busy.ask(post(b"a"))).status == 200
            if idle.reader.at_eof():
                break
            await asyncio.sleep(0.05)
        assert idle.reader.at_eof() and not busy.reader.at_eof()
        assert await busy.rest() == b""


async def test_a_client_that_reads_late_gets_every_answer(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        rig.door.padding = bytes(60_000)
        client.send(post(b"a") * 100)
        await rig.until(lambda: any(live.stuck != float("inf") for live in rig.connections._live))
        for _ in range(100):
            assert (await client.reply()).status == 200


async def test_a_client_that_never_reads_is_dropped(tmp_path: Path) -> None:
    async with Rig(tmp_path, idle_timeout=0.1) as rig, rig.client() as client:
        client.writer.transport.pause_reading()
        rig.door.padding = bytes(60_000)
        client.send(post(b"a") * 100)
        await rig.until(lambda: len(rig.door.taken) > 3 and len(rig.connections) == 0)


async def test_who_is_parted_with_and_does_not_leave_is_dropped(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        rig.connections._patience = (0.1, *rig.connections._patience[1:])
        client.writer.transport.pause_reading()  # so that it does not see our end, and does not answer it
        client.send(b"garbage\r\n")
        await rig.until(lambda: bool(rig.door.refused))
        assert len(rig.connections) == 1
        client.send(b"more")  # is thrown away
        await rig.until(lambda: len(rig.connections) == 0)
