"""Answers that come later: in the order of the requests, each once, whatever happens meanwhile."""

import asyncio
import random
import resource
from pathlib import Path

import pytest
from tests.collector.receiver.rig import Client, Rig, Sunk, chunked, post, random_pieces
from tests.collector.receiver.scripted import BOTH, DURABLE, Scripted, request

from inspan_collector.config.model import SocketConfig
from inspan_collector.receiver.connections import WAITING
from inspan_collector.receiver.http1 import Connection
from inspan_collector.receiver.listener import listen_unix

LATER = "/later"


async def test_pipelined_requests_are_answered_in_order_whichever_is_known_first(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        client.send(
            post(b"a", LATER) + post(b"bb") + post(b"ccc", LATER) + post(b"dddd", "/refused") + chunked(b"eeeee")
        )
        await rig.until(lambda: len(rig.door.taken) == 4)
        rig.door.give(1)
        reply = asyncio.create_task(client.reply())
        await asyncio.sleep(0.02)
        assert not reply.done()
        rig.door.give(0)
        replies = [await reply] + [await client.reply() for _ in range(4)]
        assert [reply.body for reply in replies] == [b"1", b"2", b"3", b"admit", b"5"]
        assert not any(reply.closes for reply in replies)
        assert (await client.ask(post(b"next"))).body == b"4"


async def test_while_an_answer_is_awaited_no_more_is_read(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        client.send(post(b"a", LATER))
        await rig.until(lambda: len(rig.door.taken) == 1)
        client.send(post(b"bb") * 3)
        await asyncio.sleep(0.05)
        assert len(rig.door.taken) == 1
        rig.door.give(0)
        assert [(await client.reply()).body for _ in range(4)] == [b"1", b"2", b"2", b"2"]


async def test_one_that_is_given_before_it_is_returned_is_an_answer_like_any(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        rig.door.awaited = Given()
        assert (await client.ask(post(b"a", LATER) + post(b"bb", LATER))).body == b"1"
        assert (await client.reply()).body == b"2"
        client.send(post(b"ccc", LATER, "connection: close"))
        reply = await client.reply()
        assert reply.body == b"3" and reply.closes
        assert await client.rest() == b""


class Given(list):  # type: ignore[type-arg]
    """Answers at once."""

    def append(self, awaited) -> None:  # type: ignore[no-untyped-def]
        super().append(awaited)
        awaited[0].give(awaited[1])


async def test_durable_accepted_durable_are_answered_in_order_over_a_socket(tmp_path: Path) -> None:
    scripted = Scripted()
    factory = lambda: Connection(scripted.table, scripted.door, scripted.memory)  # noqa: E731
    async with listen_unix(SocketConfig(path=tmp_path / "s"), factory) as path:
        client = Client(*await asyncio.open_unix_connection(path))
        client.send(request(DURABLE) + request() + request(DURABLE, BOTH))
        while len(scripted.disk.pledges) < 3:
            await asyncio.sleep(0.002)
        scripted.disk.settle(False, 2)
        await asyncio.sleep(0.02)
        scripted.disk.settle(True, 0)
        replies = [await client.reply() for _ in range(3)]
        assert [reply.status for reply in replies] == [200, 200, 503]
        assert [reply.headers.get("inspan-custody") for reply in replies] == ["durable", None, "accepted"]
        assert (await client.ask(request())).status == 200
        await client.close()
    await scripted.table.close(1.0)


# Ends


async def test_a_client_that_half_closes_gets_its_late_answer(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        client.send(post(b"a", LATER) + post(b"bb", LATER))
        client.writer.write_eof()
        await rig.until(lambda: len(rig.door.taken) == 2)
        await asyncio.sleep(0.02)
        rig.door.give(0)
        rig.door.give(1)
        assert [(await client.reply()).body for _ in range(2)] == [b"1", b"2"]
        assert await client.rest() == b""
        await rig.until(lambda: len(rig.connections) == 0)


async def test_the_late_answer_for_a_client_that_is_gone_is_dropped(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        async with rig.client() as client:
            client.send(post(b"a" * 1000, LATER) + post(b"bb", LATER))
            await rig.until(lambda: len(rig.door.taken) == 2)
        await asyncio.sleep(0.02)
        assert rig.memory.custody == 0
        rig.door.give(0)
        await rig.until(lambda: len(rig.connections) == 0)
        rig.door.give(1)


async def test_a_connection_that_is_dropped_while_it_waits_hears_no_more(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        client.send(post(b"a", LATER))
        await rig.until(lambda: len(rig.door.taken) == 1)
        await rig.connections.close(0.02)
        assert await client.rest() == b""
        assert rig.door.awaited[0][0]._heard is None
        rig.door.give(0)


@pytest.mark.parametrize(
    "raw",
    [
        post(b"ab", LATER, "Connection: close"),
        b"POST /later HTTP/1.0\r\ncontent-length: 2\r\n\r\nab",
        b"POST /later HTTP/1.0\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nab",
    ],
    ids=["close", "1.0", "1.0 keep-alive"],
)
@pytest.mark.parametrize("before", [0, 2])
async def test_connection_close_and_http_1_0_are_closed_after_the_late_answer(
    tmp_path: Path, raw: bytes, before: int
) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        client.send(post(b"a", LATER) * before + raw + post(b"never"))
        await rig.until(lambda: len(rig.door.taken) == before + 1)
        for number in reversed(range(before + 1)):
            rig.door.give(number)
        replies = [await client.reply() for _ in range(before + 1)]
        assert [reply.closes for reply in replies] == [False] * before + [True] and replies[-1].body == b"2"
        assert await client.rest() == b""
        assert len(rig.door.taken) == before + 1


async def test_head_is_answered_late_without_a_body_and_closed(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        client.send(b"HEAD /later HTTP/1.1\r\nhost: x\r\n\r\n")
        await rig.until(lambda: len(rig.door.taken) == 1)
        rig.door.give(0)
        reply = await client.reply(bodiless=True)
        assert reply.status == 200 and reply.closes and reply.headers["content-length"] == "1"
        assert await client.rest() == b""


@pytest.mark.parametrize(
    ("behind", "status", "body"),
    [
        (b"garbage\r\n\r\n", 400, None),
        (post(b"x", "/bug"), 503, b"bug"),
        (post(b"x" * 5000, "/"), 413, b"too_large"),
        (b"HEAD /refused HTTP/1.1\r\nhost: x\r\n\r\n", 404, b""),
        (post(b"x", "/refused", "expect: 100-continue"), 404, b"admit"),
    ],
    ids=["garbage", "bug", "too large", "HEAD", "expect"],
)
async def test_what_ends_a_connection_waits_for_its_turn(
    tmp_path: Path, behind: bytes, status: int, body: bytes | None
) -> None:
    async with Rig(tmp_path, max_request_bytes=4000) as rig, rig.client() as client:
        client.send(post(b"a", LATER) + behind)
        await rig.until(lambda: len(rig.door.refused) == 1)
        assert len(rig.connections) == 1
        rig.door.give(0)
        first = await client.reply()
        assert (first.status, first.body, first.closes) == (200, b"1", False)
        second = await client.reply(bodiless=body == b"")
        assert second.status == status and (body is None or second.body == body)
        if status != 413:
            assert second.closes and await client.rest() == b""


async def test_continue_is_said_in_its_turn(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        client.send(post(b"a", LATER) + post(b"bb", "/", "expect: 100-continue")[:-2])
        await rig.until(lambda: len(rig.door.taken) == 1)
        rig.door.give(0)
        assert (await client.reply()).body == b"1"
        assert (await client.reply()).status == 100
        assert (await client.ask(b"bb")).body == b"2"


# Time and room


async def test_one_that_waits_is_neither_idle_nor_late(tmp_path: Path) -> None:
    rig = Rig(tmp_path, idle_timeout=0.1, header_timeout=0.1, body_timeout=0.1)
    async with rig, rig.client() as client, rig.client() as half:
        client.send(post(b"a", LATER))
        half.send(post(b"a", LATER) + post(b"bb")[:-1])
        await rig.until(lambda: len(rig.door.taken) == 2)
        await asyncio.sleep(0.3)
        assert all(live.stage == WAITING for live in rig.connections._live)
        rig.door.give(0)
        rig.door.give(1)
        assert (await client.reply()).body == b"1"
        assert (await half.reply()).body == b"1"
        await asyncio.sleep(0.05)
        assert (await half.ask(b"b")).body == b"2"  # what was not read cannot have been late
        assert await client.rest() == b""  # and from the answer on it is idle


async def test_a_body_that_is_missing_after_a_late_answer_is_late_as_any(tmp_path: Path) -> None:
    async with Rig(tmp_path, body_timeout=0.1) as rig, rig.client() as client:
        client.send(post(b"a", LATER) + post(b"bb")[:-1])
        await rig.until(lambda: len(rig.door.taken) == 1)
        rig.door.give(0)
        assert (await client.reply()).body == b"1"
        assert (await client.reply()).status == 408
        assert await client.rest() == b""


async def test_one_that_waits_is_not_closed_for_a_newcomer(tmp_path: Path) -> None:
    async with Rig(tmp_path, max_connections=1) as rig, rig.client() as client:
        client.send(post(b"a", LATER))
        await rig.until(lambda: len(rig.door.taken) == 1)
        async with rig.client() as new:
            assert (await new.reply()).status == 503
        rig.door.give(0)
        assert (await client.reply()).body == b"1"


async def test_a_client_that_reads_late_gets_every_late_answer(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        rig.door.padding = bytes(60_000)
        client.writer.transport.pause_reading()
        client.send((post(b"a", LATER) + post(b"b")) * 20)
        await rig.until(lambda: len(rig.door.taken) == 40)
        for number in range(20):
            rig.door.give(number)
        await rig.until(lambda: any(live.stuck != float("inf") for live in rig.connections._live))
        client.writer.transport.resume_reading()
        for _ in range(40):
            assert (await client.reply()).status == 200
        rig.door.padding = b""
        assert (await client.ask(post(b"abc"))).body == b"3"


async def test_a_client_that_reads_again_does_not_end_the_pause(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        connection, sunk = feeding_later(rig)
        connection.data_received(post(b"a", LATER))
        connection.pause_writing()
        connection.resume_writing()
        assert not sunk.reading and connection.stuck == float("inf")
        connection.pause_writing()
        rig.door.give(0)
        assert not sunk.reading  # it does not read its answers
        connection.resume_writing()
        assert sunk.reading
        connection.connection_lost(None)


async def test_a_thousand_wait_at_once(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(8192, soft), hard), hard))
    clients: list[Client] = []
    async with Rig(tmp_path, max_connections=1024, idle_timeout=1.0) as rig:
        try:
            for _ in range(1000):
                clients.append(Client(*await asyncio.open_unix_connection(rig.path)))
                clients[-1].send(post(b"abc", LATER))
            await rig.until(lambda: len(rig.door.taken) == 1000)
            for number in reversed(range(1000)):
                rig.door.give(number)
            assert {(await client.reply()).body for client in clients} == {b"3"}
        finally:
            for client in clients:
                await client.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# The end


async def test_closing_finishes_what_waits_in_order(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client, rig.client() as half:
        client.send(post(b"a", LATER) + post(b"bb") + post(b"ccc", LATER))
        half.send(post(b"a", LATER) + post(b"bb")[:-1])
        await rig.until(lambda: len(rig.door.taken) == 4 and len(rig.door.awaited) == 3)
        closing = asyncio.create_task(rig.connections.close(5.0))
        await asyncio.sleep(0.02)
        assert not closing.done()
        for number in (2, 1, 0):
            rig.door.give(number)
        replies = [await client.reply() for _ in range(3)]
        assert [(reply.body, reply.closes) for reply in replies] == [(b"1", False), (b"2", False), (b"3", True)]
        assert await client.rest() == b""
        assert (await half.reply()).body == b"1"
        last = await half.ask(b"b")
        assert last.body == b"2" and last.closes
        assert await half.rest() == b""
        await closing


async def test_closing_finishes_what_waits_before_a_body_that_is_forgotten(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        connection, sunk = feeding_later(rig)
        connection.data_received(post(b"a", LATER) + post(b"bbb", "/refused")[:-1])
        rig.connections.closing = True
        rig.door.give(0)
        connection.data_received(b"b")
        assert [raw[9:12] for raw in sunk.written] == [b"200", b"404"] and sunk.closed
        connection.connection_lost(None)


# Random


def feeding_later(rig: Rig):  # type: ignore[no-untyped-def]
    connection = rig.connection()
    sunk = Sunk()
    connection.connection_made(sunk)  # type: ignore[arg-type]
    return connection, sunk


async def test_random_requests_are_answered_once_each_and_in_order(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    async with Rig(tmp_path) as rig:
        for _ in range(300):
            rig.door.awaited.clear()
            connection, sunk = feeding_later(rig)
            paths = [rng.choice(("/", LATER, LATER, "/refused")) for _ in range(rng.randint(1, 12))]
            last = rng.choice((b"", b"", b"garbage\r\n", post(b"end", LATER, "connection: close"), post(b"x", "/bug")))
            bodies = [b"x" * (10 + number) for number in range(len(paths))]
            raw = b"".join(
                rng.choice((post(body, path), chunked(body, path=path)))
                for path, body in zip(paths, bodies, strict=True)
            )
            pieces, open_numbers, given = random_pieces(rng, raw + last), list[int](), 0
            while (pieces or open_numbers or given < len(rig.door.awaited)) and not sunk.closed:
                open_numbers += range(given, len(rig.door.awaited))
                given = len(rig.door.awaited)
                if pieces and sunk.reading and rng.random() < 0.7:
                    connection.data_received(pieces.pop(0))
                elif open_numbers:
                    rig.door.give(open_numbers.pop(rng.randrange(len(open_numbers))))
            connection.connection_lost(None)
            expected = [
                b"admit" if path == "/refused" else str(len(body)).encode()
                for path, body in zip(paths, bodies, strict=True)
            ]
            answers = [written.partition(b"\r\n\r\n")[2] for written in sunk.written]
            assert answers[: len(expected)] == expected
            assert len(answers) == len(expected) + bool(last)
            assert sunk.closed is bool(last) and b"connection: close" not in b"".join(sunk.written[: len(expected)])
            assert rig.memory.custody == 0
