"""HTTP over a real unix socket: what is taken, what is refused, and that nothing is held afterwards."""

import asyncio
import os
import random
from pathlib import Path

import pytest
from tests.collector.receiver.rig import Rig, chunked, feeding, post, random_pieces, statuses

from inspan_collector.receiver import exchange

MiB = 1 << 20


# What is taken


async def test_a_post_is_answered_with_what_the_door_says(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        reply = await client.ask(post(b"spans", "/v1/traces?x=1", "Content-Type: text/plain"))
        assert reply.status == 200 and reply.body == b"5" and not reply.closes
        taken = rig.door.taken[0]
        assert taken[:2] == ("POST", "/v1/traces") and taken.body == b"spans" and taken.budget == 5
        assert taken.headers[b"content-type"] == b"text/plain"


async def test_a_path_is_not_decoded(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        await client.ask(post(b"", "/v1%2Ftraces"))
        assert rig.door.taken[0].path == "/v1%2Ftraces"


async def test_requests_fed_byte_by_byte_are_taken(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        raw = post(b"abc") + chunked(b"de", b"f") + post(b"", "/refused") + b"GET /x HTTP/1.1\r\nhost:\r\n\r\n"
        connection, written = feeding(rig)
        for byte in raw:
            connection.data_received(bytes([byte]))
        connection.connection_lost(None)
        assert [taken.body for taken in rig.door.taken] == [b"abc", b"def", b""]
        assert statuses(written) == [200, 200, 404, 200]


async def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        client.send(post(b"a") + chunked(b"bb") + post(b"ccc", "/refused") + post(b"dddd"))
        replies = [await client.reply() for _ in range(4)]
        assert [reply.body for reply in replies] == [b"1", b"2", b"admit", b"4"]


async def test_a_chunked_body_is_joined_and_its_reservation_trimmed(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        assert (await client.ask(chunked(b"x" * 70_000, b"y" * 70_000, b"z"))).body == b"140001"
        assert rig.door.taken[0].budget == 140_001
        assert rig.door.taken[0].body == b"x" * 70_000 + b"y" * 70_000 + b"z"


async def test_a_body_in_thousands_of_pieces_is_whole_and_held_in_few(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        body = os.urandom(10_000)
        connection, _ = feeding(rig)
        connection.data_received(post(body)[: -len(body)])
        for at in range(0, len(body), 2):
            connection.data_received(body[at : at + 2])
            assert len(connection._pieces) < 1100
        connection.connection_lost(None)
        assert rig.door.taken[0].body == body


async def test_what_the_door_keeps_stays_reserved(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        await client.ask(post(b"x" * 1000, "/kept"))
        assert rig.memory.custody == 1000 == rig.door.owed


async def test_trailers_do_not_become_headers(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        raw = chunked(b"a", end=b"0\r\nx-account: theirs\r\nx-b: c\r\n\r\n")
        for _ in range(2):
            assert (await client.ask(raw)).status == 200
        assert (await client.ask(post(b"b"))).status == 200
        assert all(b"x-account" not in taken.headers and b"x-b" not in taken.headers for taken in rig.door.taken)


async def test_a_repeated_list_header_is_one_list(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        await client.ask(post(b"", "/", "accept: a", "Accept: b"))
        assert rig.door.taken[0].headers[b"accept"] == b"a, b"


async def test_randomly_split_requests_are_taken_as_if_whole(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    async with Rig(tmp_path, max_request_bytes=5000) as rig:
        for _ in range(300):
            rig.door.taken.clear()
            requests = [random_request(rng) for _ in range(rng.randint(1, 5))]
            connection, written = feeding(rig)
            for piece in random_pieces(rng, b"".join(raw for raw, _, _ in requests)):
                connection.data_received(piece)
            connection.connection_lost(None)
            assert statuses(written) == [status for _, status, _ in requests]
            assert [taken.body for taken in rig.door.taken] == [body for _, status, body in requests if status == 200]
            assert rig.memory.custody == 0


# When a connection ends


async def test_connection_close_and_http_1_0_are_closed_after_the_answer(tmp_path: Path) -> None:
    old = b"POST / HTTP/1.0\r\ncontent-length: 2\r\n%s\r\nab"
    async with Rig(tmp_path) as rig:
        for raw in (post(b"ab", "/", "Connection: close"), old % b"", old % b"connection: keep-alive\r\n"):
            async with rig.client() as client:
                reply = await client.ask(raw)
                assert reply.status == 200 and reply.body == b"2" and reply.closes
                assert await client.rest() == b""


async def test_head_is_answered_without_a_body_and_closed(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        for path, status in (("/", 200), ("/refused", 404)):
            async with rig.client() as client:
                client.send(f"HEAD {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
                reply = await client.reply(bodiless=True)
                assert reply.status == status and reply.closes and int(reply.headers["content-length"]) > 0
                assert await client.rest() == b""


async def test_a_client_that_half_closes_gets_its_answer(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        client.send(post(b"abc"))
        client.writer.write_eof()
        assert (await client.reply()).body == b"3"
        assert await client.rest() == b""


async def test_a_client_that_leaves_in_mid_body_gives_its_memory_back(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        for raw in (post(b"x" * 100_000)[:-1], chunked(b"x" * 100_000, end=b"")):
            async with rig.client() as client:
                await client.send_all(raw)
                await rig.until(lambda: rig.memory.custody >= 100_000)
            await rig.until(lambda: rig.memory.custody == 0 and len(rig.connections) == 0)
        assert rig.door.taken == []


async def test_a_bug_behind_the_door_is_503_and_closes(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        reply = await client.ask(post(b"abc", "/bug"))
        assert reply.status == 503 and reply.closes
        assert isinstance(rig.door.bugs[0], ZeroDivisionError)
        assert await client.rest() == b""


# Refusals


async def test_a_refused_head_is_answered_before_the_body_comes(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        raw = post(b"x" * 1000, "/refused")
        reply = await client.ask(raw[:-1000])
        assert reply.status == 404 and not reply.closes and rig.memory.custody == 0
        assert (await client.ask(raw[-1000:] + post(b"next"))).body == b"4"


async def test_64_mib_over_the_limit_are_refused_and_the_connection_stays_usable(tmp_path: Path) -> None:
    async with Rig(tmp_path, max_request_bytes=16 * MiB) as rig, rig.client() as client:
        await client.send_all(post(bytes(64 * MiB)))
        assert (await client.reply()).status == 413
        assert (await client.ask(post(b"next"))).body == b"4"
        assert rig.memory.custody == 0


async def test_more_than_we_read_for_politeness_closes_the_connection(tmp_path: Path) -> None:
    async with Rig(tmp_path, max_request_bytes=MiB) as rig, rig.client() as client:
        reply = await client.ask(post(b"", "/").replace(b"length: 0", b"length: %d" % (64 * MiB + 1)))
        assert reply.status == 413 and reply.closes
        assert await client.rest() == b""


async def test_a_chunked_body_that_never_ends_is_refused_once_and_then_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "MAX_FORGET", 4 * MiB)
    async with Rig(tmp_path, max_request_bytes=MiB) as rig, rig.client() as client:
        client.send(chunked(end=b""))
        with pytest.raises(ConnectionError):  # noqa: PT012 -- which of the writes fails is up to the kernel
            for _ in range(1000):
                await client.send_all(b"10000\r\n" + bytes(65536) + b"\r\n")
                await asyncio.sleep(0)
                if rig.memory.custody == 0 and client.reader.at_eof():
                    break
                assert rig.memory.custody <= MiB
            raise ConnectionError
        assert rig.door.refused == ["too_large"]


async def test_no_memory_is_refused_at_the_head_and_the_connection_stays_usable(tmp_path: Path) -> None:
    async with Rig(tmp_path, custody=1000) as rig, rig.client() as client, rig.client() as other:
        await other.send_all(post(b"x" * 600)[:-1])
        await rig.until(lambda: rig.memory.custody == 600)
        assert (await client.ask(post(b"x" * 600))).status == 429
        assert (await other.ask(b"x")).status == 200
        assert (await client.ask(post(b"x" * 600))).status == 200


async def test_no_memory_for_a_growing_body_is_refused_where_it_grows(tmp_path: Path) -> None:
    async with Rig(tmp_path, custody=200_000) as rig, rig.client() as client:
        client.send(chunked(*[bytes(65536)] * 4))
        assert (await client.reply()).status == 429
        assert (await client.ask(post(b"next"))).body == b"4"
        assert rig.memory.custody == 0


async def test_a_refused_chunked_body_that_turns_to_garbage_gets_no_second_answer(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        client.send(chunked(b"abc", path="/refused", end=b""))
        assert (await client.reply()).status == 404
        client.send(b"garbage\r\n")
        assert await client.rest() == b""


# Expect


async def test_continue_is_said_once_the_memory_is_reserved(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        raw = post(b"abc", "/", "Expect: 100-continue")
        assert (await client.ask(raw[:-3])).status == 100
        assert rig.memory.custody == 3
        assert (await client.ask(raw[-3:])).body == b"3"
        head, _, body = chunked(b"de", extra="Expect: 100-Continue\r\n").partition(b"\r\n\r\n")
        assert (await client.ask(head + b"\r\n\r\n")).status == 100
        assert (await client.ask(body)).body == b"2"


@pytest.mark.parametrize(("path", "size", "status"), [("/refused", 3, 404), ("/", 2000, 413), ("/", 900, 429)])
async def test_a_refused_expectation_ends_the_connection_without_continue(
    tmp_path: Path, path: str, size: int, status: int
) -> None:
    async with Rig(tmp_path, custody=500, max_request_bytes=1000) as rig, rig.client() as client:
        reply = await client.ask(post(b"x" * size, path, "expect: 100-continue")[:-size])
        assert reply.status == status and reply.closes
        assert await client.rest() == b""


# Random


def random_request(rng: random.Random) -> tuple[bytes, int, bytes]:
    """Raw bytes, the status that they earn, and the body."""
    body = rng.randbytes(rng.choice((0, 1, 10, 300, 4999, 5001)))
    path, status = rng.choice((("/", 200), ("/", 200), ("/refused", 404)))
    if status == 200 and len(body) > 5000:
        status = 413
    if rng.random() < 0.5:
        return post(body, path), status, body
    cuts = sorted(rng.randrange(1, len(body)) for _ in range(rng.randint(0, 5))) if len(body) > 1 else []
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True) if a < b]
    return chunked(*pieces, path=path), status, body
