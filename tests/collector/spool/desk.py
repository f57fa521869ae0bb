"""A Scribe as the loop has it, with a loop that is one queue: what it is told runs in the test's own thread."""

import queue
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self, TypeVar

from tests.collector.spool.rig import EPOCH, read, row

from inspan_collector.row import Row, Trouble, Write
from inspan_collector.spool.disk import Opened
from inspan_collector.spool.scribe import Scribe
from inspan_collector.spool.store import Applied, Store

T = TypeVar("T")

PATIENCE = 20.0  # s until a test says what it waits for; the machine may be busy
TICK = 0.01  # s


class Desk(AbstractContextManager["Desk"]):
    def __init__(self, path: Path, *, tick: float = TICK, open_store: Callable[..., Store] = Store.open) -> None:
        self.path = path
        self.calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.opened: list[Opened] = []
        self.troubles: list[Trouble] = []
        self.applied: list[Applied] = []
        self.scribe = Scribe(
            path,
            call=self.calls.put,
            opened=self.opened.append,
            troubled=self.troubles.append,
            committed=self.applied.append,
            tick=tick,
            open_store=open_store,
        )

    def __enter__(self) -> Self:
        self.scribe.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.scribe.stop(PATIENCE)
        self.run()

    def run(self) -> None:
        """What is there to be called now."""
        while not self.calls.empty():
            self.calls.get()()

    def until(self, reached: Callable[[], object]) -> None:
        """Run callbacks until something is so."""
        end = time.monotonic() + PATIENCE
        while not reached():
            left = end - time.monotonic()
            assert left > 0, (self.scribe, self.troubles, self.opened)
            try:
                self.calls.get(timeout=min(left, TICK))()
            except queue.Empty:
                continue

    def until_opened(self, times: int = 1) -> Opened:
        self.until(lambda: len(self.opened) >= times)
        return self.opened[times - 1]

    def until_troubled(self, kind: str) -> Trouble:
        self.until(lambda: self.scribe.trouble is not None and self.scribe.trouble.kind == kind)
        self.until(lambda: self.troubles and self.troubles[-1].kind == kind)
        return self.troubles[-1]

    def until_sound(self) -> Opened:
        self.until(lambda: self.scribe.trouble is None and self.scribe.disk.store is not None)
        self.run()
        return self.opened[-1]

    def write(self, write: Write) -> Trouble | None:
        """Write, and wait for what became of it."""
        (answer,) = self.write_all([write])
        return answer

    def write_all(self, writes: Iterable[Write]) -> list[Trouble | None]:
        writes = list(writes)
        answers: list[Trouble | None] = []
        for write in writes:
            write.done = answers.append
        self.scribe.write(writes)
        self.until(lambda: len(answers) == len(writes))
        return answers

    def put(self, *rows: Row) -> Trouble | None:
        return self.write(Write(put=rows))

    def erase(self, *seqs: int) -> Trouble | None:
        return self.write(Write(erase=[EPOCH + seq for seq in seqs]))

    def ask(self, question: Callable[[Store], T]) -> T | Trouble:
        answers: list[T | Trouble] = []
        self.scribe.ask(question, answers.append)
        self.until(lambda: answers)
        return answers[0]

    def seqs(self) -> list[int]:
        """What is on disk, as the thread sees it."""
        rows = self.ask(read)
        assert not isinstance(rows, Trouble), rows
        return [found.seq - EPOCH for found in rows]


def large(seq: int, size: int = 100_000) -> Row:
    return row(seq, body=seq.to_bytes(4, "big") * (size // 4))


def beside(path: Path, ending: str) -> list[Path]:
    """Databases that were moved aside, by what follows the spool's own name."""
    found = sorted(path.parent.glob(f"{path.name}.{ending}-*"))
    return [each for each in found if not each.name.endswith(("-wal", "-shm"))]
