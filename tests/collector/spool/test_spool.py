"""What the loop makes of a disk that works again: nothing that is in memory is taken for something on disk alone."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.collector.pipeline.disk import ModelPage
from tests.virtual_time import run

from inspan_collector.config.model import SpoolConfig
from inspan_collector.events import Events
from inspan_collector.row import Row, Total, Trouble, Write
from inspan_collector.spool.disk import Opened
from inspan_collector.spool.share import Share
from inspan_collector.spool.spool import AGAIN, Spool
from inspan_collector.spool.store import Store

FAILED = Trouble("io", "the disk fails")


class SlowScribe:
    """A scribe whose thread comes to its jobs when the test says so, writes first, as the real one may."""

    def __init__(self, spool: Spool, store: Store) -> None:
        self.trouble: Trouble | None = None
        self.spool = spool
        self.store = store
        self.writes: deque[Write] = deque()
        self.questions: deque[tuple[Callable[[Store], Any], Callable[[Any], None], int]] = deque()
        self.taken = 0

    def write(self, writes: Iterable[Write]) -> None:
        self.writes.extend(writes)

    def ask(self, question: Callable[[Store], Any], done: Callable[[Any], None]) -> None:
        self.questions.append((question, done, self.taken + len(self.writes)))

    def run_writes(self, count: int | None = None) -> None:
        for _ in range(len(self.writes) if count is None else count):
            write = self.writes.popleft()
            self.taken += 1
            self.spool._committed(self.store.apply([write]))
            write.done(None)

    def fail_writes(self, *, written: bool) -> None:
        """written: the disk has them all the same, as after an fsync that failed."""
        writes, self.writes = list(self.writes), deque()
        for write in writes:
            if written:
                self.store.apply([write])
            write.done(FAILED)

    def answer(self) -> None:
        """Once every write before the question is done."""
        question, done, after = self.questions.popleft()
        self.run_writes(max(0, after - self.taken))
        done(question(self.store))

    def fail_question(self, trouble: Trouble) -> None:
        self.questions.popleft()[1](trouble)


class Books:
    """A reader that books what it is told as a backlog does: the rest of what is on disk is on disk alone."""

    def __init__(self, share: Share) -> None:
        self.share = share
        self.found_spans: list[int] = []

    def asked(self) -> Sequence[int]:
        return []

    def found(self, total: Total, present: Mapping[int, int], *, salvaged: bool, damaged: int = 0) -> None:
        self.share.disk_spans = total.spans
        self.found_spans.append(self.share.spooled())

    def lost(self) -> None: ...


class Scene:
    """A spool with one share, the scribe behind it, and what its reader was told."""

    def __init__(self, path: Path, store: Store) -> None:
        self.spool = Spool(SpoolConfig(path=path), Events())
        self.scribe = SlowScribe(self.spool, store)
        self.spool.scribe = self.scribe  # type: ignore[assignment]
        self.share = Share("up", self.spool, always=True, wall=lambda at: at)
        self.share.page = ModelPage()
        self.spool.shares["up"] = self.share
        self.books = self.spool.readers["up"] = Books(self.share)

    def open(self) -> None:
        self.spool._opened(Opened(1, "again", None, None, []))

    def row(self) -> Row:
        return Row(self.spool.number(1), "up", "otlp_protobuf", 3, 0.0, "", b"body")


def play(tmp_path: Path, act: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        store = Store.open(tmp_path / "spool.db")
        try:
            await act(Scene(tmp_path / "spool.db", store))
        finally:
            store.close()

    run(main())


async def turn() -> None:
    """What was put leaves the loop at the end of its turn."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def test_a_row_that_is_written_while_it_is_looked_what_is_there_is_known_to_be_there(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.open()
        row = scene.row()
        scene.share.put([row], {})
        await turn()
        scene.scribe.run_writes()
        scene.scribe.answer()
        assert scene.share.is_durable(row.seq)
        assert scene.books.found_spans == [0]

    play(tmp_path, act)


def test_a_row_that_failed_and_is_there_is_taken_away_before_anybody_counts(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.share.put([scene.row()], {})
        await turn()
        scene.scribe.fail_writes(written=True)
        scene.open()  # in the same turn of the loop
        scene.scribe.answer()
        assert scene.books.found_spans == [0]
        assert scene.share.spooled() == 0

    play(tmp_path, act)


def test_what_must_be_there_together_is_written_before_anybody_counts(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        old, new = scene.row(), scene.row()
        scene.share.put([old], {})
        await turn()
        scene.scribe.run_writes()
        scene.share.put([new], {new.seq: old.seq})
        await turn()
        scene.scribe.fail_writes(written=True)
        scene.open()
        scene.scribe.answer()
        assert scene.books.found_spans == [0]
        assert scene.share.is_durable(new.seq)
        await turn()
        scene.scribe.run_writes()
        assert scene.share.spooled() == 0

    play(tmp_path, act)


def test_what_two_lives_number_before_the_disk_speaks_does_not_meet(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        first = [scene.row() for _ in range(100)]
        later = Spool(scene.spool.config, Events(wall=lambda: time.time() + 1.0))
        assert later.number(1) > first[-1].seq
        assert later.number(1) < 1 << 63  # SQLite's, and the mirror's

    play(tmp_path, act)


def test_a_file_that_could_be_opened_and_not_be_read_is_read_again(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        scene.open()
        scene.scribe.fail_question(FAILED)
        assert not scene.spool.open
        await asyncio.sleep(AGAIN * 1.1)
        scene.scribe.answer()
        assert scene.spool.open

    play(tmp_path, act)
