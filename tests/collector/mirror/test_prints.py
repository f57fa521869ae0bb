import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.collector.mirror import prints_victim
from tests.collector.mirror.prints_victim import KEYS, SAID, Upstream, delivered

from inspan_collector.mirror import prints as rooms
from inspan_collector.mirror.layout import WORD
from inspan_collector.mirror.prints import HEAD, PIECE, PrintFile, left_by_others, path_of
from inspan_collector.queue.prints import Prints

LIVES = 24
WINDOW = 600.0


class Life:
    """One life with a file, whose clock starts at 1000 whatever the time is."""

    def __init__(self, path: Path, *, at: float = 0.0, upstream: str = "up", max_keys: int = 100) -> None:
        self.at = at
        self.prints = Prints(WINDOW, max_keys, random.getrandbits(63))
        self.file = PrintFile(path, self.prints, upstream, max_keys, lambda: 1000.0, lambda loop: loop - 1000 + self.at)
        self.file.begin(believe=True)

    def deliver(self, **copies: str) -> None:
        marks = self.prints.of([copy.encode() for copy in copies.values()], ended=True)
        self.prints.remember(list(copies), marks, 1000.0)

    def offer(self, **copies: str) -> list[Any]:
        return self.prints.judge({key: copy.encode() for key, copy in copies.items()}, 1000.0, ended=True).known


def test_the_next_life_knows_what_was_delivered_and_not_what_changed(tmp_path: Path) -> None:
    first = Life(tmp_path / "p")
    assert first.file.unread == first.file.trouble == ""
    first.deliver(a="x", b="x", c="x")
    assert first.offer(b="y") == []
    second = Life(tmp_path / "p", at=10.0)
    assert second.offer(a="x", b="x", c="x") == ["a", "c"]
    second.deliver(b="y")
    assert Life(tmp_path / "p", at=20.0).offer(a="x", b="y", c="z") == ["a", "b"]


def test_a_window_goes_on_over_lives(tmp_path: Path) -> None:
    Life(tmp_path / "p").deliver(a="x")
    Life(tmp_path / "p", at=300.0).deliver(b="x")
    assert Life(tmp_path / "p", at=599.0).offer(a="x", b="x") == ["a", "b"]
    assert Life(tmp_path / "p", at=601.0).offer(a="x", b="x") == ["b"]
    assert Life(tmp_path / "p", at=901.0).offer(a="x", b="x") == []


def test_what_was_delivered_in_the_future_is_not_believed(tmp_path: Path) -> None:
    Life(tmp_path / "p", at=5000.0).deliver(a="x")
    assert Life(tmp_path / "p", at=0.0).offer(a="x") == []


@pytest.mark.parametrize("posts", [1, 5, 1500])
def test_a_ring_that_has_gone_round_holds_the_last(tmp_path: Path, posts: int) -> None:
    life = Life(tmp_path / "p")
    keys = [f"k{number}" for number in range(9000)]
    for first in range(0, len(keys), posts):
        life.deliver(**dict.fromkeys(keys[first : first + posts], "x"))
    assert life.file.count == 9000 > life.file.records
    expected = life.offer(**dict.fromkeys(keys, "x"))
    assert 66 <= len(expected) <= 100
    assert Life(tmp_path / "p").offer(**dict.fromkeys(keys, "x")) == expected


def test_what_the_next_store_may_overwrite_is_not_believed(tmp_path: Path) -> None:
    life = Life(tmp_path / "p", max_keys=5000)
    for number in range(life.file.records):
        life.deliver(**{f"k{number}": "x"})
    every = {f"k{number}": "x" for number in range(life.file.records)}
    words = life.file.words
    start = HEAD + life.file.count % life.file.records
    words[start : start + PIECE] = memoryview(bytes(PIECE * WORD)).cast("q")  # killed in the middle of it
    known = Life(tmp_path / "p", max_keys=5000).offer(**every)
    assert known == life.offer(**every) and len(known) > 2500


@pytest.mark.parametrize("cut", [0, 1, HEAD * WORD - 1, HEAD * WORD, 1000])
def test_a_torn_file_is_said_and_begun_anew(tmp_path: Path, cut: int) -> None:
    Life(tmp_path / "p").deliver(a="x")
    os.truncate(tmp_path / "p", cut)
    life = Life(tmp_path / "p")
    assert str(tmp_path / "p") in life.file.unread and life.file.trouble == ""
    assert life.offer(a="x") == []
    life.deliver(a="x")
    assert Life(tmp_path / "p").offer(a="x") == ["a"]


def test_whatever_the_bytes_are_a_life_begins(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    for _ in range(200):
        Life(tmp_path / "p").deliver(**dict.fromkeys("abcdefgh", "x"))
        found = bytearray((tmp_path / "p").read_bytes())
        for _ in range(rng.randint(1, 20)):
            at = rng.randrange(HEAD * WORD if rng.random() < 0.5 else len(found))
            found[at] = rng.choice([0, 0xFF, rng.randrange(256)])
        (tmp_path / "p").write_bytes(found)
        life = Life(tmp_path / "p")
        life.deliver(a="y")
        assert life.offer(a="y") == ["a"]


@pytest.mark.parametrize("what", ["directory", "link", "pipe"])
def test_what_is_no_file_is_not_followed(tmp_path: Path, what: str) -> None:
    path = tmp_path / "p"
    if what == "directory":
        path.mkdir()
    elif what == "link":
        (tmp_path / "other").write_bytes(b"other")
        path.symlink_to(tmp_path / "other")
    else:
        os.mkfifo(path)
    life = Life(path)
    assert life.file.unread
    assert bool(life.file.trouble) == (what == "directory")
    life.deliver(a="x")
    assert life.offer(a="x") == ["a"]
    assert what != "link" or (tmp_path / "other").read_bytes() == b"other"


def test_what_another_upstream_has_is_not_believed(tmp_path: Path) -> None:
    Life(tmp_path / "p").deliver(a="x")
    life = Life(tmp_path / "p", upstream="another")
    assert life.offer(a="x") == [] and "another upstream" in life.file.unread


def test_after_a_power_cut_only_a_file_that_was_closed_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = tmp_path / "boot"
    monkeypatch.setattr(rooms, "BOOT", boot)
    for number, (closed, later, known) in enumerate(
        [(False, False, []), (True, False, ["a"]), (True, True, [])], start=1
    ):
        boot.write_text(f"{number}0000000-0000-0000-0000-000000000000\n")
        first = Life(tmp_path / "p")
        first.deliver(a="x")
        if closed:
            first.file.close()
        if later:
            first.deliver(b="x")
        boot.write_text(f"{number}0000001-0000-0000-0000-000000000000\n")
        second = Life(tmp_path / "p")
        assert second.offer(a="x") == known
        assert bool(second.file.unread) != bool(known)
        (tmp_path / "p").unlink()


def test_where_no_file_can_be_made_the_former_one_is_taken_away_and_the_reason_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Life(tmp_path / "p").deliver(a="x", b="x")

    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "posix_fallocate", full)
        second = Life(tmp_path / "p")
    assert "No space left" in second.file.trouble
    assert second.offer(a="x", b="y") == ["a"], "it knows what the former life knew, and forgets by itself"
    assert list(tmp_path.iterdir()) == []
    second.file.renew()
    assert second.file.trouble == ""
    assert Life(tmp_path / "p").offer(a="x", b="x") == ["a"]


def test_a_file_that_is_taken_away_is_made_again_with_all_that_is_known(tmp_path: Path) -> None:
    life = Life(tmp_path / "p")
    life.deliver(a="x")
    (tmp_path / "p").unlink()
    life.deliver(b="x")
    life.file.renew()
    life.deliver(c="x")
    life.file.renew()
    assert Life(tmp_path / "p").offer(a="x", b="x", c="x") == ["a", "b", "c"]


def test_what_destinations_noted_that_do_not_remember_any_more_is_taken_away(tmp_path: Path) -> None:
    spool = tmp_path / "spool.db"
    for name in ("a", "b", "b-2"):
        path_of(spool, name).write_bytes(b"")
    (tmp_path / "spool.db.books").write_bytes(b"")
    left_by_others(spool, ["b"])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["spool.db.books", "spool.db.prints.b"]
    left_by_others(tmp_path / "nowhere" / "spool.db", ["b"])


def test_whenever_it_is_killed_nothing_is_believed_that_the_upstream_does_not_have(tmp_path: Path) -> None:
    """A life posts, delivers and changes; what it says before each step shows what the upstream can have."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng, believed, path = random.Random(seed), 0, tmp_path / "p"
    upstream = Upstream(tmp_path / "upstream")
    for _ in range(LIVES):
        command = [sys.executable, prints_victim.__file__, str(path), str(tmp_path / "upstream"), str(rng.random())]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.read(SAID)
            time.sleep(rng.random() * 0.03)
            process.kill()
            process.stdout.read()
        assert process.returncode == -9
        prints = Prints(WINDOW, prints_victim.MAX_KEYS, 1)
        file = PrintFile(path, prints, "up", prints_victim.MAX_KEYS, time.monotonic, lambda at: at)
        file.begin(believe=True)
        assert file.unread == file.trouble == ""
        for key, version in upstream.found().items():
            for copy in rng.sample((version - 1, version, version + 1), 1):  # one that differs would be forgotten
                known = prints.judge({str(key): delivered(key, copy)}, time.monotonic(), ended=True).known
                assert not known or copy == version
                believed += bool(known)
    assert believed > LIVES * KEYS // 8  # of many nothing can be said: they were about to be changed
