import sqlite3
from pathlib import Path

import pytest
from tests.collector.spool.rig import numbers, opened, put, read, row, sql

from inspan_collector.spool.row import Trouble
from inspan_collector.spool.schema import APPLICATION, MIGRATIONS
from inspan_collector.spool.store import Store

TWO = (*MIGRATIONS, ("alter table rows add column tenant text", "create table tenants (name text)"))


def first_version(path: Path) -> None:
    """A file as the first version made it, by hand."""
    steps = [*MIGRATIONS[0], f"pragma application_id = {APPLICATION}", "pragma user_version = 1"]
    sql(path, "pragma page_size = 32768", "pragma auto_vacuum = full", "pragma journal_mode = wal", *steps)


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    (found,) = connection.execute("pragma user_version").fetchone()
    connection.close()
    return int(found)


def test_a_file_of_the_first_version_is_opened_by_the_second_with_all_it_holds(path: Path):
    first_version(path)
    with opened(path) as store:
        put(store, row(1), row(2))
    store = Store.open(path, steps=TWO)
    assert (version(path), numbers(read(store)), store.epoch) == (2, [1, 2], 2)
    put(store, row(3))
    store.close()
    store = Store.open(path, steps=TWO)
    assert numbers(read(store)) == [1, 2, 3]
    store.close()


def test_a_step_that_fails_leaves_the_version_before_it_whole(path: Path):
    with opened(path) as store:
        put(store, row(1))
    with pytest.raises(Trouble):
        Store.open(path, steps=(*MIGRATIONS, ("create table tenants (name text)", "drop table nothing")))
    assert version(path) == 1
    store = Store.open(path, steps=TWO)
    assert numbers(read(store)) == [1]
    store.close()


def test_a_newer_file_is_left_as_it_is(path: Path):
    Store.open(path, steps=TWO).close()
    before = {found.name: found.read_bytes() for found in path.parent.iterdir()}
    for open_it in (Store.open, Store.read_only):
        with pytest.raises(Trouble, match="upgrade inspan, or move it away") as trouble:
            open_it(path)
        assert trouble.value.kind == "newer"
    assert {found.name: found.read_bytes() for found in path.parent.iterdir()} == before


def test_a_database_of_something_else_is_left_as_it_is(path: Path):
    sql(path, "create table bookmarks (address text)")
    before = path.read_bytes()
    with pytest.raises(Trouble, match="something else"):
        Store.open(path)
    assert path.read_bytes() == before


def test_an_empty_file_is_a_new_spool(path: Path):
    path.touch()
    with opened(path) as store:
        put(store, row(1))
        assert store.epoch == 1
