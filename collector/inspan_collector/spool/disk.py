"""One spool's files, and the store that is open on them: opened, given up, moved aside, salvaged.

All of it is called on the spool's thread, and ends as Trouble where it fails. What was moved aside stays until all that
can be read of it is committed in another file; that holds over a restart as well, since its name says so.
"""

import contextlib
import errno
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from inspan_collector.row import Trouble, Write
from inspan_collector.spool import aside, names
from inspan_collector.spool.ballast import BALLAST, Ballast
from inspan_collector.spool.jobs import GROUP_BYTES
from inspan_collector.spool.lock import Lock
from inspan_collector.spool.names import Names
from inspan_collector.spool.salvage import Salvaged, salvage
from inspan_collector.spool.store import Applied, Store
from inspan_collector.spool.trouble import ADVICE, NO_ROOM, told

How = Literal["first", "again", "fresh"]
OpenStore = Callable[..., Store]

PATIENCE: Final = 3  # tries to open a file that fails to be read: a volume that comes back has lost nothing
EPOCHS: Final = 1_577_836_800, 300  # a fresh file's epoch is above the 5 minutes since 2020: 23 bits last for 80 years

UNREADABLE: Final = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}  # the old file, not the new


class Opened(msgspec.Struct, frozen=True):
    """A store that can be used from now on.

    how: the first of this process, again after trouble, or with a fresh file in place of one that failed. aside: where
    the newest file is that failed, None where none did. salvaged: what was copied out of all of these. posts: agents
    and sequences, see Store.posts.
    """

    epoch: int
    how: How
    aside: Path | None
    salvaged: Salvaged | None
    posts: list[tuple[bytes, bytes]]


class Disk:
    """store: None while there is none. short: the ballast is given up, and only what makes room may be written."""

    def __init__(self, path: Path, open_store: OpenStore) -> None:
        self.path = path
        self.open_store = open_store
        self.lock = Lock(path)
        self.ballast = Ballast(path)
        self.store: Store | None = None
        self.short = False
        self.epoch = 0
        self.names = Names(path)
        self._nameless: Store | None = None  # open on files that nobody finds any more, until they are copied
        self._spoilt = False  # the file at the path is one that failed
        self._failures = 0

    def __repr__(self) -> str:
        return f"<Disk {self.store or 'closed'}{', short' if self.short else ''}>"

    def open(self, met: Callable[[Trouble], None]) -> Opened:
        """Make a store usable, or leave all as safe as it was and raise Trouble.

        met: told of what a fresh file is the answer to, before what can be read is copied to it, which takes a while.
        """
        with told(self.path):
            self._reach()
            self._rescue()
            aside.take_up(self.path)
            if self._spoilt:
                self._move_away()
            try:
                return self._open()
            except Trouble as trouble:
                if not self._must_go(trouble):
                    raise
                met(trouble)
            self._move_away()
            return self._open()

    def still_open(self, store: Store) -> Opened:
        """As `open`, for a store that was open all the time."""
        with told(self.path):
            return Opened(self.epoch, "again", None, None, store.posts())

    def apply(self, store: Store, writes: Sequence[Write], size: int) -> Applied:
        """Write the group where the files still have their names. size: bytes that are put."""
        self.check()
        large = size > GROUP_BYTES and not self.short
        if large and not self._hold(BALLAST + size):
            raise self.shortage()
        applied = store.apply(writes)
        if large:
            self._hold(BALLAST)
        self.check()  # again, before anybody is told that it is durable
        return applied

    def check(self) -> None:
        """Raise Trouble where the files were removed or replaced: what is written there now is lost with us."""
        if self.store is not None and not self.names.kept():
            why = "was removed or replaced while it was in use; what it held is copied to a new one"
            raise Trouble("corrupt", f"spool {self.path} {why}")

    def shortage(self) -> Trouble:
        """What to say while the ballast is not held."""
        need = (BALLAST + GROUP_BYTES) >> 20
        why = f"less than {need} MiB can be had beside it, and until then rows are only taken away"
        return Trouble("full", f"spool {self.path}: {why}; {ADVICE['full']}")

    def make_room(self) -> None:
        """Give up the ballast, and what was kept to be looked at, so that rows can be taken away."""
        self.short = True
        # As far as it goes: the next write says whether it was enough.
        with contextlib.suppress(Trouble), told(self.path):
            self.ballast.give_up()
            aside.forget(self.path, 0)
            if self.store is not None:
                self.store.checkpoint()

    def take_room(self, store: Store) -> bool:
        """Whether the ballast could be had again, with a group's room to spare: else it would be given up at once."""
        try:
            store.checkpoint()
        except Trouble as trouble:
            if trouble.kind != "full":
                raise
            return False
        self.short = not self._hold(BALLAST, spare=GROUP_BYTES)
        return not self.short

    def cannot_be_read(self, trouble: Trouble) -> bool:
        """Whether what a question met asks for a new file. One page that fails would stop all that is behind it."""
        self._failures += trouble.kind == "io"
        return self.store is not None and (trouble.kind == "corrupt" or self._failures >= PATIENCE)

    def leave(self, trouble: Trouble) -> None:
        """Give up the store: what failed is moved aside, now or as soon as it can be."""
        store, self.store = self.store, None
        if store is None:
            return
        if not self.names.kept():
            self.names.remove()
            self._nameless = store
            return
        if trouble.kind in ("io", "corrupt"):
            self._spoilt = True
            with contextlib.suppress(OSError):  # a read-only disk: at the next open
                self._move_away()  # before it is closed: to close a database that has its name is to write to it
        _close(store)

    def close(self) -> None:
        """At the end. The ballast stays: the next start may need it."""
        for store in (self.store, self._nameless):
            if store is not None:
                _close(store)
        self.store = self._nameless = None
        self.lock.release()

    def _reach(self) -> None:
        """The directory and the lock. What the system has against them is for who set the path, not a broken disk."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self.path.is_dir():
                raise Trouble("readonly", f"spool.path {self.path} is a directory: name a file in it")
            self.lock.take()
        except OSError as error:
            if error.errno in NO_ROOM or error.errno == errno.EIO:
                raise
            raise Trouble("readonly", f"spool {self.path}: {error}; {ADVICE['readonly']}") from error

    def _open(self) -> Opened:
        begun = not self.path.exists()
        names.let_write(self.path)
        broken = aside.pending(self.path)
        self.short = not self.ballast.hold(BALLAST)
        try:
            store = self._opened_store(above=max(self.epoch, _floor()) if begun and broken else self.epoch)
            with _closed_on_error(store):
                found = [salvage(each, store) for each in broken]
                posts = store.posts()
        except BaseException:
            if begun:
                aside.remove(self.path)  # it holds nothing that is not in what was moved aside
            raise
        with _closed_on_error(store):
            kept = [aside.finish(self.path, each) for each in broken]
        how: How = "fresh" if begun and (broken or self.epoch) else "again" if self.epoch else "first"
        self.store, self.epoch, self.names, self._failures = store, store.epoch, Names(self.path), 0
        return Opened(store.epoch, how, kept[-1] if kept else None, _sum(found), posts)

    def _opened_store(self, above: int) -> Store:
        try:
            return self.open_store(self.path, above=above)
        except Trouble as trouble:
            if trouble.kind != "full":
                raise
        self.make_room()
        return self.open_store(self.path, above=above)

    def _must_go(self, trouble: Trouble) -> bool:
        """Whether the file at the path cannot be used, and must make way for another."""
        if trouble.kind == "io":
            self._failures += 1
        patient = trouble.kind == "io" and self._failures < PATIENCE
        return trouble.kind in ("io", "corrupt") and not patient and self.path.is_file()

    def _move_away(self) -> None:
        if self.path.exists():
            aside.move(self.path, aside.new_name(self.path))
        self._spoilt = False

    def _rescue(self) -> None:
        """Copy what has lost its name, so that it can be salvaged."""
        if self._nameless is None:
            return
        try:
            aside.copy(self._nameless.database.connection, self.path)
        except sqlite3.Error as error:
            self._failures += 1
            if self._failures < PATIENCE or getattr(error, "sqlite_errorcode", 0) & 0xFF not in UNREADABLE:
                raise
        _close(self._nameless)
        self._nameless = None

    def _hold(self, size: int, *, spare: int = 0) -> bool:
        with told(self.path):
            return self.ballast.hold(size, spare=spare)


def _sum(found: Sequence[Salvaged]) -> Salvaged | None:
    """None where nothing had to be salvaged."""
    total = Salvaged()
    for each in found:
        for field in Salvaged.__struct_fields__:
            setattr(total, field, getattr(total, field) + getattr(each, field))
    return total if found else None


def _floor() -> int:
    start, step = EPOCHS
    return int(time.time() - start) // step


def _close(store: Store) -> None:
    with contextlib.suppress(Trouble):  # what was told to be durable is, and the rest is not asked for any more
        store.close()


@contextlib.contextmanager
def _closed_on_error(store: Store) -> Iterator[None]:
    try:
        yield
    except BaseException:
        _close(store)
        raise
