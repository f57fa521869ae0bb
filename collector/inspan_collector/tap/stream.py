"""A tap over HTTP: a line of JSON for each sample and, where it says `bytes`, so many of the post behind it.

What reads them is a process of its own: a body of 16 MiB costs the relay a copy into a socket, a little at a time.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Final, cast

import msgspec
from aiohttp import web

from inspan_collector.tap.tap import Sample, Tap, Wish
from inspan_collector.tap.taps import Taps

IDLE: Final = 1.0  # s between lines without a sample: they say what has passed, and find out who has left
SLICE: Final = 64 << 10  # bytes written at once: 10 µs, and all that a socket's buffer takes
PACE: Final = 8 << 20  # bytes a second for each who taps: 1 % of a core, whatever the size of posts
CONTENT_TYPE: Final = "application/octet-stream"


class Streams:
    """Answers those who tap."""

    def __init__(self, taps: Taps) -> None:
        self.taps = taps
        self.running: set[asyncio.Task[object]] = set()

    async def answer(self, request: web.Request, wish: Wish) -> web.StreamResponse:
        """Stream until the client goes, or `stop`. Raises TooMany."""
        woken = asyncio.Event()
        with self.taps.opened(wish, woken.set) as tap, self._noted():
            response = web.StreamResponse(headers={"content-type": CONTENT_TYPE})
            with contextlib.suppress(ConnectionError):  # it has left, which is how one ends
                await response.prepare(request)
                while True:
                    await _write(response, tap)
                    woken.clear()
                    if not tap.waiting:
                        with contextlib.suppress(TimeoutError):
                            await asyncio.wait_for(woken.wait(), IDLE)
            return response

    @contextlib.contextmanager
    def _noted(self) -> Iterator[None]:
        task = cast("asyncio.Task[object]", asyncio.current_task())  # a request has one
        self.running.add(task)
        try:
            yield
        finally:
            self.running.discard(task)

    def stop(self) -> None:
        """End all of them now: no drain waits for who reads slowly."""
        for task in self.running:
            task.cancel()


async def _write(response: web.StreamResponse, tap: Tap) -> None:
    """One sample, or how things stand."""
    told: dict[str, object] = {"passed": tap.passed, "missed": tap.missed}
    sample = tap.read()
    if sample is None:
        await response.write(msgspec.json.encode(told) + b"\n")
        return
    try:
        await _write_sample(response, sample, told)
    finally:
        tap.let_go(sample)
    await asyncio.sleep(len(sample.body) / PACE)


async def _write_sample(response: web.StreamResponse, sample: Sample, told: dict[str, object]) -> None:
    said = {name: getattr(sample, name) for name in Sample.__struct_fields__ if name != "body"}
    await response.write(msgspec.json.encode(told | said | {"bytes": len(sample.body)}) + b"\n")
    whole = memoryview(sample.body)
    for begin in range(0, len(whole), SLICE):
        await response.write(whole[begin : begin + SLICE])
        await asyncio.sleep(0)  # writing waits only where the socket is full
    await response.write(b"\n")
