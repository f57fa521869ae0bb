"""The one thread that touches the disk: groups of writes, questions between them, trouble and its end.

The loop hands it jobs and never waits. It answers through `call` alone (`loop.call_soon_threadsafe`), so that every
callback runs on the loop. Whatever the disk says, each job is answered, once.
"""

import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from math import inf
from pathlib import Path
from typing import Final, TypeVar

from inspan_collector.row import TROUBLES, Trouble, TroubleKind, Write
from inspan_collector.spool.answers import Answers, defect
from inspan_collector.spool.debts import Debts
from inspan_collector.spool.disk import Disk, Opened, OpenStore
from inspan_collector.spool.jobs import GROUP, Jobs, Question, only_takes_away
from inspan_collector.spool.store import Applied, Store
from inspan_collector.spool.trouble import told

T = TypeVar("T")

TICK: Final = 1.0  # s between two looks at what is wrong, and at whether the files are still there
RESTS: Final = 10  # times as long as a try to open took, until the next: a salvage that fails reads all of a file
SMALL: Final = 64  # writes of one transaction on a full disk: its log must fit into what the ballast left


class Scribe:
    """Writes a spool. trouble: what is wrong with the disk now, None while nothing is. errors: how often, by kind.

    While there is trouble, a write that puts something fails at once. One that only takes away is owed instead: it is
    done as soon as it can be, and before any put. A put that failed may be on disk all the same where the disk failed
    while it was written: erase it if it must not come back.
    """

    def __init__(
        self,
        path: Path,
        *,
        call: Callable[[Callable[[], None]], object],
        opened: Callable[[Opened], None],
        troubled: Callable[[Trouble], None],
        committed: Callable[[Applied], None],
        tick: float = TICK,
        open_store: OpenStore = Store.open,
    ) -> None:
        self.answers = Answers(call)
        self.opened = opened
        self.troubled = troubled
        self.committed = committed
        self.tick = tick
        self.disk = Disk(path, open_store)
        self.trouble: Trouble | None = None
        self.errors: dict[TroubleKind, int] = dict.fromkeys(TROUBLES, 0)
        self.jobs = Jobs()
        self.debts = Debts()
        self.look_at = 0.0
        self.tried_at = -inf
        self.told: TroubleKind | None = None
        self.stopping = False
        self.failed_before = 0
        self.ended = False
        self.broken = False
        self.wake = threading.Event()
        # A daemon: a disk that hangs in a system call must not keep the process.
        self.thread = threading.Thread(target=self._run, name="scribe", daemon=True)

    def __repr__(self) -> str:
        return f"<Scribe {self.trouble.kind if self.trouble else 'sound'} {self.jobs} {self.debts} {self.disk}>"

    # Called on the loop

    def start(self) -> None:
        """Open the store; `opened` says when."""
        self.thread.start()

    def write(self, writes: Iterable[Write]) -> None:
        """Each write's `done` is called once; in their order, as long as nothing goes wrong."""
        trouble, failed = self.trouble, []
        for write in writes:
            if trouble is None or only_takes_away(write):
                self.jobs.waiting.append(write)
            else:
                failed.append(write)
        if trouble is not None:
            self.answers.fail(failed, trouble)
        self._wake()

    def ask(self, question: Callable[[Store], T], done: Callable[[T | Trouble], None]) -> None:
        """Ask the store, on its thread, once all that was written before is on disk. Keep it short: writes wait."""
        if self.trouble is not None and self.disk.store is None:
            self.answers.tell(partial(done, self.trouble))
            return
        self.jobs.waiting.append(Question(question, done))
        self._wake()

    def stop(self, timeout: float) -> bool:
        """Write what waits, close, and say whether all was written within `timeout` seconds. Nothing may follow."""
        if not self.stopping:
            self.failed_before = self.answers.failed
            self.stopping = True
        self.wake.set()
        if self.thread.is_alive():
            self.thread.join(timeout)
        return self.ended and not self.broken and self.answers.failed == self.failed_before

    def _wake(self) -> None:
        if self.ended:
            self._refuse_all()
        elif not self.wake.is_set():
            self.wake.set()

    # Called on the thread

    def _run(self) -> None:
        try:
            self._look()
            while self.jobs or not self.stopping:
                if not self.jobs:
                    self.wake.wait(self.tick)
                    self.wake.clear()
                if time.monotonic() >= self.look_at:
                    self._look()
                self._turn()
        except Exception as error:  # noqa: BLE001 -- the fate of all that waits
            self.trouble = defect("the spool's thread has ended", error)
            self.broken = True
        finally:  # nobody is left without an answer
            self.trouble = self.trouble or Trouble("io", f"spool {self.disk.path}: it is closed")
            self.ended = True
            self._give_back()
            self._refuse_all()
            self.disk.close()

    def _turn(self) -> None:
        group, size = self.jobs.take(SMALL if self.trouble else GROUP)
        if group:
            self._write(group, size)
        if question := self.jobs.question():
            self._answer(question)

    def _write(self, group: list[Write], size: int) -> None:
        store = self.disk.store
        if self.trouble is not None:
            group = self._without_puts(group, self.trouble)
            if store is None:
                self.answers.fail(self.debts.owe(group), self.trouble)
        if store is None or not group:
            return
        try:
            applied = self.disk.apply(store, group, size)
        except Trouble as trouble:
            self._meet(trouble, group)
        except Exception as error:  # noqa: BLE001 -- the group's fate: our own mistake, and not the disk's
            self.answers.fail(group, defect("a group was not written", error))
        else:
            self.answers.written(group, partial(self.committed, applied))

    def _answer(self, question: Question) -> None:
        store = self.disk.store
        if store is None:
            self.answers.answer(question, self.trouble)
            return
        try:
            with told(self.disk.path):
                answer = question.ask(store)
        except Trouble as trouble:
            self.answers.answer(question, trouble)
            if self.disk.cannot_be_read(trouble):
                self._meet(trouble, [])
        except Exception as error:  # noqa: BLE001 -- the thread must outlive whoever asks
            self.answers.answer(question, defect("a question was not answered", error))
        else:
            self.answers.answer(question, answer)

    def _meet(self, trouble: Trouble, group: list[Write]) -> None:
        """The disk has failed a group, whole. Puts fail, what takes away is owed."""
        self._announce(trouble)
        self.answers.fail(self.debts.owe(self._without_puts(group, trouble)), trouble)
        self.answers.fail(self.jobs.withdraw(), trouble)
        if trouble.kind != "full":
            self.disk.leave(trouble)
            if time.monotonic() - self.tried_at >= self.tick:  # else it opens, and fails as soon as it is used
                self._open()
        elif not self.disk.short:
            self.disk.make_room()
            self._give_back()

    def _look(self) -> None:
        """What is done now and then: is it over, and are the files still there?"""
        self.look_at = time.monotonic() + self.tick
        try:
            self.disk.check()
            store = self.disk.store
            if store is not None and self.trouble is None:
                return
            if store is not None and not self.disk.take_room(store):
                self._give_back()
                return
        except Trouble as trouble:
            self._meet(trouble, [])
            return
        self._open()

    def _open(self) -> None:
        self.tried_at = time.monotonic()
        store = self.disk.store
        try:
            opened = self.disk.open(self._announce) if store is None else self.disk.still_open(store)
        except Trouble as trouble:
            self.disk.leave(trouble)
            self._announce(trouble)
            self.answers.fail(self.jobs.withdraw(), trouble)
            now = time.monotonic()
            self.look_at = now + max(self.tick, RESTS * (now - self.tried_at))
            return
        self.trouble = self.disk.shortage() if self.disk.short else None
        self.answers.tell(partial(self.opened, opened))
        if self.trouble is None:
            self.told = None
        else:
            self._announce(self.trouble)
        self._give_back()

    def _announce(self, trouble: Trouble) -> None:
        """Count it, and tell of it where it is not what was told last."""
        self.trouble = trouble
        if self.told != trouble.kind:
            self.told = trouble.kind
            self.errors[trouble.kind] += 1
            self.answers.tell(partial(self.troubled, trouble))

    def _without_puts(self, group: list[Write], trouble: Trouble) -> list[Write]:
        self.answers.fail([write for write in group if not only_takes_away(write)], trouble)
        return [write for write in group if only_takes_away(write)]

    def _give_back(self) -> None:
        """What is owed is tried again, before anything that came later."""
        self.jobs.put_back(self.debts.claim())

    def _refuse_all(self) -> None:
        """Nothing is written any more."""
        why = self.trouble or Trouble("io", f"spool {self.disk.path}: it is closed")
        writes, questions = self.jobs.drain()
        self.answers.fail(writes, why)
        for question in questions:
            self.answers.answer(question, why)
