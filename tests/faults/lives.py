"""A sidecar that is killed and started again on one socket and one spool, with the books of each of its lives."""

import contextlib
import json
import signal
import threading
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

from tests.e2e.sink_process import SinkProcess
from tests.faults.rig import Count
from tests.sidecar import NotStarted, Sidecar

from inspan_collector.ledger import FATES
from inspan_collector.mirror import Former
from inspan_collector.mirror.former import read
from inspan_collector.spool.store import Store

GONE: Final = 10.0  # s in which a killed process has ended


class Left:
    """What a life left: its books as they were published last, and what of them is on disk.

    settled: it lived until it was ready. on_disk: spans by destination of rows that go again. again: spans with a fate
    that are in such rows.
    """

    def __init__(self, former: Former, spool: Path | None, *, settled: bool) -> None:
        self.former = former
        self.settled = settled
        self.on_disk = dict.fromkeys(former.books, 0)
        self.again = dict.fromkeys(former.books, 0)
        if spool is not None and spool.exists():
            with contextlib.closing(Store.read_only(spool)) as store:
                self._look(store)

    def __repr__(self) -> str:
        held = {name: self.former.held(name) for name in self.former.books}
        return f"<Left {held} held, {self.on_disk} on disk, {self.again} again>"

    def _look(self, store: Store) -> None:
        for name, total in store.totals().items():
            rows = self.former.rows.get(name, [])
            there = store.present({seq for seq, _, _ in rows})
            gone = {seq for seq, _, again in rows if not again}
            self.on_disk[name] = total.spans - sum(there[seq][1] for seq in gone & there.keys())
            self.again[name] = sum(spans for seq, spans, again in rows if again and seq in there.keys() - gone)

    def in_memory_alone(self, name: str) -> int:
        """Spans that the kill cost."""
        return self.former.held(name) + self.again[name] - self.on_disk[name]


class Lives:
    """One configuration that lives again and again. left: what each life left that had taken over, in order."""

    def __init__(self, folder: Path, config: dict[str, Any], env: Mapping[str, str] | None = None) -> None:
        self.socket = folder / "inspan.sock"
        self.config = config | {"socket": {"path": str(self.socket)}}
        self.env = env
        self.spool = Path(config["spool"]["path"]) if "spool" in config else None
        beside = self.spool or self.socket
        self.books = beside.with_name(f"{beside.name}.books")
        self.left: list[Left] = []
        self.kills = 0
        self.reposted = 0

    def __repr__(self) -> str:
        return f"<Lives {len(self.left)}, {self.kills} kills>"

    @contextlib.contextmanager
    def life(self) -> Iterator[Sidecar]:
        """Ready inside, and killed at the end, unless it has ended by itself."""
        before = self._inode()
        with Sidecar(self.config, self.env) as sidecar:
            try:
                yield sidecar
            finally:
                if sidecar.process.poll() is None:
                    sidecar.process.kill()
                    sidecar.process.wait(GONE)
                    self.kills += 1
                said = sidecar.text()
                print(said, end="")  # beside a failure
        self._note(before, said, settled=True)

    def stillborn(self, seconds: float) -> None:
        """Killed so long after its start, as a rule before it is ready."""
        before = self._inode()
        sidecar = Sidecar(self.config, self.env)
        timer = threading.Timer(seconds, lambda: sidecar.process.kill())
        timer.start()
        said, settled = "", False
        try:
            with sidecar:
                settled = True
                sidecar.process.wait(GONE)
                said = sidecar.text()
        except NotStarted as why:
            if why.code != -signal.SIGKILL:
                raise
            said = why.text
        except (OSError, HTTPException):  # it was killed just when it had said that it is ready
            sidecar.process.wait(GONE)
            said, settled = sidecar.text(), True
            sidecar.__exit__(None, None, None)
        timer.join()
        self.kills += 1
        self._note(before, said, settled=settled)

    def _inode(self) -> int:
        return self.books.stat().st_ino if self.books.exists() else 0

    def _note(self, before: int, said: str, *, settled: bool) -> None:
        """A life has ended. One that did not take over has left everything as it was."""
        lines = [json.loads(line) for line in said.split("\n")[:-1] if line.startswith("{")]
        formers = [line["ledger"] for line in lines if line.get("kind") == "former"]
        if self.left and formers:
            books = self.left[-1].former
            assert formers == [{"dialects": books.dialects, "destinations": _short(books)}]
        if self._inode() == before:
            assert not settled
            return
        assert bool(formers) == bool(self.left), "a life took over and did not say what from"
        former, unread = read(self.books)
        assert former is not None, unread
        assert former.sound, former
        left = Left(former, self.spool, settled=settled)
        self._check_heir(left)
        self.left.append(left)

    def _check_heir(self, left: Left) -> None:
        """What a life found is what the one before it left; what is missing was in memory alone."""
        before = self.left[-1] if self.left else None
        for name, account in left.former.books.items():
            held, again, lost = 0, 0, 0
            if before is not None:
                held, again, lost = before.former.held(name), before.again[name], before.in_memory_alone(name)
            found = (account["recovered"], account["dropped_crash"])
            assert lost >= 0, f"{name}: spans are on disk of which the books do not know, after {before}"
            right = [(held + again, lost)]
            if not left.settled:
                right.append((held, 0))  # the disk had not been read yet
            assert found in right, f"{name}: recovered and lost {found}, not {right}, after {before}"
            assert account["dropped_spool_corrupt"] == 0

    # All lives

    def sum(self, name: str, *accounts: str) -> int:
        """Of all lives, spans in these accounts of a destination, or in accounts that begin so."""
        books = (left.former.books[name] for left in self.left)
        return sum(spans for book in books for account, spans in book.items() if account.startswith(accounts))

    def accepted(self) -> int:
        """Spans that were accepted, of all dialects and lives."""
        return sum(book["accepted"] for left in self.left for book in left.former.dialects.values())

    def sent_again(self, name: str) -> int:
        """Spans that a life found beyond what the one before it held: they have a fate already, and get another."""
        found = self.sum(name, "recovered")
        return found - sum(left.former.held(name) for left in self.left[:-1])

    def in_flight(self, name: str) -> int:
        """Spans that were in flight at kills: the upstream may have taken them."""
        return sum(left.former.books[name]["in_flight"] for left in self.left if not left.former.clean)

    def add_up(self, name: str) -> None:
        """Every span that a destination ever took has one fate, but those that were sent again, which have two."""
        fates, held = self.sum(name, *FATES, "dropped_"), self.left[-1].former.held(name)
        assert self.sum(name, "enqueued", "replayed", "synthesized") + self.sent_again(name) == fates + held, name


def _short(books: Former) -> dict[str, dict[str, int]]:
    return {name: {account: spans for account, spans in book.items() if spans} for name, book in books.books.items()}


def duplicates(count: Count) -> int:
    """Spans that an upstream took more than once."""
    return int(count["spans"] - count["unique"])


def check_upstream(lives: Lives, name: str, sink: SinkProcess) -> str:
    """What an upstream that answers everybody has is what the books say, but for attempts that a kill cut. A line."""
    count, delivered = sink.count(), lives.sum(name, "delivered")
    more, twice = count["spans"] - delivered, duplicates(count)
    flight, again = lives.in_flight(name), lives.sent_again(name)
    said = (
        f"{name}: {lives.sum(name, 'enqueued')} enqueued, {delivered} delivered, {count['spans']} upstream, {twice} of "
        f"them twice; {flight} were in flight at kills, {again} sent again, {lives.sum(name, 'dropped_crash')} lost"
    )
    assert 0 <= more <= flight, said
    assert twice <= flight + again, said
    return said
