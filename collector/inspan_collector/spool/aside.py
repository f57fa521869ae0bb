"""Files of a spool that failed: moved out of the way, and kept until what they hold is in a new one.

`spool.db.aside-TIME` still has to be salvaged, whatever happens in between; `spool.db.salvaged-TIME` is there to be
looked at. Each has its log beside it, under the name that SQLite gives it.
"""

import contextlib
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from inspan_collector.spool.trouble import files

KEPT: Final = 3  # salvaged files: a second failure must not take away what tells of the first


def new_name(spool: Path) -> Path:
    """Where a file is moved that fails now. In the order of time, and never the name of another."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return spool.with_name(f"{spool.name}.aside-{now}")


def pending(spool: Path) -> list[Path]:
    """What must still be salvaged, the oldest first."""
    return _databases(spool, "aside")


def salvaged(spool: Path) -> list[Path]:
    """What has been salvaged, the oldest first."""
    return _databases(spool, "salvaged")


def move(old: Path, new: Path) -> None:
    """The database goes first: a log without one is then known to belong to what was moved last (see `take_up`).

    The index of the log is removed, since it is made again from the log.
    """
    database, log, index = files(old)
    database.rename(new)
    index.unlink(missing_ok=True)
    if log.exists():
        log.rename(files(new)[1])
    _sync(old.parent)


def copy(connection: sqlite3.Connection, spool: Path) -> None:
    """Set a copy aside of a database whose file nobody finds any more, through a connection that has it open.

    Under another name until it is whole: a part of it is not to be salvaged. Raises sqlite3.Error and OSError.
    """
    part = spool.with_name(f"{spool.name}.copy")
    remove(part)
    os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))  # spans are in it
    with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as target:
        connection.backup(target)
    move(part, new_name(spool))


def take_up(spool: Path) -> None:
    """Finish a move that the death of a process cut short: SQLite removes a log that it finds without a database."""
    log = files(spool)[1]
    if spool.exists() or not log.exists():
        return
    moved = pending(spool)
    if moved and not files(moved[-1])[1].exists():
        log.rename(files(moved[-1])[1])
        _sync(spool.parent)


def finish(spool: Path, aside: Path) -> Path:
    """What `aside` held is on disk elsewhere now: keep it as salvaged, and return where."""
    new = spool.with_name(aside.name.replace(f"{spool.name}.aside-", f"{spool.name}.salvaged-", 1))
    move(aside, new)
    forget(spool, KEPT)
    return new


def forget(spool: Path, keep: int) -> None:
    """Remove salvaged files but for the newest `keep`."""
    found = salvaged(spool)
    for path in found[: max(0, len(found) - keep)]:
        remove(path)


def remove(database: Path) -> None:
    """A database with all that SQLite keeps beside it. The log goes first: it must not meet another database."""
    for path in reversed(files(database)):
        path.unlink(missing_ok=True)


def _databases(spool: Path, state: str) -> list[Path]:
    start = f"{spool.name}.{state}-"
    with contextlib.suppress(FileNotFoundError):
        names = [path.name for path in spool.parent.iterdir() if path.name.startswith(start)]
        return [spool.with_name(name) for name in sorted(names) if not name.endswith(("-wal", "-shm", "-journal"))]
    return []


def _sync(directory: Path) -> None:
    """A name is on disk when its directory is. Best effort: the disk may be what fails."""
    with contextlib.suppress(OSError):
        file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)
