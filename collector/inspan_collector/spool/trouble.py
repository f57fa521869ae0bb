"""What SQLite and the system say when something fails, as the one word and the advice that an operator needs."""

import errno
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from inspan_collector.row import Trouble, TroubleKind

ADVICE: Final[dict[TroubleKind, str]] = {
    "full": "the disk, the quota or the file size limit is used up: make room, or set a smaller spool.max_bytes",
    "io": "the disk fails: look into the kernel's log, and let spool.path point to a sound volume",
    "corrupt": "the file is damaged: `inspan spool verify` says how far, and what can be read is copied to a new one",
    "readonly": "it cannot be written: mount the volume for writing, and let it belong to the user that runs inspan",
    "newer": "a newer inspan made it: upgrade this one, or move the file away",
    "locked": "another process holds it: one sidecar to a spool; end the other, or set another spool.path",
}

# By the lower byte of the result code, https://www.sqlite.org/rescode.html. What is not named is the disk's.
# ERROR and CONSTRAINT: our statements are right, so it is the file that lacks a table or contradicts its own index.
KINDS: Final[dict[int, TroubleKind]] = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_CORRUPT: "corrupt",
    sqlite3.SQLITE_NOTADB: "corrupt",
    sqlite3.SQLITE_ERROR: "corrupt",
    sqlite3.SQLITE_CONSTRAINT: "corrupt",
    sqlite3.SQLITE_MISMATCH: "corrupt",
    sqlite3.SQLITE_FORMAT: "corrupt",
    sqlite3.SQLITE_READONLY: "readonly",
    sqlite3.SQLITE_PERM: "readonly",
    sqlite3.SQLITE_AUTH: "readonly",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_PROTOCOL: "locked",
}
NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NO_RIGHT: Final = {errno.EACCES, errno.EPERM, errno.EROFS}

PROBE: Final = 1 << 18  # bytes; a commit of a few chunks: less room than that is none


class Damaged(sqlite3.DatabaseError):
    """The database could be read, and what it says cannot be."""


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Errors of SQLite and of the system leave as Trouble. Misuse of a connection is our own bug, and stays itself."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except (sqlite3.Error, OSError) as error:
        raise trouble_of(error, path) from error


def trouble_of(error: sqlite3.Error | OSError, path: Path) -> Trouble:
    """path: of the database, since SQLite does not hand on the system's errno: whether there is room is tried there."""
    kind = kind_of(error, path)
    name = getattr(error, "sqlite_errorname", "")
    return Trouble(kind, f"spool {path}: {error}{f' ({name})' if name else ''}; {ADVICE[kind]}")


def kind_of(error: sqlite3.Error | OSError, path: Path) -> TroubleKind:
    if isinstance(error, OSError):
        return "full" if error.errno in NO_ROOM else "readonly" if error.errno in NO_RIGHT else "io"
    if isinstance(error, Damaged):
        return "corrupt"
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR)
    if code == sqlite3.SQLITE_IOERR_SHORT_READ:  # the file ends before a page that it speaks of
        return "corrupt"
    kind = KINDS.get(code & 0xFF)
    if kind is None:
        kind = denied(path)
    return kind


def denied(path: Path) -> TroubleKind:
    """Why the system refused: SQLite says FULL for ENOSPC alone; a quota and RLIMIT_FSIZE come as an I/O error."""
    soft, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    trial = path.with_name(path.name + ".room")
    try:
        sizes = [found.stat().st_size for found in files(path) if found.exists()]
        if soft != resource.RLIM_INFINITY and any(size + PROBE > soft for size in sizes):
            return "full"
        with path.open("rb+"):
            pass
        trial.write_bytes(bytes(PROBE))
    except OSError as error:
        return kind_of(error, path)
    finally:
        with suppress(OSError):
            trial.unlink(missing_ok=True)
    return "io"


def files(path: Path) -> tuple[Path, Path, Path]:
    """The database, its write-ahead log, and the index of that, which readers and the writer share."""
    return path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")
