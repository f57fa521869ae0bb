"""A receiver on a real socket, with a door that remembers."""

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from inspan_collector.agents import Agent
from inspan_collector.config.model import SocketConfig
from inspan_collector.memory import Memory
from inspan_collector.receiver.answer import Answer, Awaited
from inspan_collector.receiver.connections import Connections, Limits
from inspan_collector.receiver.http1 import Connection
from inspan_collector.receiver.listener import listen_unix
from inspan_collector.receiver.seam import Head

PATIENCE = 5.0  # s until a test that waits for bytes fails


class Taken(NamedTuple):
    method: str
    path: str
    headers: dict[bytes, bytes]
    body: bytes
    agent: Agent
    budget: int


class FakeDoor:
    """Echoes the body's length. `/refused` is refused from its head, `/bug` raises, `/kept` is kept in custody, and
    `/later` is answered when a test says so."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.refused: list[str] = []
        self.bugs: list[Exception] = []
        self.owed = 0
        self.padding = b""
        self.awaited: list[tuple[Awaited, Answer]] = []

    def admit(self, head: Head) -> Answer | None:
        return self._refuse(404, "admit") if head.path == "/refused" else None

    def handle(self, head: Head, body: bytes) -> Answer | Awaited:
        self.taken.append(Taken(head.method, head.path, head.headers, body, head.agent, head.budget))
        if head.path == "/kept":
            self.owed += head.budget
            head.budget = 0
        if head.path == "/bug":
            raise ZeroDivisionError("a bug")
        answer = Answer.make(200, str(len(body)).encode() + self.padding)
        if head.path == "/later":
            self.awaited.append((Awaited(), answer))
            return self.awaited[-1][0]
        return answer

    def give(self, number: int) -> None:
        """Answer the request to `/later` that came as this number, from 0."""
        awaited, answer = self.awaited[number]
        awaited.give(answer)

    def too_large(self, head: Head) -> Answer:
        return self._refuse(413, "too_large")

    def no_memory(self, head: Head) -> Answer:
        return self._refuse(429, "no_memory")

    def malformed(self, why: str) -> Answer:
        return self._refuse(400, why)

    def timed_out(self) -> Answer:
        return self._refuse(408, "timed_out")

    def too_many(self) -> Answer:
        return self._refuse(503, "too_many", [("retry-after", "1")])

    def forbidden(self) -> Answer:
        return self._refuse(403, "forbidden")

    def bug(self, error: Exception) -> Answer:
        self.bugs.append(error)
        return self._refuse(503, "bug")

    def _refuse(self, status: int, why: str, headers: list[tuple[str, str]] | None = None) -> Answer:
        self.refused.append(why)
        return Answer.make(status, why.encode(), headers=headers or [])


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        return self.headers.get("connection") == "close"


class Client:
    """One connection, spoken to in bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, raw: bytes) -> None:
        self.writer.write(raw)

    async def send_all(self, raw: bytes) -> None:
        self.writer.write(raw)
        await asyncio.wait_for(self.writer.drain(), PATIENCE)

    async def reply(self, *, bodiless: bool = False) -> Reply:
        async with asyncio.timeout(PATIENCE):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            pairs = [line.split(": ", 1) for line in lines[1:] if line]
            headers = {name.lower(): value for name, value in pairs}
            size = 0 if bodiless else int(headers.get("content-length", 0))
            return Reply(int(lines[0].split()[1]), headers, await self.reader.readexactly(size))

    async def ask(self, raw: bytes) -> Reply:
        self.send(raw)
        return await self.reply()

    async def rest(self) -> bytes:
        """What comes until the server ends."""
        try:
            return await asyncio.wait_for(self.reader.read(-1), PATIENCE)
        except ConnectionResetError:
            return b""

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


class Rig:
    """Everything between a unix socket and the fake door. Leaving it checks that nothing is held."""

    def __init__(self, home: Path, *, custody: int = 64 << 20, **limits: object) -> None:
        self.path = home / "inspan.sock"
        self.door = FakeDoor()
        self.memory = Memory(custody, 0)
        self.limits = Limits(**limits)  # type: ignore[arg-type]
        self.stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self.connections = Connections(self.limits, self.door, loop, interval=0.02)
        await self.stack.enter_async_context(listen_unix(SocketConfig(path=self.path), self.connection))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stack.aclose()
        await self.connections.close(0.0)
        assert self.memory.custody == self.door.owed
        assert len(self.connections) == 0
        assert self.connections.agents.alive == 0

    def connection(self) -> Connection:
        return Connection(self.connections, self.door, self.memory)

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        client = Client(*await asyncio.open_unix_connection(self.path))
        try:
            yield client
        finally:
            await client.close()

    async def until(self, truth: Callable[[], bool]) -> None:
        """Wait for what the server does on its own."""
        async with asyncio.timeout(PATIENCE):
            while not truth():
                await asyncio.sleep(0.002)


def post(body: bytes = b"", path: str = "/v1/traces", *extra: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: localhost", f"content-length: {len(body)}", *extra]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(*pieces: bytes, path: str = "/v1/traces", end: bytes = b"0\r\n\r\n", extra: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\n{extra}transfer-encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + end


class Sunk:
    """A transport that keeps what is written: over a socket, the loop would join again what was cut."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False
        self.reading = True

    family = socket.AF_INET  # it is its own socket, of a kind that has no peer to ask for

    def get_extra_info(self, name: str) -> Self:
        return self

    def write(self, raw: bytes) -> None:
        assert not self.closed
        self.written.append(raw)

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def write_eof(self) -> None:
        self.closed = True

    close = abort = write_eof


def feeding(rig: Rig) -> tuple[Connection, list[bytes]]:
    """A connection to be fed by hand, and where its answers land."""
    connection = rig.connection()
    sunk = Sunk()
    connection.connection_made(sunk)  # type: ignore[arg-type]
    return connection, sunk.written


def statuses(written: list[bytes]) -> list[int]:
    return [int(raw[9:12]) for raw in written]


def random_pieces(rng: random.Random, raw: bytes) -> list[bytes]:
    size = rng.choice((1, 3, 50, 1000))
    pieces = []
    while raw:
        at = rng.randint(1, size)
        pieces.append(raw[:at])
        raw = raw[at:]
    return pieces
