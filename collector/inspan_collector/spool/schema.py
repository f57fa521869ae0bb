"""The shape of the database, and how a file of an older shape becomes one of today's.

One table and an index that covers every question which needs no body, measured against a small table beside one of
bodies, page 32 KiB, auto_vacuum FULL, two busy cores. 36 KB rows: put 75 against 109 us, erase 56 against 78, read 12
against 20, totals of 10,000 rows 1 against 4 ms.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from inspan_collector.spool.row import Trouble

APPLICATION: Final = 0x696E7370  # "insp", the application_id of our files: nobody else's database is written to

# One entry a version, each run in one transaction. An entry that was released is never changed: the next one mends it.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "create table life (epoch integer not null)",
        "insert into life values (0)",
        # Destinations and formats are few, and their names long: a row says 1 for otlp_protobuf.
        "create table names (id integer primary key, name text not null unique)",
        """create table rows (
            seq integer primary key, destination integer not null, format integer not null, spans integer not null,
            size integer not null, arrived real not null, ended integer not null, key blob, crc integer not null,
            agent text not null, body blob not null)""",
        "create index rows_by_destination on rows (destination, seq, format, spans, size, arrived)",
        "create index rows_by_key on rows (destination, key, ended) where key is not null",
        """create table refused (
            id integer primary key autoincrement, destination integer not null, at real not null,
            status integer not null, message text not null, format integer not null, spans integer not null,
            size integer not null, crc integer not null, agent text not null, body blob not null)""",
        "create index refused_by_destination on refused (destination, id, spans, size, at)",
        "create table posts (id integer primary key, agent blob not null, sequence blob not null)",
    ),
)


def check(connection: sqlite3.Connection, known: int, path: Path) -> int:
    """The file's version, 0 for a new one. Raises Trouble where it is not ours to write."""
    ((version,),) = connection.execute("pragma user_version").fetchall()
    ((application,),) = connection.execute("pragma application_id").fetchall()
    ((tables,),) = connection.execute("select count(*) from sqlite_master").fetchall()
    if application != APPLICATION and (version or application or tables):
        raise Trouble("newer", f"{path} is a database of something else: move it away, or set another spool.path")
    if version > known:
        message = f"spool {path} has version {version}, and this inspan knows {known}: upgrade inspan, or move it away"
        raise Trouble("newer", message)
    return int(version)


def migrate(connection: sqlite3.Connection, steps: Sequence[Sequence[str]]) -> None:
    """Bring the file to the version len(steps). A step that fails leaves the version before it, whole."""
    (version,) = connection.execute("pragma user_version").fetchone()
    for number, step in enumerate(steps[version:], version + 1):
        connection.execute("begin immediate")
        try:
            for statement in step:
                connection.execute(statement)
            connection.execute(f"pragma application_id = {APPLICATION}")
            connection.execute(f"pragma user_version = {number}")
            connection.execute("commit")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
