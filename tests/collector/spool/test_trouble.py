import errno
import os
import sqlite3
from pathlib import Path

import pytest
from tests.collector.spool.rig import opened, put, row

from inspan_collector.spool.row import Trouble
from inspan_collector.spool.store import Store
from inspan_collector.spool.trouble import Damaged, told, trouble_of


def failure(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    error.sqlite_errorname = "SQLITE_SO"
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (failure(sqlite3.SQLITE_FULL), "full"),
        (failure(sqlite3.SQLITE_IOERR_WRITE), "io"),
        (failure(sqlite3.SQLITE_IOERR_FSYNC), "io"),
        (failure(sqlite3.SQLITE_IOERR_SHORT_READ), "corrupt"),
        (failure(sqlite3.SQLITE_CORRUPT), "corrupt"),
        (failure(sqlite3.SQLITE_CORRUPT_INDEX), "corrupt"),
        (failure(sqlite3.SQLITE_NOTADB), "corrupt"),
        (failure(sqlite3.SQLITE_READONLY_DBMOVED), "readonly"),
        (failure(sqlite3.SQLITE_CANTOPEN), "io"),
        (failure(sqlite3.SQLITE_BUSY), "locked"),
        (failure(sqlite3.SQLITE_LOCKED), "locked"),
        (failure(sqlite3.SQLITE_NOMEM), "io"),
        (Damaged("a name is missing"), "corrupt"),
        (OSError(errno.ENOSPC, "no space"), "full"),
        (OSError(errno.EDQUOT, "quota"), "full"),
        (OSError(errno.EROFS, "read-only"), "readonly"),
        (OSError(errno.EIO, "input/output"), "io"),
    ],
)
def test_each_failure_has_its_kind(path: Path, error: sqlite3.Error | OSError, kind: str):
    path.touch()
    trouble = trouble_of(error, path)
    assert trouble.kind == kind
    assert str(path) in str(trouble)
    assert list(path.parent.iterdir()) == [path]


def test_a_mistake_of_ours_is_not_a_trouble_of_the_disk(path: Path):
    with opened(path) as store:
        pass
    with pytest.raises(sqlite3.ProgrammingError):
        put(store, row(1))


def test_a_file_that_is_no_database_is_corrupt(path: Path):
    path.write_bytes(os.urandom(100_000))
    for open_it in (Store.open, Store.read_only):
        with pytest.raises(Trouble) as trouble:
            open_it(path)
        assert trouble.value.kind == "corrupt"


def test_another_writer_is_told_as_one(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("inspan_collector.spool.database.PATIENCE", 0.0)
    with opened(path) as first, first.database.transaction(), pytest.raises(Trouble) as trouble:
        Store.open(path)
    assert trouble.value.kind == "locked"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is denied to root")
def test_a_folder_that_denies_writing_is_told_as_that(tmp_path: Path):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(Trouble) as trouble:
        Store.open(tmp_path / "closed" / "spool.db")
    assert trouble.value.kind == "readonly"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(Trouble) as trouble:
        Store.open(tmp_path / "file" / "spool.db")
    assert trouble.value.kind == "io"


def test_looking_for_a_file_that_is_not_there_makes_none(path: Path):
    with pytest.raises(Trouble):
        Store.read_only(path)
    assert not path.exists()


def test_what_is_told_keeps_its_cause(path: Path):
    cause = OSError(errno.EIO, "input/output")
    with pytest.raises(Trouble) as trouble, told(path):
        raise cause
    assert trouble.value.__cause__ is cause
