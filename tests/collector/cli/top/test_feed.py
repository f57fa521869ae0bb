"""The feed as it comes over a real socket: in pieces, broken off, or not at all."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest

from inspan_collector.cli.top.feed import Away, Unusable, listen

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


@contextlib.asynccontextmanager
async def saying(*pieces: bytes, hangs: bool = False) -> AsyncIterator[str]:
    """A server that says these pieces, a moment apart, and hangs up. hangs: when the client has."""
    served = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if hangs:
                await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await asyncio.gather(*served)


async def heard(url: str) -> tuple[list[tuple[str, bytes]], str]:
    """What came, and why no more did."""
    found: list[tuple[str, bytes]] = []
    async with aiohttp.ClientSession() as session:
        try:
            async for name, data in listen(session, url):
                found += [(name, data)]
        except Away as error:
            return found, str(error)
    raise AssertionError


async def test_events_are_the_same_however_they_are_cut() -> None:
    said = b'event: history\ndata: {"at":[]}\n\nevent: moment\ndata: {"at":1}\n\nevent: cut\ndata: {'
    whole = [("history", b'{"at":[]}'), ("moment", b'{"at":1}')]
    async with saying(HEAD, said) as url:
        assert await heard(url) == (whole, "it has ended")
    async with saying(HEAD, *(said[at : at + 1] for at in range(len(said)))) as url:
        assert await heard(url) == (whole, "it has ended")


async def test_an_event_of_megabytes_is_read() -> None:
    async with saying(HEAD, b"event: history\ndata: ", b"x" * (3 << 20), b"\n\n") as url:
        ((name, data),), _ = await heard(url)
    assert (name, len(data)) == ("history", 3 << 20)


async def test_what_is_no_feed_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspan_collector.cli.top.feed.MAX_FRAME", 1000)
    async with saying(HEAD, b"x" * 5000) as url:
        with pytest.raises(Unusable, match="no live feed"):
            await heard(url)


async def test_an_answer_that_is_none_of_ours_is_said() -> None:
    async with saying(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 8\r\n\r\ntoo many") as url:
        with pytest.raises(Unusable, match="503 too many"):
            await heard(url)
    async with saying(b"nonsense\r\n\r\n") as url:
        assert (await heard(url))[0] == []


async def test_one_that_says_nothing_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspan_collector.cli.top.feed.SILENCE", 0.05)

    async with saying(hangs=True) as url:
        assert await heard(url) == ([], "it does not answer")


async def test_one_that_is_not_there_is_away() -> None:
    async with saying() as url:
        pass
    assert await heard(url) == ([], "Connection refused")
