import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.collector.spool.damage import frame, garbage, left_by_a_kill, log_of
from tests.collector.spool.rig import EPOCH, erase, numbers, opened, put, read, refused, row, sql

from inspan_collector.row import Row, Trouble, Write
from inspan_collector.spool.database import PAGE
from inspan_collector.spool.pages import Pages
from inspan_collector.spool.salvage import Salvaged, salvage
from inspan_collector.spool.store import Store


@pytest.fixture
def into(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path / "new.db") as store:
        yield store


def filled(path: Path, rows: int = 300, size: int = 9000) -> list[Row]:
    """A file at rest: rows of two destinations, one in three of them erased again, quarantine and posts."""
    kept = [
        row(seq, to="ab"[seq % 2], spans=1 + seq % 5, body=os.urandom(size), key=os.urandom(16)) for seq in range(rows)
    ]
    with opened(path) as store:
        for start in range(0, rows, 50):
            put(store, *kept[start : start + 50])
        erase(store, *range(0, rows, 3))
        store.apply(
            [Write(refuse=[refused(b"%d" % n) for n in range(20)], posts=[(b"a", b"%d" % n) for n in range(5)])]
        )
    return [found for found in kept if (found.seq - EPOCH) % 3]


def everything(store: Store) -> list[Row]:
    return sorted([*read(store, "a"), *read(store, "b")], key=lambda found: found.seq)


def spans(rows: list[Row]) -> Counter[str]:
    found = Counter[str]()
    for kept in rows:
        found[kept.destination] += kept.spans
    return found


def accounted(told: Salvaged) -> Counter[str]:
    return told.spans + told.damaged + told.lost


def test_a_sound_file_comes_over_whole_and_nothing_that_was_erased(path: Path, into: Store):
    rows = filled(path)
    before = path.read_bytes()
    told = salvage(path, into)
    assert (told.rows, told.spans, told.refused, told.posts) == (len(rows), spans(rows), 20, 5)
    assert (told.damaged, told.lost, told.skipped) == ({}, {}, 0)
    assert everything(into) == rows
    assert into.posts() == [(b"a", b"%d" % n) for n in range(5)]
    assert sorted(entry.body for entry in into.refused(None, 0, 100)) == sorted(b"%d" % n for n in range(20))
    assert path.read_bytes() == before


def test_what_only_the_log_has_comes_over(tmp_path: Path, path: Path, store: Store, into: Store):
    rows = [row(seq, to="a", body=os.urandom(40_000)) for seq in range(20)]
    put(store, *rows)
    erase(store, 3, 4)
    told = salvage(left_by_a_kill(path, tmp_path / "left.db"), into)
    assert (everything(into), told.lost) == ([*rows[:3], *rows[5:]], {})


@pytest.mark.parametrize("seed", range(6))
def test_pages_of_garbage_cost_only_what_was_on_them(path: Path, into: Store, seed: int):
    print("seed", seed)
    rng = random.Random(seed)
    rows = filled(path)
    pages = path.stat().st_size // PAGE
    for number in rng.sample(range(16, pages), 3):
        garbage(path, number * PAGE, PAGE)
    told = salvage(path, into)
    found = everything(into)
    assert all(kept in rows for kept in found)
    assert len(found) >= len(rows) - 3 * 4  # three rows of 9,000 bytes are on a page
    if told.lost:  # the pages of the index were not hit: each span is accounted for
        assert accounted(told) == spans(rows)


def test_a_file_that_was_cut_gives_what_is_before_the_cut(path: Path, into: Store):
    rows = filled(path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 2 // 3)
    told = salvage(path, into)
    found = everything(into)
    assert all(kept in rows for kept in found)
    assert len(rows) // 2 < told.rows == len(found) < len(rows)


@pytest.mark.parametrize("size", [100, PAGE])
def test_a_file_with_a_header_of_garbage_comes_over_whole(path: Path, into: Store, size: int):
    rows = filled(path)
    garbage(path, 0, size)
    with pytest.raises(Trouble):
        Store.open(path)
    told = salvage(path, into)
    assert (everything(into), told.refused) == (rows, 20)


def grown(tmp_path: Path, path: Path, store: Store) -> tuple[Path, list[Row]]:
    """A file with a log of many commits, as a kill leaves it."""
    rows = [row(seq, to="a", body=os.urandom(40_000)) for seq in range(30)]
    put(store, *rows[:10])
    store.checkpoint()
    for kept in rows[10:]:
        put(store, kept)
    return left_by_a_kill(path, tmp_path / "left.db"), rows


def test_garbage_in_the_middle_of_the_log_costs_only_what_was_there(
    tmp_path: Path, path: Path, store: Store, into: Store
):
    left, rows = grown(tmp_path, path, store)
    frames = (log_of(left).stat().st_size - 32) // (24 + PAGE)
    garbage(log_of(left), frame(frames // 2), 24 + PAGE)
    told = salvage(left, into)
    found = everything(into)
    assert told.skipped == 1
    assert all(kept in rows for kept in found)
    assert len(found) >= len(rows) - 2
    assert accounted(told) == spans(rows)
    with pytest.raises(Trouble, match="sound ones behind"):
        Store.open(left)
    with opened(left, Store.read_only) as sqlite:
        assert len(read(sqlite, "a")) < len(found)  # SQLite stops at the first bad frame


def test_a_frame_with_a_page_of_garbage_is_known_by_its_sum(tmp_path: Path, path: Path, store: Store, into: Store):
    left, _ = grown(tmp_path, path, store)
    garbage(log_of(left), frame(20) + 24 + 100, 1000)
    assert salvage(left, into).skipped == 1


def test_a_commit_that_was_cut_off_never_was(tmp_path: Path, path: Path, store: Store, into: Store):
    rows = [row(seq, to="a", body=os.urandom(40_000)) for seq in range(10)]
    put(store, *rows)
    store.apply([Write(erase=[found.seq for found in rows[:5]], put=[row(seq, to="a") for seq in range(50, 60)])])
    left = left_by_a_kill(path, tmp_path / "left.db")
    with log_of(left).open("r+b") as log:
        log.truncate(log_of(left).stat().st_size - PAGE)
    salvage(left, into)
    assert everything(into) == rows


def test_a_log_with_a_header_of_garbage_is_read(tmp_path: Path, path: Path, store: Store, into: Store):
    left, rows = grown(tmp_path, path, store)
    garbage(log_of(left), 0, 32)
    salvage(left, into)
    assert everything(into) == rows


def test_without_its_log_a_file_gives_what_was_brought_into_it(tmp_path: Path, path: Path, store: Store, into: Store):
    left, rows = grown(tmp_path, path, store)
    log_of(left).unlink()
    salvage(left, into)
    assert everything(into) == rows[:10]


def test_frames_of_the_rounds_before_are_not_taken_for_the_present(
    tmp_path: Path, path: Path, store: Store, into: Store
):
    put(store, *(row(seq, to="a", body=os.urandom(40_000)) for seq in range(20)))
    store.database.execute("pragma wal_checkpoint(restart)").fetchall()
    erase(store, *range(10))
    told = salvage(left_by_a_kill(path, tmp_path / "left.db"), into)
    assert (numbers(everything(into)), told.skipped) == (list(range(10, 20)), 0)


def test_a_row_whose_body_changed_goes_into_quarantine(path: Path, into: Store):
    with opened(path) as store:
        put(store, row(1, spans=2, body=b"intact"), row(2, spans=4, body=b"before"))
    sql(path, f"update rows set body = x'00112233' where seq = {EPOCH + 2}")
    told = salvage(path, into)
    assert (told.spans, told.damaged, told.lost) == ({"sgp": 2}, {"sgp": 4}, {})
    (entry,) = into.refused(None, 0, 10)
    assert (entry.body, entry.status, entry.spans, entry.at) == (b"\x00\x11\x22\x33", 0, 4, 2.0)
    assert "crc32" in entry.message


def test_what_is_there_already_stays_as_it_is(path: Path, into: Store):
    with opened(path) as store:
        put(store, row(1, body=b"old"), row(2))
    put(into, row(1, body=b"new"))
    assert salvage(path, into).rows == 1
    assert [found.body for found in read(into)] == [b"new", b"body"]


def test_no_seq_of_the_file_is_given_again(path: Path, into: Store):
    for _ in range(5):
        Store.open(path).close()
    salvage(path, into)
    assert into.epoch == 6
    with opened(path) as store:
        put(store, Row((40 << 40) + 1, "sgp", "span_json", 1, 0.0, "", b""))
    salvage(path, into)
    assert into.epoch == 41


@pytest.mark.parametrize(
    "content", [b"", b"x", b"SQLite format 3\0" + bytes(100), random.Random(1).randbytes(5 * PAGE)]
)
def test_what_is_no_spool_at_all_gives_nothing(path: Path, into: Store, content: bytes):
    path.write_bytes(content)
    log_of(path).write_bytes(content)
    assert salvage(path, into).rows == 0
    assert salvage(path.with_name("missing.db"), into).rows == 0


@pytest.mark.parametrize("seed", range(3))
def test_no_damage_raises_and_no_row_comes_over_changed(tmp_path: Path, path: Path, store: Store, seed: int):
    print("seed", seed)
    rng = random.Random(seed)
    rows = [row(seq, to="a", body=rng.randbytes(rng.choice([100, 5000, 50_000, 150_000]))) for seq in range(60)]
    put(store, *rows[:30])
    store.checkpoint()
    put(store, *rows[30:])
    for attempt in range(12):
        left = left_by_a_kill(path, tmp_path / f"left{attempt}.db")
        for _ in range(rng.randrange(1, 40)):
            file = rng.choice([left, log_of(left)])
            garbage(file, rng.randrange(file.stat().st_size), rng.choice([1, 4, 100, 5000]))
        with opened(tmp_path / f"into{attempt}.db") as into:
            salvage(left, into)
            assert all(found in rows for found in read(into, "a"))


def test_pages_are_those_that_sqlite_reads(path: Path):
    filled(path)
    with Pages(path) as pages:
        assert (pages.size, pages.count) == (PAGE, path.stat().st_size // PAGE)
        assert pages.page(2) == path.read_bytes()[PAGE : 2 * PAGE]
        assert (pages.page(0), pages.page(pages.count + 1)) == (b"", b"")
