"""An agent beside inspan: records spans and posts them to its socket. Run as `python -m bench.inspan_agent`.

As a client library would: each copy is encoded when it is recorded, what was recorded within a moment goes in one post
on a kept connection, and what is refused is kept and posted again. Target: the socket's path, or `nowhere`, which
records nothing and shows what following the schedule costs.
"""

import asyncio
import contextlib
import uuid
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec

from bench.contents import AGENT, Contents
from bench.pace import Recorder, serve
from bench.schedule import Planned

MOMENT: Final = 0.05  # s; below what anybody sees, and 20 posts a second at most
MOST: Final = 1000  # copies a post, as in the contract of SGP
REST: Final = 0.5  # s after a refusal that does not say how long
TRY_AGAIN: Final = (429, 503)


class Nowhere:
    """Records nothing."""

    async def start(self, position: int) -> tuple[str, str]:
        return "", str(position)

    async def end(self, position: int) -> None:
        pass

    async def close(self) -> None:
        pass

    def said(self) -> dict[str, int]:
        return {}


class Poster:
    """Posts what is recorded, in order, over one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.waiting: list[bytes] = []
        self.recorded = asyncio.Event()
        self.refused = 0
        self.task = asyncio.create_task(self._run())

    def __repr__(self) -> str:
        return f"<Poster {len(self.waiting)} copies wait>"

    def record(self, copy: bytes) -> None:
        """Keep a copy for the next post."""
        self.waiting.append(copy)
        self.recorded.set()

    def said(self) -> dict[str, int]:
        """See Recorder.said."""
        return {"refused": self.refused}

    async def close(self) -> None:
        """Post the rest."""
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task
        while self.waiting:
            await self._post()
        self.writer.close()
        await self.writer.wait_closed()

    async def _run(self) -> None:
        while True:
            await self.recorded.wait()
            await asyncio.sleep(MOMENT)
            self.recorded.clear()
            post = asyncio.create_task(self._post())
            try:
                await asyncio.shield(post)
            except asyncio.CancelledError:
                await post  # a post that is under way is not sent twice
                raise

    async def _post(self) -> None:
        """Everything that waits, in posts that are each tried until they are taken. Raises RuntimeError."""
        while self.waiting:
            taken, self.waiting = self.waiting[:MOST], self.waiting[MOST:]
            body = b"[" + b",".join(taken) + b"]"
            head = b"POST /v1/spans HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            request = head + b"content-length: %d\r\n\r\n" % len(body) + body
            while (rest := await self._ask(request)) is not None:
                self.refused += len(taken)
                await asyncio.sleep(rest)

    async def _ask(self, request: bytes) -> float | None:
        """None where it was taken, else the seconds to wait."""
        self.writer.write(request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status = int(head[9:12])
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        answer = await self.reader.readexactly(int(fields["content-length"]))
        if status // 100 == 2:
            return None
        if status not in TRY_AGAIN:
            raise RuntimeError(f"{head}{answer!r}")
        return float(fields.get("retry-after", REST))


class Records(Protocol):
    """What an agent hands its copies to."""

    def record(self, copy: bytes) -> None: ...

    async def close(self) -> None: ...

    def said(self) -> dict[str, int]: ...


class Agent:
    """Spans as the SGP processor of agentex-sdk writes them, handed to a poster."""

    def __init__(self, poster: Records, spans: list[Planned], contents: Contents) -> None:
        self.poster = poster
        self.spans = spans
        self.contents = contents
        self.ids = [""] * len(spans)
        self.open: dict[int, dict[str, Any]] = {}
        self.encode = msgspec.json.Encoder().encode

    def __repr__(self) -> str:
        return f"<Agent {len(self.open)} spans open>"

    async def start(self, position: int) -> tuple[str, str]:
        """See Recorder.start."""
        planned, content = self.spans[position], self.contents[position]
        self.ids[position] = str(uuid.uuid4())
        span: dict[str, Any] = {
            "name": content.name,
            "id": self.ids[position],
            "trace_id": planned.trace_id,
            "start_timestamp": datetime.now(UTC).isoformat(),
            "input": content.input,
            "output": {},
            "metadata": content.metadata | AGENT,
            "status": "SUCCESS",
            "type": content.kind,
        }
        if planned.parent is not None:
            span["parent_id"] = self.ids[planned.parent]
        self.open[position] = span
        self.poster.record(self.encode(span))
        return planned.trace_id, self.ids[position]

    async def end(self, position: int) -> None:
        """See Recorder.end."""
        span = self.open.pop(position)
        span["output"] = self.contents[position].output
        span["end_timestamp"] = datetime.now(UTC).isoformat()
        self.poster.record(self.encode(span))

    async def close(self) -> None:
        """See Recorder.close."""
        await self.poster.close()

    def said(self) -> dict[str, int]:
        """See Recorder.said."""
        return self.poster.said()


async def _make(target: str, spans: list[Planned], seed: int) -> Recorder:
    if target == "nowhere":
        return Nowhere()
    return Agent(Poster(*await asyncio.open_unix_connection(target)), spans, Contents(seed))


if __name__ == "__main__":
    serve("bench.inspan_agent", _make)
