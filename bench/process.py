"""Processes that are measured: pinned to a core from their first instruction, bounded in time, ended by their id."""

import contextlib
import os
import select
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

ROOT: Final = Path(__file__).parents[1]
TICK: Final = 1 / os.sysconf("SC_CLK_TCK")  # s; /proc/PID/stat counts CPU time in these
ENDING: Final = 30.0  # s; over the 20 that a drain of inspan may take
CPU_FIELDS: Final = slice(11, 15)  # utime, stime, and both of children that ended; proc(5), counted after the name


class Failed(Exception):
    """A process did not do what the measurement needs."""


class Process:
    """A started process and its children. `with` ends it. core: None for where we may run. asked: it answers questions,
    see `ask`."""

    def __init__(
        self, argv: Sequence[str], core: int | None, log: Path, environ: Mapping[str, str], *, asked: bool = False
    ) -> None:
        self.name = " ".join(argv)[:60]
        self.log = log
        try:
            with _pinned(core), log.open("wb") as written:
                self.popen = subprocess.Popen(
                    argv,
                    stdin=subprocess.PIPE if asked else subprocess.DEVNULL,
                    stdout=subprocess.PIPE if asked else written,
                    stderr=written,
                    env=environ,
                    cwd=ROOT,
                    bufsize=0,
                )
        except OSError as error:
            raise Failed(f"cannot start {self.name}: {error}") from None

    def __repr__(self) -> str:
        return f"<Process {self.name} {self.popen.pid} {self.popen.poll()}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """SIGTERM, and SIGKILL where that does not help."""
        self.popen.terminate()
        try:
            self.popen.wait(ENDING)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait(ENDING)
        for stream in (self.popen.stdin, self.popen.stdout):
            if stream is not None:
                stream.close()

    def tree(self) -> list[int]:
        """Its id and those of its children."""
        found = [self.popen.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                found += map(int, task.read_text().split())
        return found

    def cpu(self) -> float:
        """CPU-seconds of the tree so far, user and system. Raises Failed where it has ended."""
        with self._alive():
            return sum(sum(map(int, _stat(pid)[CPU_FIELDS])) for pid in self.tree()) * TICK

    def threads(self) -> dict[int, float]:
        """CPU-seconds of each of its own threads so far, by id. Raises Failed where it has ended."""
        with self._alive():
            paths = Path(f"/proc/{self.popen.pid}/task").iterdir()
            return {int(path.name): sum(map(int, _stat_of(path)[CPU_FIELDS][:2])) * TICK for path in paths}

    def written(self) -> int:
        """Bytes that it had written to disk so far; proc(5), io. Raises Failed where it has ended."""
        with self._alive():
            lines = Path(f"/proc/{self.popen.pid}/io").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes:"))

    def memory(self, field: str) -> int:
        """Bytes of the tree: `VmRSS` now, `VmHWM` at its peak. Raises Failed where it has ended."""
        with self._alive():
            return sum(_status(pid, field) for pid in self.tree())

    def ask(self, question: str, timeout: float) -> bytes:
        """One line in, one line back. Raises Failed where none comes in `timeout` seconds."""
        self.tell(question)
        return self.hear(timeout)

    def tell(self, question: str) -> None:
        """One line in; `hear` has the answer. So several can be busy at once."""
        assert self.popen.stdin is not None
        with self._alive():
            self.popen.stdin.write(question.encode() + b"\n")

    def hear(self, timeout: float) -> bytes:
        """The line that answers what it was told. Raises Failed where none comes in `timeout` seconds."""
        assert self.popen.stdout is not None
        if not select.select([self.popen.stdout], [], [], timeout)[0]:
            raise Failed(f"{self!r} did not answer in {timeout} s")
        answer: bytes = self.popen.stdout.readline()
        if not answer:
            raise Failed(f"{self!r} ended: {self.last_words()}")
        return answer

    @contextlib.contextmanager
    def _alive(self) -> Iterator[None]:
        """What fails in here failed because the process is gone."""
        try:
            yield
        except (FileNotFoundError, ProcessLookupError, BrokenPipeError):
            raise Failed(f"{self!r} ended: {self.last_words()}") from None

    def last_words(self) -> str:
        """The end of what it logged."""
        return self.log.read_text(errors="replace")[-800:].strip()

    def alive(self) -> bool:
        """Whether it runs."""
        return self.popen.poll() is None


def cores() -> tuple[int, int]:
    """(of what is measured, of what measures): the first and the last that we may use."""
    ours = sorted(os.sched_getaffinity(0))
    return ours[0], ours[-1]


@contextlib.contextmanager
def _pinned(core: int | None) -> Iterator[None]:
    """What starts in here inherits the core, and so do its threads: a runtime counts what it may use. None: ours."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _stat(pid: int) -> list[str]:
    return _stat_of(Path(f"/proc/{pid}"))


def _stat_of(place: Path) -> list[str]:
    return (place / "stat").read_text().rpartition(")")[2].split()


def _status(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) << 10
    raise FileNotFoundError(f"/proc/{pid}/status has no {field}")  # a zombie has no memory
