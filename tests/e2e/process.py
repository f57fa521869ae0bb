"""Real processes: started with an environment of their own, waited for, ended by their id."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

START: Final = 30.0  # s; a machine that runs other tests beside this one
ENDING: Final = 30.0  # s; over the 20 that a drain may take
TICK: Final = 0.02  # s between looks
# Nothing of ours leaks in: a stray OTEL_ or SGP_ variable would be a destination.
INHERITED: Final = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")


class Process:
    """A started process; `with` ends it. Its standard output and error go to `log`."""

    def __init__(
        self, argv: Sequence[str], log: Path, environ: Mapping[str, str] = {}, cwd: Path | None = None
    ) -> None:
        self.log = log
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        with log.open("wb") as written:
            self.popen = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                env={**inherited, **environ},
                cwd=cwd or log.parent,
            )

    def __repr__(self) -> str:
        return f"<Process {self.popen.args!r} {self.popen.pid} {self.popen.poll()}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """SIGTERM, and SIGKILL where that does not help. Returns the exit code."""
        self.popen.terminate()
        try:
            return self.popen.wait(ENDING)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            return self.popen.wait(ENDING)

    def wait(self, timeout: float) -> int:
        """The exit code of a process that ends by itself, within `timeout` seconds."""
        return self.popen.wait(timeout)

    def said(self) -> str:
        """All that it wrote so far."""
        return self.log.read_text(errors="replace")

    def until(self, ready: Callable[[], bool], timeout: float = START) -> Self:
        """Wait until it is ready. Fails where it ends before, or after `timeout` seconds."""

        def looked() -> bool:
            assert self.popen.poll() is None, f"{self!r} ended: {self.said()[-2000:]}"
            return ready()

        wait_until(looked, timeout, why=lambda: f"{self!r} is not ready: {self.said()[-2000:]}")
        return self


def wait_until(true: Callable[[], bool], timeout: float, why: Callable[[], str]) -> None:
    """Look until it is true. Fails after `timeout` seconds, and says why."""
    end = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < end, why()
        time.sleep(TICK)


def answers(url: str) -> bool:
    """Whether a GET of the URL is answered 200."""
    try:
        return get(url) is not None
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def get(url: str) -> bytes:
    """The body of a GET; loopback, so no proxy is asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=20) as answer:
        body: bytes = answer.read()
    return body


def free_ports(count: int) -> list[int]:
    """Loopback ports that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def found(variable: str, name: str) -> str | None:
    """The program that the variable names, else the one beside this Python, else the one on the path."""
    named = os.environ.get(variable)
    if named:
        return named
    beside = Path(sys.executable).parent / name
    if beside.exists():
        return str(beside)
    return next(_on_path(name), None)


def _on_path(name: str) -> Iterator[str]:
    for folder in os.get_exec_path():
        if os.access(Path(folder) / name, os.X_OK):
            yield str(Path(folder) / name)


@contextlib.contextmanager
def being_read(pipe: Path) -> Iterator[None]:
    """From when somebody reads a pipe. Inside it is told nothing, and waits."""
    opened: list[int] = []

    def tried() -> bool:
        with contextlib.suppress(OSError):  # ENXIO: nobody reads it yet
            opened.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        return bool(opened)

    wait_until(tried, START, why=lambda: f"nobody reads {pipe}")
    try:
        yield
    finally:
        os.close(opened[0])
