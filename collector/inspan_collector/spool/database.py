"""One open database: how it is opened for writing and for looking, its transactions, and its list of names."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from inspan_collector.row import Trouble
from inspan_collector.spool.schema import MIGRATIONS, check, migrate
from inspan_collector.spool.trouble import Damaged, files

# A chunk of 16 or 36 KB is one leaf or a leaf and a page; at 8 KiB the same puts take 104 instead of 75 us.
PAGE: Final = 32768
CHECKPOINT: Final = 125  # pages, 4 MB: a checkpoint is the p99 of a commit, so small and often (16 MB: 13-24 ms, not 4)

PRAGMAS: Final = (
    f"page_size = {PAGE}",
    "auto_vacuum = full",  # before the first table, or never: room is given back at each commit
    "journal_mode = wal",
    "synchronous = full",  # an ack after a commit is a promise: each commit is followed by fdatasync
    "cache_size = -16384",  # KiB; the upper pages of three trees, and nearly all leaves of a small spool
    f"wal_autocheckpoint = {CHECKPOINT}",
    f"journal_size_limit = {CHECKPOINT * PAGE}",  # a long group makes the log longer: this cuts it back
    "temp_store = memory",  # a full disk must not keep anybody from asking
    "cell_size_check = on",  # damage is met when a page is read, not when it is believed
)

PATIENCE: Final = 2.0  # s for a lock; nobody else writes, and a reader's last close takes ms


class Database:
    """A connection of one thread. Errors are SQLite's own: whoever calls turns them into Trouble at its door."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.execute = connection.execute
        self.names: dict[int, str] = {}
        self.ids: dict[str, int] = {}
        self._learn()

    @classmethod
    def open(
        cls, path: Path, steps: Sequence[Sequence[str]] = MIGRATIONS, sound: Callable[[Path], None] = lambda _: None
    ) -> "Database":
        """For writing. A file that is missing is made, for its owner alone; one of an older version is brought up.

        sound: raises where what is there, and is ours, must not be written to.
        """
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists() and path.stat().st_size:
            with closing(looking(path)) as connection:
                check(connection, len(steps), path)
            sound(path)
        else:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
        try:
            for pragma in PRAGMAS:
                connection.execute(f"pragma {pragma}")
            migrate(connection, steps)
            return cls(connection)
        except BaseException:
            connection.close()
            raise

    @classmethod
    def look(cls, path: Path, steps: Sequence[Sequence[str]] = MIGRATIONS) -> "Database":
        """For reading alone, while a sidecar may write."""
        connection = looking(path)
        try:
            if (version := check(connection, len(steps), path)) < len(steps):
                raise Trouble(
                    "readonly", f"spool {path} has the older version {version}: a sidecar's start changes that"
                )
            return cls(connection)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        self.connection.close()

    @contextmanager
    def transaction(self, begin: str = "begin immediate") -> Iterator[None]:
        """All of it or nothing. `begin` alone: one state of the file for several questions."""
        self.execute(begin)
        try:
            yield
            self.execute("commit")
        except BaseException:
            with suppress(sqlite3.Error):  # the first error is the one to tell, and SQLite may have rolled back itself
                if self.connection.in_transaction:
                    self.execute("rollback")
            raise

    def intern(self, name: str) -> int:
        """The number that stands for a name, given now where it has none. Not within a transaction that may fail."""
        number = self.ids.get(name)
        if number is None:
            number = int(self.execute("insert into names (name) values (?)", (name,)).lastrowid or 0)
            self._know(number, name)
        return number

    def known(self, number: int) -> str | None:
        """The name of this number, None where there is none."""
        if number not in self.names:
            self._learn()  # one who looks meets names that the sidecar gave since
        return self.names.get(number)

    def name(self, number: int) -> str:
        if (name := self.known(number)) is None:
            raise Damaged(f"name {number} is not in the list of names")
        return name

    def _learn(self) -> None:
        for number, name in self.execute("select id, name from names").fetchall():
            self._know(number, name)

    def _know(self, number: int, name: str) -> None:
        self.names[number] = name
        self.ids[name] = number


def looking(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing. Without a log beside it the file is at rest, and needs none to be made."""
    rest = "" if files(path)[1].exists() else "&immutable=1"
    uri = f"{path.resolve().as_uri()}?mode=ro{rest}"
    connection = sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None)
    connection.execute("pragma temp_store = memory")
    return connection
