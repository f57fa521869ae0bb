"""The three ways to look: live on a terminal, one frame, or a line of JSON each second."""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Final

import aiohttp

from inspan_collector.cli.asking import Failed, Misused
from inspan_collector.cli.terminal import say
from inspan_collector.cli.top import told
from inspan_collector.cli.top.feed import Away, Unusable, listen
from inspan_collector.cli.top.frame import frame
from inspan_collector.cli.top.watch import Watch
from inspan_collector.screen.paint import COLUMNS, Paint, colours
from inspan_collector.screen.whole import Whole

AGAIN: Final = (
    1.0  # s before the next try to reach a sidecar that is away; also between frames in which only time passes
)
ROWS: Final = 200  # of a frame that nobody has to fit onto a terminal
INTERRUPTED: Final = 130  # as shells have it
SETTLED: Final = 2  # moments in which a single frame has rates


def top(arguments: argparse.Namespace) -> int:
    """Look, until it is enough. Raises Failed, and Misused where there is no terminal to draw on."""
    if arguments.json:
        return asyncio.run(_lines(arguments))
    if arguments.once:
        return asyncio.run(_once(arguments))
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        raise Misused("there is no terminal to draw on: --once prints a frame, --json a line each second")
    return asyncio.run(_live(arguments))


async def _live(arguments: argparse.Namespace) -> int:
    return await Live(arguments.admin).run()


async def _lines(arguments: argparse.Namespace) -> int:
    async with _heard(arguments.admin) as feed:
        async for name, data in feed:
            if name == "moment":
                say(data.decode(), now=True)
                if arguments.once:
                    return 0
    return 0


async def _once(arguments: argparse.Namespace) -> int:
    watch = Watch()
    async with _heard(arguments.admin) as feed:
        async for name, data in feed:
            hear(watch, name, data)
            if len(watch.moments) == SETTLED:
                break
    columns = shutil.get_terminal_size((COLUMNS, ROWS)).columns
    paint = Paint(on=colours(sys.stdout))
    for each in frame(watch, arguments.admin, time.time(), columns=columns or COLUMNS, rows=ROWS, paint=paint):
        say(each)
    return 0


@contextlib.asynccontextmanager
async def _heard(address: str) -> AsyncIterator[AsyncIterator[tuple[str, bytes]]]:
    """The feed of a sidecar that must be there. Raises Failed."""
    async with aiohttp.ClientSession() as session:
        feed = listen(session, f"http://{address}")
        try:
            yield feed
        except (Away, Unusable) as error:
            raise _failed(address, error) from None


def _failed(address: str, error: Exception) -> Failed:
    what = "is a sidecar running, and is this its admin.listen?" if isinstance(error, Away) else "inspan serves /live"
    return Failed(f"{address}: {error}; {what}")


def hear(watch: Watch, name: str, data: bytes) -> None:
    """Tell the watch what the feed says."""
    if name == "history":
        watch.begin(told.history(data))
    elif name == "moment":
        watch.hear(told.moment(data))


class Live:
    """Draws whenever something changes: a moment, the terminal's size, a second that passes while it is away."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.watch = Watch()
        self.changed = asyncio.Event()
        self.met = False
        self.code: int | None = None
        self.paint = Paint(on=colours(sys.stdout))
        self.whole = Whole()

    async def run(self) -> int:
        """Until somebody ends it. Raises Failed where there was never anything to see."""
        hearing = asyncio.create_task(self._hear())
        try:
            await self._first(hearing)
            with self.whole, self._keys():
                while self.code is None:
                    self._draw()
                    self.changed.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self.changed.wait(), AGAIN)
                    if hearing.done():
                        hearing.result()
        finally:
            hearing.cancel()
            await asyncio.wait({hearing})
        return self.code

    async def _first(self, hearing: "asyncio.Task[None]") -> None:
        """Wait for something to draw. Raises Failed."""
        while not self.met:
            waiting = asyncio.create_task(self.changed.wait())
            await asyncio.wait({hearing, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            self.changed.clear()
            if hearing.done():
                hearing.result()

    async def _hear(self) -> None:
        """The feed, again and again; what is heard of a sidecar that comes back is new."""
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    async for name, data in listen(session, f"http://{self.address}"):
                        hear(self.watch, name, data)
                        self.met = self.met or bool(self.watch.moments)
                        self.changed.set()
                except (Away, Unusable) as error:
                    if not self.met:
                        raise _failed(self.address, error) from None
                    self.watch.leave(time.time(), str(error))
                    self.changed.set()
                await asyncio.sleep(AGAIN)

    def _draw(self) -> None:
        if not self.watch.moments:
            return  # it has come back, and its first moment is on its way
        columns, rows = self.whole.size()
        columns -= 1  # the end of a line is erased behind it, and not its last character
        lines = frame(self.watch, self.address, time.time(), columns=columns, rows=rows, paint=self.paint)
        self.whole.draw(lines)

    # Keys and signals

    @contextlib.contextmanager
    def _keys(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._end, INTERRUPTED)
        loop.add_signal_handler(signal.SIGWINCH, self.changed.set)
        loop.add_signal_handler(signal.SIGTSTP, self._pause)
        if self.whole.keys is not None:
            loop.add_reader(self.whole.keys, self._key, self.whole.keys)
        try:
            yield
        finally:
            if self.whole.keys is not None:
                loop.remove_reader(self.whole.keys)

    def _key(self, keys: int) -> None:
        pressed = os.read(keys, 64)
        if not pressed or pressed[:1] in b"qQ\x03\x04":  # nothing: the terminal has gone
            self._end(0)

    def _end(self, code: int) -> None:
        self.code = code
        self.changed.set()

    def _pause(self) -> None:
        """Ctrl-Z: the shell gets its terminal, and we ours when we go on."""
        self.whole.give_back()
        os.kill(os.getpid(), signal.SIGSTOP)
        self.whole.take()
        self.changed.set()
