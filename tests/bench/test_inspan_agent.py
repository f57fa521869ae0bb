"""The agent's poster, against a socket that refuses."""

import asyncio
from pathlib import Path

from bench.inspan_agent import MOST, Poster

TAKEN = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}"
REFUSED = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 0\r\ncontent-length: 2\r\n\r\n{}"


class Socket:
    """Answers one after another, the last one for ever, and keeps the bodies."""

    def __init__(self, answers: list[bytes]) -> None:
        self.answers = answers
        self.bodies: list[bytes] = []
        self.closed = asyncio.Event()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.bodies.append(await reader.readexactly(int(head.rpartition(b"content-length: ")[2])))
                writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
        except asyncio.IncompleteReadError:
            writer.close()
            await writer.wait_closed()
            self.closed.set()


async def _posted(path: Path, answers: list[bytes], copies: list[bytes]) -> tuple[list[bytes], int]:
    """(bodies, copies refused) of a poster that recorded these and closed."""
    peer = Socket(answers)
    async with await asyncio.start_unix_server(peer.talk, path):
        poster = Poster(*await asyncio.open_unix_connection(path))
        for copy in copies:
            poster.record(copy)
        await poster.close()
        await peer.closed.wait()
    return peer.bodies, poster.refused


async def test_all_that_waits_goes_in_one_post(tmp_path: Path) -> None:
    assert await _posted(tmp_path / "s", [TAKEN], [b"1", b"2"]) == ([b"[1,2]"], 0)


async def test_a_refused_post_is_counted_and_posted_again(tmp_path: Path) -> None:
    bodies, refused = await _posted(tmp_path / "s", [REFUSED, REFUSED, TAKEN], [b"1", b"2"])
    assert bodies == [b"[1,2]"] * 3
    assert refused == 4


async def test_more_than_a_batch_goes_in_several_posts_in_order(tmp_path: Path) -> None:
    bodies, _ = await _posted(tmp_path / "s", [TAKEN], [b"1"] * MOST + [b"2"])
    assert bodies == [b"[" + b",".join([b"1"] * MOST) + b"]", b"[2]"]
