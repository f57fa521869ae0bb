import os
import stat
from pathlib import Path

import pytest

from inspan_collector.ledger import DELIVERED, ENQUEUED, IN_FLIGHT, QUEUED, RECOVERED, Ledger, Reception
from inspan_collector.mirror import Former, Mirror, Page

ROW = (1 << 40, 3, False)


def life(path: Path, *names: str) -> tuple[Mirror, Former | None, dict[str, tuple[Ledger, Page]]]:
    """A mirror that has not begun, with a ledger for each name."""
    mirror, former = Mirror.open(path, names, ["otlp"], ring=8)
    ledgers = {name: Ledger(name) for name in names}
    return mirror, former, {name: (ledger, mirror.ledger(ledger)) for name, ledger in ledgers.items()}


def after(path: Path) -> Former:
    """What the next life finds."""
    mirror, former = Mirror.open(path, [], [])
    mirror.close(clean=False)
    assert former is not None, mirror.unread
    return former


def enqueue(books: tuple[Ledger, Page], spans: int) -> None:
    ledger, _ = books
    ledger.move(ENQUEUED, QUEUED, spans)
    ledger.publish()


def test_a_first_life_finds_nothing_and_the_next_finds_its_books(tmp_path: Path) -> None:
    mirror, former, books = life(tmp_path / "m", "a", "b")
    assert (former, mirror.unread, mirror.trouble) == (None, "", "")
    reception = Reception("otlp")
    mirror.reception(reception)
    mirror.begin()
    enqueue(books["a"], 5)
    reception.refuse_request(429, "queue_full", 2)
    books["b"][1].settled(*ROW)
    books["b"][0].publish()
    found = after(tmp_path / "m")
    assert (found.held("a"), found.held("b"), found.rows) == (5, 0, {"a": [], "b": [ROW]})
    assert found.dialects["otlp"]["received"] == found.dialects["otlp"]["refused"]["queue_full"] == 2
    assert found.sound and not found.clean


def test_what_was_booked_before_is_taken_over(tmp_path: Path) -> None:
    mirror, _ = Mirror.open(tmp_path / "m", ["a"], ["otlp"])
    ledger, reception = Ledger("a"), Reception("otlp")
    ledger.move(RECOVERED, IN_FLIGHT, 4)
    reception.accept(3)
    mirror.ledger(ledger)
    mirror.reception(reception)
    assert ledger.held() == 4 and reception.accepted == 3
    ledger.move(IN_FLIGHT, DELIVERED, 1)
    mirror.begin()
    found = after(tmp_path / "m")
    assert found.books["a"] == ledger.snapshot() and found.dialects["otlp"]["accepted"] == 3


def test_until_it_begins_the_former_file_stays_as_it_was(tmp_path: Path) -> None:
    first, _, books = life(tmp_path / "m", "a")
    first.begin()
    enqueue(books["a"], 5)
    before = (tmp_path / "m").read_bytes()
    for _ in range(2):  # killed between the two, and once more
        _, former, books = life(tmp_path / "m", "a")
        assert former is not None and former.held("a") == 5
        enqueue(books["a"], 70)
        books["a"][1].settled(*ROW)
        books["a"][1].publish()
        assert (tmp_path / "m").read_bytes() == before


def test_a_start_that_fails_leaves_no_file_behind(tmp_path: Path) -> None:
    mirror, _, _ = life(tmp_path / "m", "a")
    mirror.close(clean=False)
    assert list(tmp_path.iterdir()) == []


def test_a_life_that_has_begun_leaves_one_file_that_only_its_user_reads(tmp_path: Path) -> None:
    mirror, _, _ = life(tmp_path / "m", "a")
    mirror.begin()
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o600


def test_no_store_into_it_can_fail_for_want_of_disk(tmp_path: Path) -> None:
    mirror, _ = Mirror.open(tmp_path / "m", ["a"], [])
    mirror.begin()
    found = (tmp_path / "m").stat()
    assert found.st_blocks * 512 >= found.st_size > 1 << 20


def test_books_that_were_closed_are_told_from_those_that_were_not(tmp_path: Path) -> None:
    mirror, _, books = life(tmp_path / "m", "a")
    mirror.begin()
    books["a"][0].move(ENQUEUED, DELIVERED, 5)
    mirror.close(clean=True)
    mirror.close(clean=False)  # a second time changes nothing
    assert after(tmp_path / "m").clean and after(tmp_path / "m").books["a"]["delivered"] == 5
    again, _, _ = life(tmp_path / "m", "a")
    again.begin()
    assert not after(tmp_path / "m").clean
    again.close(clean=False)
    assert not after(tmp_path / "m").clean


def test_rows_are_carried_over_until_they_are_forgotten(tmp_path: Path) -> None:
    first, _, books = life(tmp_path / "m", "a")
    first.begin()
    rows = [(seq, seq * 2, seq % 2 == 0) for seq in range(5)]
    for row in rows:
        books["a"][1].settled(*row)
    books["a"][1].publish()
    for _ in range(2):  # a life that is killed before its erasures are durable
        second, former, books = life(tmp_path / "m", "a")
        second.begin()
        assert former is not None and former.rows["a"] == rows
    books["a"][1].settled(*ROW)
    books["a"][1].forget(len(rows))
    books["a"][1].publish()
    assert after(tmp_path / "m").rows["a"] == [ROW]


def test_destinations_that_come_go_and_change_places_find_their_books(tmp_path: Path) -> None:
    first, _, books = life(tmp_path / "m", "gone", "stays")
    first.begin()
    enqueue(books["gone"], 5)
    enqueue(books["stays"], 7)
    books["stays"][1].settled(*ROW)
    books["stays"][1].publish()
    second, former, books = life(tmp_path / "m", "new", "stays")
    second.begin()
    assert former is not None and (former.held("gone"), former.held("stays"), former.held("new")) == (5, 7, 0)
    assert after(tmp_path / "m").rows == {"new": [], "stays": [ROW]}
    assert after(tmp_path / "m").held("stays") == 0  # the books of a life are its own


def test_a_file_that_cannot_be_read_is_replaced_and_the_reason_told(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("something else")
    mirror, former, _ = life(tmp_path / "m", "a")
    assert former is None and "too short" in mirror.unread
    assert (tmp_path / "m").read_text() == "something else"
    mirror.begin()
    assert after(tmp_path / "m").books.keys() == {"a"}


def test_where_no_file_can_be_made_the_books_are_kept_all_the_same_and_the_reason_told(tmp_path: Path) -> None:
    mirror, former, books = life(tmp_path / "none" / "m", "a")
    assert former is None and mirror.trouble.endswith("/none/m: No such file or directory")
    mirror.begin()
    enqueue(books["a"], 5)
    books["a"][1].settled(*ROW)
    books["a"][1].forget(1)
    mirror.close(clean=True)
    assert books["a"][0].held() == 5 and list(tmp_path.iterdir()) == []
    assert "not kept" in repr(mirror)


def test_where_the_former_file_cannot_be_replaced_the_reason_is_told(tmp_path: Path) -> None:
    (tmp_path / "m" / "full").mkdir(parents=True)
    mirror, _, books = life(tmp_path / "m", "a")
    assert mirror.unread.endswith("is not a file") and mirror.trouble == ""
    mirror.begin()
    assert "would not survive a crash" in mirror.trouble
    enqueue(books["a"], 5)
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "m").touch(0o000)
    assert "Permission denied" in life(tmp_path / "m")[0].unread


def test_what_a_start_left_half_made_is_taken_away_and_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "m.new").symlink_to(tmp_path / "victim")
    mirror, _, _ = life(tmp_path / "m", "a")
    mirror.begin()
    assert (tmp_path / "victim").read_text() == "mine" and not (tmp_path / "m").is_symlink()


def test_rows_that_found_no_room_are_counted_for_all_destinations(tmp_path: Path) -> None:
    mirror, _, books = life(tmp_path / "m", "a", "b")
    for _, page in books.values():
        for seq in range(10):
            page.settled(seq, 1)
    assert mirror.overflowed == 4


@pytest.mark.parametrize("gone", ["file", "directory"])
def test_books_whose_file_is_gone_are_kept_in_a_new_one(tmp_path: Path, gone: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    mirror, _, books = life(home / "m", "a")
    reception = Reception("otlp")
    mirror.reception(reception)
    mirror.begin()
    enqueue(books["a"], 5)
    books["a"][1].settled(*ROW)
    (home / "m").unlink()
    if gone == "directory":
        home.rmdir()
        mirror.renew()
        assert "would not survive" in mirror.trouble
        home.mkdir()
    mirror.renew()
    assert mirror.trouble == ""
    enqueue(books["a"], 2)
    reception.refuse_request(429, "queue_full", 2)
    found = after(home / "m")
    assert (found.held("a"), found.rows, found.dialects["otlp"]["received"]) == (7, {"a": [ROW]}, 2)


def test_books_whose_file_could_not_be_made_are_kept_when_it_can_be(tmp_path: Path) -> None:
    home = tmp_path / "home"
    mirror, _, books = life(home / "m", "a")
    assert mirror.trouble
    mirror.begin()
    enqueue(books["a"], 5)
    home.mkdir()
    mirror.renew()
    assert after(home / "m").held("a") == 5


def test_books_whose_file_is_there_stay_in_it(tmp_path: Path) -> None:
    mirror, _, books = life(tmp_path / "m", "a")
    mirror.begin()
    before = (tmp_path / "m").stat().st_ino
    mirror.renew()
    enqueue(books["a"], 5)
    assert (tmp_path / "m").stat().st_ino == before
    assert after(tmp_path / "m").held("a") == 5
