"""The real Scribe on a real file without its thread: it works when told to, fails when told to, and dies when told to.

What its thread would do between any two turns of the loop is a step here, so that a kill can come between the commit
and its callback, between the books and the hand-over, and in the middle of a turn.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.collector.spool.damage import garbage

from inspan_collector.row import Trouble, Write
from inspan_collector.spool.database import PAGE
from inspan_collector.spool.disk import OpenStore
from inspan_collector.spool.jobs import GROUP, only_takes_away
from inspan_collector.spool.scribe import Scribe
from inspan_collector.spool.store import Applied, Store


class Killed(KeyboardInterrupt):
    """The process is killed here. Of this kind, since a loop lets nothing else through at once."""


class Faults:
    """What the disk has. kind: `io` (nothing works, until healed), `full` (puts fail), and for once `torn` (a group
    fails), `late` (a group is written, and fails all the same) or `unread` (a question fails)."""

    def __init__(self) -> None:
        self.kind = ""

    def once(self, *kinds: str) -> str:
        """The kind, where it is one of these: it is over then."""
        kind = self.kind
        if kind not in kinds:
            return ""
        self.kind = ""
        return kind

    def open_store(self) -> OpenStore:
        faults = self

        class Faulty(Store):
            def apply(self, writes: Iterable[Write]) -> Applied:
                group = list(writes)
                if faults.kind == "io" or faults.once("torn"):
                    raise Trouble("io", "fails")
                if faults.kind == "full" and not all(map(only_takes_away, group)):
                    raise Trouble("full", "fails")
                applied = super().apply(group)
                if faults.once("late"):
                    raise Trouble("io", "fails after the fact")
                return applied

            def page(self, *args: Any, **options: Any) -> Any:
                faults.read()
                return super().page(*args, **options)

            def look_up(self, *args: Any) -> Any:
                faults.read()
                return super().look_up(*args)

        def opened(path: Path, **options: Any) -> Store:
            if faults.kind == "io":
                raise Trouble("io", "cannot be opened")
            return Faulty.open(path, **options)

        return opened

    def read(self) -> None:
        if self.kind == "io" or self.once("unread"):
            raise Trouble("io", "cannot be read")


class SlowScribe(Scribe):
    """most: writes of one group. fuse: commits until the process is killed, right after one; None: never."""

    def __init__(self, path: Path, faults: Faults, **wiring: Callable[..., Any]) -> None:
        super().__init__(path, tick=0.0, open_store=faults.open_store(), **wiring)  # type: ignore[arg-type]
        self.most = GROUP
        self.due = False
        self.swift = False
        self.fuse: int | None = None
        self.dead = False

    def start(self) -> None:
        self.due = True

    def stop(self, timeout: float) -> bool:
        """At a clean end, when every step was made."""
        self.ended = True
        self.disk.close()
        return True

    def _wake(self) -> None:
        while self.swift and self.jobs and not self.dead:
            self.step()

    def step(self) -> None:
        """What one turn of the thread would do."""
        if self.due:
            self.due = False
            self._look()
        group, size = self.jobs.take(self.most)
        if group:
            self._write(group, size)
            if self.fuse is not None:
                self.fuse -= 1
                if self.fuse <= 0:
                    self.die()
                    raise Killed
        if question := self.jobs.question():
            self._answer(question)

    def die(self) -> None:
        """Nothing is written any more."""
        self.dead = True
        self.jobs.drain()
        self.swift = False

    def flip(self, number: int) -> int | None:
        """Change a byte of a row's body on disk. Returns its seq, None where there is no row."""
        if self.disk.store is None:
            return None
        execute = self.disk.store.database.execute
        found = execute("select seq, body from rows where size > 0 order by seq").fetchall()
        if not found:
            return None
        seq, body = found[number % len(found)]
        at = number % len(body)
        execute(
            "update rows set body = ? where seq = ?", (body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :], seq)
        ).fetchall()
        return int(seq)

    def spoil(self, number: int) -> None:
        """A page of the file becomes garbage."""
        if self.disk.store is not None:
            self.disk.store.checkpoint()
        path = self.disk.path
        if path.exists() and (pages := path.stat().st_size // PAGE):
            garbage(path, number % pages * PAGE, PAGE)
