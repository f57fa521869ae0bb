"""What the Scribe makes of a disk that fails: told once, healed by itself, and nothing lost that can be read."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.collector.spool.damage import frame, garbage, left_by_a_kill, log_of
from tests.collector.spool.desk import PATIENCE, Desk, beside, large
from tests.collector.spool.rig import EPOCH, numbers, opened, put, read, refused, row, sql

from inspan_collector.row import Trouble, Write
from inspan_collector.spool.disk import EPOCHS
from inspan_collector.spool.store import Store
from inspan_collector.spool.trouble import files

HOURS = 3600.0  # s: a tick that never comes


def failing(times: float, *, when: str = "before", of: type[Exception] | None = None) -> Callable[..., Store]:
    """Stores whose commit fails so many times, before or after the rows are on disk. Others than puts never do."""
    left = [times]

    class Failing(Store):
        def apply(self, writes):
            writes = list(writes)
            puts = any(write.put for write in writes)
            fails = puts and left[0] > 0 and not str(sys._getframe(1).f_code.co_filename).endswith("salvage.py")
            if fails and when == "before":
                left[0] -= 1
                raise Trouble("io", "as an fsync says it")
            applied = super().apply(writes)
            if fails:
                left[0] -= 1
                raise Trouble("io", "as an fsync says it")
            return applied

    return Failing.open


# An I/O error


@pytest.mark.parametrize("when", ["before", "after"])
def test_after_an_io_error_a_fresh_file_has_what_the_old_one_had(path: Path, when: str):
    with opened(path) as store:
        put(store, row(1), row(2), large(3))
    with Desk(path, open_store=failing(1, when=when), tick=HOURS) as desk:
        first = desk.until_opened()
        desk.scribe.tried_at = -HOURS
        failed = desk.put(row(4))
        assert failed is not None and failed.kind == "io"
        second = desk.until_opened(2)
        assert desk.put(row(5)) is None
        seqs = desk.seqs()
        assert seqs in ([1, 2, 3, 5], [1, 2, 3, 4, 5])  # what failed may be there all the same
    assert second.how == "fresh" and second.epoch > first.epoch
    assert second.salvaged is not None and second.salvaged.rows == len(seqs) - 1
    assert [second.aside] == beside(path, "salvaged")
    assert [trouble.kind for trouble in desk.troubles] == ["io"]
    assert desk.scribe.errors["io"] == 1


def test_what_was_erased_meanwhile_stays_erased(path: Path):
    with Desk(path, open_store=failing(1)) as desk:
        desk.until_opened()
        desk.write(Write(refuse=[refused(to="sgp"), refused(to="sgp")]))
    with Desk(path, open_store=failing(1)) as desk:
        desk.until_opened()
        answers: list[Trouble | None] = []
        desk.scribe.write(
            [
                Write(put=[row(1), row(2)], done=answers.append),
                Write(erase=[EPOCH + 1], done=answers.append),
                Write(release=[1], done=answers.append),
            ]
        )
        desk.until(lambda: len(answers) == 3)
        assert answers[0] is not None and answers[1:] == [None, None]
        assert desk.until_opened(2).how == "fresh"
        assert desk.seqs() == []


def test_a_write_that_puts_and_erases_fails_whole(path: Path):
    with opened(path) as store:
        put(store, row(1))
    with Desk(path, open_store=failing(1)) as desk:
        assert desk.write(Write(put=[row(2)], erase=[EPOCH + 1])) is not None
        desk.until_opened(2)
        assert desk.seqs() == [1]


def test_a_disk_that_fails_every_commit_is_tried_once_a_tick_and_keeps_a_few_files(path: Path):
    with opened(path) as store:
        put(store, row(1))
    with Desk(path, open_store=failing(20), tick=0.02) as desk:
        while (failed := desk.put(row(2))) is not None:
            assert failed.kind == "io"
        assert desk.seqs() == [1, 2]
        assert len(beside(path, "salvaged")) <= 3 and beside(path, "aside") == []
        assert [found.how for found in desk.opened] == ["first", *["fresh"] * (len(desk.opened) - 1)]


def test_a_disk_that_fails_again_at_once_is_left_for_a_tick(path: Path):
    with Desk(path, open_store=failing(2), tick=HOURS) as desk:
        desk.until_opened()
        desk.scribe.tried_at = -HOURS
        assert desk.put(row(1)) is not None
        desk.until_opened(2)
        assert desk.put(row(2)) is not None
        assert desk.scribe.stop(PATIENCE)  # after that the thread has done all that it would
        desk.run()
        assert len(desk.opened) == 2


def test_nobody_waits_for_a_salvage(path: Path):
    may, opening = threading.Event(), threading.Event()

    def open_store(path: Path, **above: int) -> Store:
        if desk.opened or desk.scribe.trouble is not None:
            opening.set()
            assert may.wait(PATIENCE)
        return slow_then_failing(path, **above)

    class SlowThenFailing(Store):
        def apply(self, writes):
            if desk.scribe.trouble is None and not opening.is_set():
                assert queued.wait(PATIENCE)
                raise Trouble("io", "as an fsync says it")
            return super().apply(writes)

    slow_then_failing, queued = SlowThenFailing.open, threading.Event()
    answers: list[Trouble | None] = []
    desk = Desk(path, open_store=open_store)
    with desk:
        desk.until_opened()
        desk.scribe.write([Write(put=[row(0)], done=answers.append)])
        desk.until(lambda: not desk.scribe.jobs)
        desk.scribe.write([Write(put=[row(seq)], done=answers.append) for seq in range(1, 5)])
        queued.set()
        desk.until(lambda: len(answers) == 5)
        assert all(answer is not None and answer.kind == "io" for answer in answers)
        desk.until(opening.is_set)
        assert desk.put(row(6)) is not None
        assert isinstance(desk.ask(read), Trouble)
        may.set()
        desk.until_opened(2)
        assert desk.put(row(7)) is None


def test_where_the_fresh_file_fails_too_the_old_one_is_kept_until_one_can_be_made(path: Path):
    with opened(path) as store:
        put(store, row(1), row(2))
    broken = [False]

    def open_store(path: Path, **above: int) -> Store:
        if broken[0] and not path.exists():
            Store.open(path, **above).close()
            raise Trouble("io", "a fresh file fails too")
        return failing(1)(path, **above)

    with Desk(path, open_store=open_store) as desk:
        desk.until_opened()
        broken[0] = True
        assert desk.put(row(3)) is not None
        tries = desk.scribe.look_at
        desk.until(lambda: desk.scribe.look_at > tries + 0.1)  # several more
        desk.until(lambda: not path.exists())
        assert len(beside(path, "aside")) == 1
        assert desk.put(row(4)) is not None
        erased: list[Trouble | None] = []
        desk.scribe.write([Write(erase=[EPOCH + 1], done=erased.append)])
        assert str(desk.ask(read)) == "a fresh file fails too"
        broken[0] = False
        assert desk.until_opened(2).how == "fresh"
        desk.until(lambda: erased)
        assert desk.seqs() == [2]
        assert desk.scribe.errors["io"] == 1 == len(desk.troubles)


def test_a_file_that_was_not_salvaged_is_salvaged_by_the_next_process(path: Path):
    with opened(path) as store:
        put(store, row(1), row(2))
    path.rename(path.with_name("spool.db.aside-20250101T000000.000000Z"))
    with opened(path) as store:
        put(store, row(3))
    with Desk(path) as desk:
        found = desk.until_opened()
        assert (found.how, found.aside) == ("first", path.with_name("spool.db.salvaged-20250101T000000.000000Z"))
        assert desk.seqs() == [1, 2, 3]


def test_what_a_kill_left_half_moved_is_put_together_and_salvaged(path: Path):
    with closing(Store.open(path)) as store:
        put(store, row(1))
        for each in files(path):
            shutil.copy(each, path.with_name(f"copy{each.name}"))  # with the log still full: as a kill leaves it
    for each in files(path):
        each.unlink(missing_ok=True)
    path.with_name("copyspool.db").rename(path.with_name("spool.db.aside-20250101T000000.000000Z"))
    path.with_name("copyspool.db-wal").rename(path.with_name("spool.db-wal"))
    with Desk(path) as desk:
        assert desk.until_opened().how == "fresh"
        assert desk.seqs() == [1]


# Damage


@pytest.mark.parametrize("damage", ["header", "cut", "noise", "empty"])
def test_a_damaged_file_makes_way_for_a_fresh_one_at_the_start(path: Path, damage: str):
    with opened(path) as store:
        put(store, *(large(seq) for seq in range(1, 31)))
    size = path.stat().st_size
    with path.open("rb+") as file:
        if damage == "header":
            file.write(bytes(100))
        elif damage == "cut":
            file.truncate(size // 2 + 1000)
        elif damage == "noise":
            file.write(os.urandom(size))
        else:
            file.truncate(0)
    with Desk(path) as desk:
        found = desk.until_opened()
        if damage == "empty":  # which is how a file begins
            assert found.how == "first"
        else:
            assert found.how == "fresh" and found.epoch > EPOCHS[0] // EPOCHS[1] // 10
            assert [trouble.kind for trouble in desk.troubles] == ["corrupt"]
            assert desk.scribe.errors["corrupt"] == 1
            assert [found.aside] == beside(path, "salvaged")
        assert desk.put(row(100)) is None


def test_damage_that_a_question_meets_makes_way_for_a_fresh_file(path: Path):
    with opened(path) as store:
        put(store, *(large(seq) for seq in range(1, 31)))
    with Desk(path) as desk:
        desk.until_opened()
        with path.open("rb+") as file:
            file.seek(5 * 32768)
            file.write(os.urandom(path.stat().st_size - 6 * 32768))
        met = desk.ask(read)
        assert isinstance(met, Trouble) and met.kind == "corrupt"
        assert desk.until_opened(2).how == "fresh"
        assert desk.put(row(100)) is None
        assert 100 in desk.seqs()
        assert desk.scribe.errors["corrupt"] == 1 == len(desk.troubles)


def test_a_file_that_cannot_be_read_is_given_time_before_it_is_given_up(path: Path):
    with opened(path) as store:
        put(store, row(1))
    left = [2]

    def open_store(path: Path, **above: int) -> Store:
        if left[0]:
            left[0] -= 1
            raise Trouble("io", "the volume is away for a moment")
        return Store.open(path, **above)

    with Desk(path, open_store=open_store) as desk:
        assert desk.until_opened().how == "first"
        assert desk.seqs() == [1]
        assert beside(path, "aside") == beside(path, "salvaged") == []


def test_a_file_that_can_never_be_read_makes_way_in_the_end(path: Path):
    with opened(path) as store:
        put(store, row(1))
    first = path.stat().st_ino

    def open_store(path: Path, **above: int) -> Store:
        if path.exists() and path.stat().st_ino == first:
            raise Trouble("io", "this file cannot be read")
        return Store.open(path, **above)

    with Desk(path, open_store=open_store) as desk:
        assert desk.until_opened().how == "fresh"
        assert desk.seqs() == [1]


# Files that go away


def test_files_that_are_removed_while_they_are_used_come_back_with_what_they_held(path: Path):
    with Desk(path) as desk:
        assert desk.put(row(1), large(2)) is None
        for each in files(path):
            each.unlink()
        trouble = desk.until_troubled("corrupt") if desk.scribe.trouble else None
        found = desk.until_opened(2)
        assert found.how == "fresh"
        assert desk.seqs() == [1, 2]
        assert desk.put(row(3)) is None
        assert "removed or replaced" in str(trouble or desk.troubles[0])
    with opened(path) as store:
        assert numbers(read(store)) == [1, 2, 3]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_one_file_of_them_is_enough(path: Path, which: int):
    with Desk(path) as desk:
        assert desk.put(row(1), large(2)) is None
        files(path)[which].unlink()
        assert desk.until_opened(2).how == "fresh"
        assert desk.seqs() == [1, 2]
    with opened(path) as store:
        assert numbers(read(store)) == [1, 2]


def test_the_directory_comes_back_with_what_it_held(tmp_path: Path):
    path = tmp_path / "some" / "spool.db"
    with Desk(path) as desk:
        assert desk.put(row(1)) is None
        shutil.rmtree(path.parent.rename(tmp_path / "gone"))
        assert desk.until_opened(2).how == "fresh"
        assert desk.seqs() == [1]
        with Desk(path) as second:
            assert second.until_troubled("locked")  # the lock is that of the new directory


def test_no_write_is_called_done_that_went_into_a_removed_file(path: Path):
    with Desk(path, tick=HOURS) as desk:
        desk.until_opened()
        desk.scribe.tried_at = -HOURS
        path.unlink()
        failed = desk.put(row(1))
        assert failed is not None and failed.kind == "corrupt"
        assert desk.until_opened(2).how == "fresh"
        assert desk.put(row(2)) is None
    with opened(path) as store:
        assert numbers(read(store)) == [2]


def test_nor_one_whose_file_was_removed_while_it_was_written(path: Path):
    class Robbed(Store):
        def apply(self, writes):
            applied = super().apply(writes)
            if path.exists() and not stolen:
                stolen.append(path.rename(path.with_name("stolen")))
            return applied

    stolen: list[Path] = []
    with Desk(path, open_store=Robbed.open) as desk:
        failed = desk.put(row(1))
        assert failed is not None and failed.kind == "corrupt"
        assert desk.until_opened(2).how == "fresh"


def test_a_file_that_was_put_in_the_place_of_ours_is_used_and_ours_goes_into_it(path: Path, tmp_path: Path):
    other = tmp_path / "other.db"
    with opened(other) as store:
        put(store, row(7))
    with Desk(path) as desk:
        assert desk.put(row(1)) is None
        other.replace(path)
        desk.until_opened(2)
        assert desk.seqs() == [1, 7]


# What somebody has to change


def test_a_newer_spool_is_left_alone_until_it_is_moved_away(path: Path):
    with opened(path) as store:
        put(store, row(1))
    sql(path, "pragma user_version = 99")
    before = path.read_bytes()
    with Desk(path) as desk:
        assert "version 99" in str(desk.until_troubled("newer"))
        failed = desk.put(row(2))
        assert failed is not None and failed.kind == "newer"
        assert path.read_bytes() == before
        path.rename(path.with_name("elsewhere"))
        assert desk.until_opened().how == "first"
        assert desk.put(row(2)) is None
        assert desk.scribe.errors["newer"] == 1 == len(desk.troubles)


def test_of_two_on_one_spool_the_second_waits_for_the_first(path: Path):
    with Desk(path) as first:
        assert first.put(row(1)) is None
        with Desk(path) as second:
            assert "another process" in str(second.until_troubled("locked"))
            failed = second.put(row(2))
            assert failed is not None and failed.kind == "locked"
            assert first.put(row(3)) is None
            first.scribe.stop(PATIENCE)
            assert second.until_opened().how == "first"
            assert second.seqs() == [1, 3]


def test_a_process_that_is_killed_leaves_no_lock(path: Path):
    code = (
        "import sys, time; from inspan_collector.spool.scribe import Scribe; from pathlib import Path\n"
        "s = Scribe(Path(sys.argv[1]), call=lambda f: f(), opened=lambda _: print('open', flush=True),\n"
        "    troubled=print, committed=print); s.start(); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"open\n"
        with Desk(path) as desk:
            desk.until_troubled("locked")
            other.kill()
            assert desk.until_opened().epoch == 2


def test_a_directory_that_cannot_be_made_is_tried_until_it_can(tmp_path: Path):
    (tmp_path / "taken").write_text("a file")
    path = tmp_path / "taken" / "spool.db"
    with Desk(path) as desk:
        assert "cannot be written" in str(desk.until_troubled("readonly"))
        assert desk.put(row(1)) is not None
        (tmp_path / "taken").unlink()
        assert desk.until_opened().how == "first"
        assert desk.put(row(1)) is None


def test_a_directory_at_the_path_is_left_alone(path: Path):
    path.mkdir()
    with Desk(path) as desk:
        desk.until(lambda: desk.troubles)
        tries = desk.scribe.look_at
        desk.until(lambda: desk.scribe.look_at > tries + 0.1)
        assert path.is_dir() and beside(path, "aside") == []
        path.rmdir()
        assert desk.until_opened().how == "first"


def test_what_may_not_be_written_is_tried_until_it_may():
    """In a process of its own that is not root, to whom everything is allowed; pytest's folders are root's alone."""
    code = """
import os, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from tests.collector.spool.desk import Desk
from tests.collector.spool.rig import row
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
folder = Path(sys.argv[1])
folder.chmod(0o500)
with Desk(folder / "spool.db") as desk:
    desk.until_troubled("readonly")
    assert desk.put(row(1)).kind == "readonly"
    folder.chmod(0o700)
    desk.until_opened()
    assert desk.put(row(1)) is None
(folder / "spool.db").chmod(0o400)
with Desk(folder / "spool.db") as desk:
    desk.until_troubled("readonly")
    (folder / "spool.db").chmod(0o600)
    desk.until_opened()
    assert desk.seqs() == [1]
print("healed")
"""
    with tempfile.TemporaryDirectory() as folder:
        if os.getuid() == 0:
            os.chown(folder, 65534, 65534)
        command = [sys.executable, "-c", code, folder, *sys.path]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "healed\n", done.stderr


def test_whatever_came_and_went_before_it_the_fresh_file_has_just_what_was_there(path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    alive: set[int] = set()
    number = 0
    with Desk(path) as desk:
        for times in range(1, 7):
            desk.until_opened(times)
            for _ in range(chance.randint(20, 60)):
                writes = []
                for _ in range(chance.randint(1, 20)):
                    gone = chance.sample(sorted(alive), min(len(alive), chance.randint(0, 3)))
                    number += 1
                    writes.append(Write(put=[large(number, chance.choice((4, 400, 40_000, 400_000)))]))
                    writes.append(Write(erase=[EPOCH + seq for seq in gone]))
                    alive = (alive - set(gone)) | {number}
                assert desk.write_all(writes) == [None] * len(writes)
            desk.run()
            if chance.random() < 0.5:
                desk.ask(lambda store: store.checkpoint())
            desk.ask(found_corrupt)
            found = desk.until_opened(times + 1)
            assert found.salvaged is not None and found.salvaged.rows == len(alive)
            assert set(desk.seqs()) == alive


def found_corrupt(store: Store) -> None:
    raise Trouble("corrupt", "as a page that makes no sense says it")


def test_a_log_that_is_damaged_in_its_middle_is_salvaged_at_the_start(tmp_path: Path, path: Path):
    with opened(tmp_path / "made.db") as store:
        put(store, *(large(seq) for seq in range(10)))
        store.checkpoint()
        for seq in range(10, 30):
            put(store, large(seq, 40_000))  # few enough that the log does not begin anew
        left_by_a_kill(tmp_path / "made.db", path)
    log = log_of(path)
    middle = (log.stat().st_size - frame(0)) // (frame(1) - frame(0)) // 2
    garbage(log, frame(middle), 1000)
    with Desk(path) as desk:
        found = desk.until_opened()
        assert found.how == "fresh"
        assert desk.troubles[0].kind == "corrupt"
        assert len(desk.seqs()) > 25  # where a later commit wrote the page again, nothing is missing
