"""The demo's processes: started with a clean environment, read line by line, ended by their own id."""

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from inspan_collector.errors import InspanError

PATIENCE: Final = 3.0  # s between asking a process to end and ending it
LINE: Final = 1 << 20  # bytes; a traceback in a JSON log line is longer than asyncio's 64 KiB
TAIL: Final = 8  # lines that are kept of what is no JSON: the end of a traceback
FOREIGN: Final = ("INSPAN_", "OTEL_", "SGP_")  # what the user's shell says to sidecars and SDKs is not meant for ours

Line = dict[str, Any]


class DemoError(InspanError):
    """The demo cannot go on: a process did not start, or ended early. The message has its last words."""


class Child:
    """One process of the demo. lines: the JSON objects it wrote, to whoever listens; tail: the rest."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, listen: Callable[[Line], None]) -> None:
        self.name = name
        self.process = process
        self.listen = listen
        self.tail: deque[str] = deque(maxlen=TAIL)
        self.reading = asyncio.create_task(self._read())

    def __repr__(self) -> str:
        return f"<Child {self.name} {self.process.pid} {self.process.returncode}>"

    async def _read(self) -> None:
        lines = self.process.stdout
        while lines is not None and (raw := await lines.readline()):
            line = _object(raw)
            if line is None:
                self.tail.append(raw.decode("utf-8", "replace").rstrip())
                continue
            self.listen(line)
            if line.get("level") == "error":
                self.tail.append(f"{line.get('message')} {line.get('error', '')}")

    def ask_to_end(self) -> None:
        """SIGTERM, unless it has ended already."""
        if self.process.returncode is None:
            self.process.terminate()

    async def ended(self, seconds: float) -> int:
        """Its exit code, when it has ended and everything it wrote is read.

        Errors: DemoError where it takes longer.
        """
        try:
            async with asyncio.timeout(seconds):
                await self.reading
                return await self.process.wait()
        except TimeoutError:
            raise DemoError(f"{self.name} did not end within {seconds:g} s") from None

    def failure(self, what: str) -> DemoError:
        """An error with the last words of this process."""
        return DemoError("\n  ".join([f"{self.name} {what}", *self.tail]))

    async def close(self) -> None:
        """End it, gently if it lets us."""
        self.ask_to_end()
        try:
            async with asyncio.timeout(PATIENCE):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        self.reading.cancel()


@asynccontextmanager
async def started(name: str, arguments: Sequence[str], listen: Callable[[Line], None]) -> AsyncIterator[Child]:
    """Run `python -m ARGUMENTS` while the context is open. listen: is given each JSON object that it writes.

    In a session of its own: a Ctrl-C in the terminal is for the demo, which ends its processes in order.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # the working directory may hold a module called `inspan`
        "-m",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=clean(os.environ),
        start_new_session=True,
        limit=LINE,
    )
    child = Child(name, process, listen)
    try:
        yield child
    finally:
        await child.close()


def _object(raw: bytes) -> Line | None:
    try:
        return msgspec.json.decode(raw, type=Line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would configure our processes."""
    return {name: value for name, value in environ.items() if not name.upper().startswith(FOREIGN)}


def stop_on_signals() -> None:
    """Cancel the running task at the first signal to end; later ones change nothing, so that the end is orderly."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    asked: list[int] = []

    def ask(number: int) -> None:
        if task is not None and not asked:
            task.cancel()
        asked.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ask, number)
