"""The disk that fails when told to, proved on SQLite as the spool uses it."""

import errno
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.disk import PATIENCE, Counts, Disk, needs_shim

# Each line on stdin is a commit of so many bytes; each answer is `done`, or SQLite's word for what went wrong.
WRITER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode=WAL")
database.execute("PRAGMA synchronous=FULL")
database.execute("CREATE TABLE IF NOT EXISTS chunk (body BLOB)")
print("ready", flush=True)
for line in sys.stdin:
    try:
        database.execute("INSERT INTO chunk VALUES (zeroblob(?))", (int(line),))
        print("done", flush=True)
    except sqlite3.Error as error:
        print(error.sqlite_errorname, flush=True)
print("rows", database.execute("SELECT count(*) FROM chunk").fetchone()[0], flush=True)
"""

pytestmark = needs_shim


class Writer:
    """The child process."""

    def __init__(self, disk: Disk, path: Path) -> None:
        pipe = subprocess.PIPE
        argv = [sys.executable, "-c", WRITER, str(path)]
        self.popen = subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True, env=disk.env)
        assert self.said() == "ready"

    def commit(self, size: int = 100) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(f"{size}\n")
        self.popen.stdin.flush()

    def said(self) -> str:
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().strip()

    def end(self) -> str:
        assert self.popen.stdin is not None and self.popen.stdout is not None
        self.popen.stdin.close()
        last = self.said()
        assert self.popen.wait(PATIENCE) == 0
        self.popen.stdout.close()
        return last


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with Disk(tmp_path) as made:
        yield made


@pytest.fixture
def writer(disk: Disk) -> Iterator[Writer]:
    made = Writer(disk, disk.root / "spool.db")
    yield made
    if made.popen.poll() is None:
        made.popen.kill()
        made.popen.communicate()


def test_a_commit_is_not_done_while_its_sync_is_held(disk: Disk, writer: Writer) -> None:
    writer.commit()
    assert writer.said() == "done"
    disk.hold()
    writer.commit()
    disk.until_held()
    assert disk.counts().held == 1
    disk.release()
    assert writer.said() == "done"
    assert disk.counts().held == 0
    assert writer.end() == "rows 2"


def test_a_commit_fails_where_its_sync_does_and_works_when_healed(disk: Disk, writer: Writer) -> None:
    disk.fail(errno.EIO)
    writer.commit()
    assert writer.said() == "SQLITE_IOERR_FSYNC"
    assert disk.counts().failed_syncs == 1
    disk.heal()
    writer.commit()
    assert writer.said() == "done"
    assert writer.end() == "rows 1"


def test_a_full_disk_is_what_sqlite_calls_full_and_heals(disk: Disk, writer: Writer) -> None:
    disk.full()
    writer.commit(100_000)
    assert writer.said() == "SQLITE_FULL"
    assert disk.counts().failed_writes > 0
    disk.heal()
    writer.commit(100_000)
    assert writer.said() == "done"
    assert writer.end() == "rows 1"


def test_a_broken_disk_fails_writes_too(disk: Disk, writer: Writer) -> None:
    disk.fail(errno.EIO, writes=True)
    writer.commit()
    assert writer.said() == "SQLITE_IOERR_WRITE"
    disk.heal()
    assert writer.end() == "rows 0"


def test_files_elsewhere_are_left_alone(disk: Disk, tmp_path: Path) -> None:
    disk.hold()
    disk.full()
    writer = Writer(disk, tmp_path / "elsewhere.db")
    writer.commit()
    assert writer.said() == "done"
    assert writer.end() == "rows 1"
    assert disk.counts() == Counts(0, 0, 0, 0, 0)


def test_each_commit_is_one_sync(disk: Disk, writer: Writer) -> None:
    before = disk.counts().syncs
    for _ in range(3):
        writer.commit()
        assert writer.said() == "done"
    assert disk.counts().syncs == before + 3
    writer.end()


LENGTHS = """
import os, sys
file = os.open(sys.argv[1], os.O_RDWR)
for name, call in {
    "write": lambda: os.write(file, b"x"),
    "writev": lambda: os.writev(file, [b"x"]),
    "pwrite": lambda: os.pwrite(file, b"x", 0),
    "pwritev": lambda: os.pwritev(file, [b"x"], 0),
    "longer": lambda: os.ftruncate(file, 100),
    "shorter": lambda: os.ftruncate(file, 5),
    "posix_fallocate": lambda: os.posix_fallocate(file, 0, 100),
    "fsync": lambda: os.fsync(file),
}.items():
    try:
        call()
    except OSError as error:
        print(name, error.errno)
"""


def test_on_a_full_disk_a_file_can_become_shorter_and_nothing_else(disk: Disk) -> None:
    (disk.root / "file").write_bytes(bytes(10))
    disk.full()
    argv = [sys.executable, "-c", LENGTHS, str(disk.root / "file")]
    said = subprocess.run(argv, env=disk.env, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
    failing = ("write", "writev", "pwrite", "pwritev", "longer", "posix_fallocate")
    assert said.splitlines() == [f"{name} {errno.ENOSPC}" for name in failing]
    assert (disk.root / "file").stat().st_size == 5
