"""Rows, refused spans and stores for the tests of the spool."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from inspan_collector.spool.row import Refused, Row, Write
from inspan_collector.spool.store import Applied, Store

EPOCH = 1 << 40


def row(
    seq: int,
    *,
    to: str = "sgp",
    format: str = "span_json",
    spans: int = 3,
    body: bytes = b"body",
    key: bytes | None = None,
    ended: bool = True,
) -> Row:
    """A row of the first epoch that arrived `seq` seconds after midnight."""
    return Row(EPOCH + seq, to, format, spans, float(seq), "pid 7", body, key, ended)


def refused(body: bytes = b"body", *, to: str = "sgp", spans: int = 1, at: float = 5.0) -> Refused:
    return Refused(to, at, 400, "name is too long", "span_json", spans, body, "pid 7")


def put(store: Store, *rows: Row) -> Applied:
    return store.apply([Write(put=rows)])


def erase(store: Store, *seqs: int) -> Applied:
    return store.apply([Write(erase=[EPOCH + seq for seq in seqs])])


def read(store: Store, to: str = "sgp") -> list[Row]:
    """Every row of a destination, page by page."""
    rows: list[Row] = []
    last, more = 0, True
    while more:
        page = store.page(to, last, max_spans=100, max_bytes=1 << 20)
        rows += page.rows
        last, more = page.last, page.more
    return rows


def numbers(rows: list[Row]) -> list[int]:
    return [found.seq - EPOCH for found in rows]


@contextmanager
def opened(path: Path, opening: Callable[[Path], Store] = Store.open) -> Iterator[Store]:
    store = opening(path)
    try:
        yield store
    finally:
        store.close()


def sql(path: Path, *statements: str) -> None:
    """What nobody but a test does to a spool."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for statement in statements:
            connection.execute(statement)
    finally:
        connection.close()
