"""One who looks at `GET /live`, as a browser would: event by event."""

import asyncio
import json
from types import TracebackType
from typing import Any, Self

import aiohttp

PATIENCE = 5.0  # s


class Watch:
    """`async with Watch(url) as watch:` reads (event, what it says), one at a time."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def __aenter__(self) -> Self:
        self.http = aiohttp.ClientSession(read_bufsize=1 << 22)  # the first line has ten minutes
        self.answer = await self.http.get(f"{self.url}/live")
        assert self.answer.status == 200, await self.answer.text()
        assert self.answer.content_type == "text/event-stream"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.answer.close()
        await self.http.close()

    async def next(self) -> tuple[str, Any]:
        """The next event; ("", None) where the stream has ended."""
        async with asyncio.timeout(PATIENCE):
            name, value = "", None
            while line := (await self.answer.content.readline()).decode().rstrip("\n"):
                field, _, rest = line.partition(": ")
                assert field in ("event", "data")
                name, value = (rest, value) if field == "event" else (name, json.loads(rest))
            return name, value

    async def moment(self) -> dict[str, Any]:
        """The next event, which must be a moment."""
        name, found = await self.next()
        assert name == "moment"
        return dict(found)
