"""A full disk: puts fail, what is taken away makes room, and it heals. Real ones: small volumes in a namespace."""

import os
import random
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.collector.spool.desk import Desk, large
from tests.collector.spool.rig import EPOCH, opened, read, row

from inspan_collector.row import Trouble, Write
from inspan_collector.spool.ballast import BALLAST, MIB

VOLUME = 64  # MiB: the ballast, as much again for the rows, and the room to spare that healing asks for


def on_a_volume(tmp_path: Path, test: str, size: int = VOLUME) -> None:
    """Run a function of this file in a process of its own, with a volume of so many MiB at its argument."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("there is no unshare here to make a volume with")
    mounted = f"mount -t tmpfs -o size={size}m spool {tmp_path}"
    probe = subprocess.run([unshare, "-Urm", "sh", "-c", mounted], capture_output=True, text=True, check=False)
    if probe.returncode:
        pytest.skip(f"no volume can be mounted here: {probe.stderr.strip()}")
    code = f"import sys; sys.path[:0] = sys.argv[1:]; from tests.collector.spool.test_full_disk import {test}; {test}()"
    command = [unshare, "-Urm", "sh", "-c", f'{mounted} && cd {tmp_path} && exec "$@"', "sh"]
    done = subprocess.run(
        [*command, sys.executable, "-c", code, *sys.path], capture_output=True, text=True, timeout=120, check=False
    )
    print(done.stdout)
    assert done.returncode == 0, done.stderr


def fill(desk: Desk, first: int) -> int:
    """Put rows until the disk is full: the number of the first that failed."""
    seq = first
    while (failed := desk.put(large(seq))) is None:
        seq += 1
    assert failed.kind == "full", failed
    return seq


def fill_it_and_make_room() -> None:
    path = Path.cwd() / "spool.db"
    with Desk(path) as desk:
        desk.until_opened()
        last = fill(desk, 1)
        assert desk.until_troubled("full").kind == "full"
        assert last > 20 * 10  # 20 MiB of rows at least
        assert desk.put(row(1_000_000)) is not None
        assert len(desk.seqs()) == last - 1  # it can be read all the while
        taken = 1
        while desk.scribe.trouble is not None and taken < last:
            assert desk.erase(taken) is None
            taken += 1
            desk.run()
        assert desk.until_sound().how == "again"
        assert 5 < taken < last
        again = fill(desk, 2_000_000)
        expected = [*range(taken, last), *range(2_000_000, again)]
        assert desk.seqs() == expected
        assert desk.scribe.errors["full"] >= 2 and sum(desk.scribe.errors.values()) == desk.scribe.errors["full"]
    with opened(path) as store:
        assert [found.seq - EPOCH for found in read(store)] == expected


def test_a_full_disk_takes_no_rows_until_others_are_taken_away(tmp_path: Path) -> None:
    on_a_volume(tmp_path, "fill_it_and_make_room")


def fill_it_by_a_neighbour() -> None:
    path, other = Path.cwd() / "spool.db", Path.cwd() / "neighbour"
    with Desk(path) as desk:
        assert desk.put(*(large(seq) for seq in range(1, 60))) is None
        with other.open("wb") as file:
            while True:
                try:
                    file.write(bytes(MIB))
                    file.flush()
                except OSError:
                    break
        last = fill(desk, 1000)
        desk.until_troubled("full")
        # And what the ballast gave is taken as well, so that nothing at all can be written.
        with other.open("ab", buffering=0) as file:
            while True:
                try:
                    file.write(bytes(4096))
                except OSError:
                    break
        answers: list[Trouble | None] = []
        seqs = list(range(1, 60))
        desk.scribe.write([Write(erase=[EPOCH + seq], done=answers.append) for seq in seqs])
        desk.until(lambda: desk.scribe.debts.rows or len(answers) == len(seqs))
        print("owed", desk.scribe.debts.rows, "done", len(answers))
        assert desk.put(row(7)) is not None
        os.truncate(other, 0)
        desk.until(lambda: len(answers) == len(seqs))
        assert answers == [None] * len(seqs)
        assert desk.until_sound().how == "again"
        assert desk.put(row(2000)) is None
        assert desk.seqs() == [*range(1000, last), 2000]


def test_what_is_taken_away_from_a_disk_without_any_room_is_owed(tmp_path: Path) -> None:
    on_a_volume(tmp_path, "fill_it_by_a_neighbour")


def start_on_a_full_one() -> None:
    path, other = Path.cwd() / "spool.db", Path.cwd() / "neighbour"
    with Desk(path) as desk:
        assert desk.put(*(large(seq) for seq in range(1, 60))) is None
    with other.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError:
                break
    for ballast in (True, False):
        if not ballast:
            Path("spool.db.ballast").unlink(missing_ok=True)
        with Desk(path) as desk:
            desk.until_opened()
            print(desk.scribe.trouble, desk.opened)
            assert len(desk.seqs()) >= 40
            assert desk.erase(*range(1, 20)) is None
            assert 19 not in desk.seqs()
    other.unlink()
    with Desk(path) as desk:
        assert desk.until_sound()
        assert desk.put(row(2000)) is None


def test_a_start_on_a_full_disk_reads_what_is_there(tmp_path: Path) -> None:
    on_a_volume(tmp_path, "start_on_a_full_one")


def start_on_one_that_is_too_small() -> None:
    with Desk(Path.cwd() / "spool.db") as desk:
        found = desk.until_opened()
        assert found.how == "first"
        assert "24 MiB" in str(desk.until_troubled("full"))
        assert desk.put(row(1)) is not None


def test_a_volume_that_is_too_small_says_so(tmp_path: Path) -> None:
    on_a_volume(tmp_path, "start_on_one_that_is_too_small", size=8)


def write_groups_that_are_too_large() -> None:
    with Desk(Path.cwd() / "spool.db") as desk:
        desk.until_opened()
        assert desk.put(*(large(seq, MIB) for seq in range(9))) is None
        failed = desk.put(*(large(seq, MIB) for seq in range(100, 130)))
        assert failed is not None and failed.kind == "full"
        assert desk.until_sound()
        assert desk.seqs() == list(range(9))
        assert Path("spool.db.ballast").stat().st_size == BALLAST


def test_a_write_that_is_larger_than_what_there_is_fails_alone(tmp_path: Path) -> None:
    on_a_volume(tmp_path, "write_groups_that_are_too_large")


def go_read_only() -> None:
    path = Path.cwd() / "spool.db"
    with Desk(path) as desk:
        assert desk.put(row(1)) is None
        desk.scribe.stop(5)
    subprocess.run(["mount", "-o", "remount,ro", Path.cwd()], check=True)
    with Desk(path) as desk:
        assert "readonly" not in str(desk.until_troubled("readonly"))
        failed = desk.put(row(2))
        assert failed is not None and failed.kind == "readonly"
        subprocess.run(["mount", "-o", "remount,rw", Path.cwd()], check=True)
        assert desk.until_opened().how == "first"
        assert desk.seqs() == [1]


def test_a_read_only_volume_is_tried_until_it_can_be_written(tmp_path: Path) -> None:
    on_a_volume(tmp_path, "go_read_only")


def limited() -> None:
    """RLIMIT_FSIZE: to SQLite it is an I/O error, and to us it is no room."""
    path = Path.cwd() / "spool.db"
    with Desk(path) as desk:
        desk.until_opened()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (BALLAST + 8 * MIB, hard))
        last = fill(desk, 1)
        desk.until_troubled("full")
        assert desk.scribe.errors["io"] == 0
        assert desk.scribe.errors == dict.fromkeys(desk.scribe.errors, 0) | {"full": 1}
        answers: list[Trouble | None] = []
        desk.scribe.write([Write(erase=[EPOCH + 1], done=answers.append)])
        desk.until(lambda: desk.scribe.debts.rows)  # no ballast helps where the log may not grow
        assert len(desk.seqs()) == last - 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        desk.until_sound()
        desk.until(lambda: answers == [None])
        assert [found.how for found in desk.opened] == ["first", "again"]
        assert desk.seqs() == list(range(2, last))


def test_a_limit_of_file_size_is_a_full_disk(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]; from tests.collector.spool.test_full_disk import limited; limited()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *sys.path],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def at_random() -> None:
    """A disk that fills and empties while rows come and go: nothing that was told to be on disk is missing."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    path, other = Path.cwd() / "spool.db", Path.cwd() / "neighbour"
    alive: set[int] = set()
    doubtful: set[int] = set()
    with Desk(path) as desk:
        desk.until_opened()
        for seq in range(1500):
            if seq % 50 == 0:
                with other.open("wb", buffering=0) as file:
                    try:
                        for _ in range(chance.randrange(VOLUME)):
                            file.write(bytes(MIB))
                    except OSError:
                        pass
            if desk.put(large(seq, chance.randint(4, 300_000))) is None:
                alive.add(seq)
            else:
                doubtful.add(seq)
            if alive and chance.random() < 0.6:
                gone = chance.choice(sorted(alive))
                alive.discard(gone)
                desk.scribe.write([Write(erase=[EPOCH + gone])])
        other.unlink()
        desk.until_sound()
        assert set(desk.seqs()) == alive
        assert sum(desk.scribe.errors.values()) == desk.scribe.errors["full"]
        print(len(alive), "there", len(doubtful), "failed", desk.scribe.errors["full"], "times full")


def test_a_disk_that_fills_and_empties_loses_nothing(tmp_path: Path) -> None:
    on_a_volume(tmp_path, "at_random")
