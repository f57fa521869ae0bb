from pathlib import Path

from tests.collector.spool.rig import numbers, opened, put, read, row

from inspan_collector.spool import aside
from inspan_collector.spool.store import Store
from inspan_collector.spool.trouble import files


def write_all(path: Path, text: str = "x") -> None:
    for each in files(path):
        each.write_text(text)


def test_a_file_is_moved_with_its_log_and_found_again_oldest_first(path: Path):
    for text in ("first", "second"):
        write_all(path, text)
        aside.move(path, aside.new_name(path))
        assert not any(each.exists() for each in files(path))
    found = aside.pending(path)
    assert [each.read_text() for each in found] == ["first", "second"]
    assert [files(each)[1].read_text() for each in found] == ["first", "second"]
    assert aside.salvaged(path) == []


def test_what_was_salvaged_is_kept_as_such_and_only_the_newest(path: Path):
    for _ in range(5):
        write_all(path)
        aside.move(path, aside.new_name(path))
    moved = aside.pending(path)
    kept = [aside.finish(path, each) for each in moved]
    assert aside.pending(path) == []
    assert aside.salvaged(path) == kept[-aside.KEPT :]
    assert len(list(path.parent.iterdir())) == 2 * aside.KEPT
    aside.forget(path, 0)
    assert list(path.parent.iterdir()) == []


def test_a_log_without_its_database_goes_to_what_was_moved_last(path: Path):
    for text in ("old", "new"):
        write_all(path, text)
        log = files(path)[1].rename(path.with_name("log"))
        aside.move(path, aside.new_name(path))
    log.rename(files(path)[1])
    aside.take_up(path)
    old, new = aside.pending(path)
    assert files(new)[1].read_text() == "new" and not files(old)[1].exists()


def test_a_log_is_left_alone_where_it_may_be_another_ones(path: Path):
    log = files(path)[1]
    log.write_text("nobody knows")
    aside.take_up(path)
    assert log.exists()
    write_all(path, "moved")
    aside.move(path, aside.new_name(path))
    log.write_text("nobody knows")
    aside.take_up(path)
    assert log.exists() and files(aside.pending(path)[0])[1].read_text() == "moved"
    write_all(path, "in use")
    aside.take_up(path)
    assert log.read_text() == "in use"


def test_nothing_is_found_where_there_is_no_directory(tmp_path: Path):
    assert aside.pending(tmp_path / "nowhere" / "spool.db") == []


def test_a_database_that_has_lost_its_name_is_copied_whole(path: Path, store: Store):
    put(store, row(1), row(2))
    for each in files(path):
        each.unlink()
    path.with_name("spool.db.copy").write_text("a part, from before")
    aside.copy(store.database.connection, path)
    (copy,) = aside.pending(path)
    with opened(copy, Store.read_only) as found:
        assert numbers(read(found)) == [1, 2]
