"""The durable store: rows of spans that wait, spans that were refused, and posts that must be known again.

One SQLite database, used by the thread that opened it, synchronous, with no locks of its own: that there is one writer
is seen to above. A call raises Trouble and then has changed nothing.
"""

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from inspan_collector.formats import FORMATS
from inspan_collector.row import ROW, Refused, Row, Total, Write
from inspan_collector.spool.checksum import row_crc
from inspan_collector.spool.database import Database
from inspan_collector.spool.group import Group, group_of
from inspan_collector.spool.pages import must_be_whole
from inspan_collector.spool.reading import Page, Rows
from inspan_collector.spool.refusals import BOUND, Refusals
from inspan_collector.spool.schema import MIGRATIONS
from inspan_collector.spool.trouble import told

POSTS: Final = 16_384  # known again after a restart: an agent's unacknowledged posts, for hundreds of agents

DARK: Final = 1 << 62  # seqs from here on were given while no store was open, and say nothing of its epochs
TOGETHER: Final = 500  # rows erased by one statement; SQLite takes 999 variables where it was built long ago

COUNTER_BITS: Final = 40  # of a seq; the rest is the epoch. 2^40 chunks of one life are 3 years at 10,000 a second


class Applied(msgspec.Struct, gc=False):
    """What a group of writes did, in spans by destination, as the database counted it.

    added, removed: rows; what a put replaced is removed. refused, released, evicted: of quarantine; evicted made room.
    size: bytes of all rows now. grown: bytes by which the rows of each destination have grown.
    """

    added: dict[str, int]
    removed: dict[str, int]
    refused: dict[str, int]
    released: dict[str, int]
    evicted: dict[str, int]
    size: int
    grown: dict[str, int]


class Store:
    """What is on disk. epoch: one higher at each open; the seqs of this life begin at `epoch << COUNTER_BITS`."""

    def __init__(self, path: Path, database: Database, epoch: int, formats: Container[str], quarantine: int) -> None:
        self.path = path
        self.database = database
        self.epoch = epoch
        self._rows = Rows(database, formats)
        self._refusals = Refusals(database, quarantine)
        self.size = sum(total.size for total in self._rows.totals().values())

    def __repr__(self) -> str:
        return f"<Store {self.path} epoch {self.epoch} {self.size} bytes>"

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        above: int = 0,
        formats: Container[str] = FORMATS,
        quarantine: int = BOUND,
        steps: Sequence[Sequence[str]] = MIGRATIONS,
    ) -> "Store":
        """Open it for writing, made where it is missing, or raise Trouble.

        above: an epoch that is known to be used, for a file that takes the place of another. quarantine: bytes that a
        destination's refused spans may take.
        """
        with told(path):
            database = Database.open(path, steps, must_be_whole)
            try:
                return cls(path, database, next_epoch(database, above), formats, quarantine)
            except BaseException:
                database.close()
                raise

    @classmethod
    def read_only(cls, path: Path, formats: Container[str] = FORMATS) -> "Store":
        """Open it to look, also while a sidecar writes, or raise Trouble. Nothing on disk changes."""
        with told(path):
            database = Database.look(path)
            try:
                ((epoch,),) = database.execute("select epoch from life").fetchall()
                return cls(path, database, epoch, formats, BOUND)
            except BaseException:
                database.close()
                raise

    def close(self) -> None:
        """What is in the log goes into the file, where there is room."""
        with told(self.path):
            self.database.close()

    def rise(self, above: int) -> None:
        """Begin a new epoch where this one is not over `above`, which is known to be used."""
        if self.epoch <= above:
            with told(self.path):
                self.epoch = next_epoch(self.database, above)

    def checkpoint(self) -> None:
        """Bring the log into the file and give its room back."""
        with told(self.path):
            self.database.execute("pragma wal_checkpoint(truncate)").fetchall()

    def apply(self, writes: Iterable[Write]) -> Applied:
        """Write the group, all of it or nothing, and return when it is durable."""
        group = group_of(writes)
        with told(self.path):
            for name in sorted(group.names):
                self.database.intern(name)
            with self.database.transaction():
                applied, grown = self._write(group)
        self.size += grown
        applied.size = self.size
        return applied

    def _write(self, group: Group) -> tuple[Applied, int]:
        # What is put may take the place of a row of its seq: one look for all costs less than a conflict for each.
        removed, grown = self._erase([*group.erase, *(row.seq for row in group.put)])
        self._insert(group.put)
        added = Counter[str]()
        for row in group.put:
            added[row.destination] += row.spans
            grown[row.destination] += row.size
        released = self._refusals.release(group.release)
        refused = self._refusals.put(group.refuse)
        evicted = self._refusals.make_room(refused)
        self._remember(group.posts)
        return Applied(added, removed, refused, released, evicted, 0, grown), sum(grown.values())

    def _erase(self, seqs: Sequence[int]) -> tuple[Counter[str], Counter[str]]:
        """By destination, spans that went, and bytes by which it has grown: fewer than none."""
        gone, grown = Counter[str](), Counter[str]()
        for start in range(0, len(seqs), TOGETHER):
            part = seqs[start : start + TOGETHER]
            marks = ",".join("?" * len(part))
            sql = f"delete from rows where seq in ({marks}) returning destination, spans, size"  # noqa: S608
            for destination, spans, size in self.database.execute(sql, part).fetchall():
                name = self.database.name(destination)
                gone[name] += spans
                grown[name] -= size + ROW
        return gone, grown

    def _insert(self, rows: Sequence[Row]) -> None:
        ids = self.database.ids
        self.database.connection.executemany(
            """insert into rows (seq, destination, format, spans, size, arrived, ended, key, crc, agent, body)
            values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            [
                (row.seq, ids[row.destination], ids[row.format], row.spans, len(row.body), row.arrived, row.ended,
                 row.key, row_crc(row), row.agent, row.body)
                for row in rows
            ],
        )  # fmt: skip

    def _remember(self, posts: list[tuple[bytes, bytes]]) -> None:
        if posts:
            self.database.connection.executemany("insert into posts (agent, sequence) values (?, ?)", posts[-POSTS:])
            self.database.execute("delete from posts where id <= (select max(id) from posts) - ?", (POSTS,))

    def page(
        self, destination: str, after: int, *, max_spans: int, max_bytes: int, skip: Container[int] = (), ahead: int = 0
    ) -> Page:
        """Rows of one destination and one format with a seq above `after`, oldest first, passing over `skip`.

        ahead: rows of other formats that may be passed over as well. `last` is then before the first of these, so that
        the next page has them; whoever asks for it skips what this one had.
        At least one where there is any; one over max_bytes (of bodies) comes alone. A row that cannot be understood
        has its `fault`, and its body as it is.
        """
        with told(self.path):
            return self._rows.page(destination, after, max_spans=max_spans, max_bytes=max_bytes, skip=skip, ahead=ahead)

    def look_up(self, destination: str, keys: Sequence[bytes]) -> list[tuple[bytes, int, bool]]:
        """(key, seq, ended) of every row with one of these keys."""
        with told(self.path):
            return self._rows.look_up(destination, keys)

    def keys_of(self, seqs: Iterable[int]) -> dict[int, bytes]:
        """The keys of those rows that have one, by seq."""
        with told(self.path):
            return self._rows.keys_of(seqs)

    def totals(self, skip: Container[int] = ()) -> dict[str, Total]:
        """What is there of each destination, counted anew, without what is in `skip`."""
        with told(self.path):
            return self._rows.totals(skip)

    def highest(self) -> int:
        """The highest seq of all rows, 0 without any."""
        with told(self.path):
            ((highest,),) = self.database.execute("select coalesce(max(seq), 0) from rows").fetchall()
            return int(highest)

    def present(self, seqs: Iterable[int]) -> dict[int, tuple[str, int]]:
        """Destination and spans of those that are there."""
        with told(self.path):
            return self._rows.present(seqs)

    def oldest(self, destination: str, size: int, skip: Container[int] = ()) -> list[tuple[int, str, int]]:
        """(seq, destination, spans) of the oldest rows of one destination, so many bytes or a little more."""
        with told(self.path):
            return self._rows.oldest(destination, size, skip)

    def expired(self, destination: str, before: float, skip: Container[int] = ()) -> list[tuple[int, str, int]]:
        """(seq, destination, spans) of rows of one that arrived before, a few thousand at most: ask again for more."""
        with told(self.path):
            return self._rows.expired(destination, before, skip)

    def posts(self) -> list[tuple[bytes, bytes]]:
        """(agent, sequence) of the newest posts, oldest first."""
        with told(self.path):
            return self.database.execute("select agent, sequence from posts order by id").fetchall()

    def refused(self, destination: str | None, after: int, limit: int) -> list[Refused]:
        """Of quarantine, the oldest with an id above `after`, of one destination or of all."""
        with told(self.path):
            return self._refusals.page(destination, after, limit)

    def refused_one(self, number: int) -> Refused | None:
        """What has this id in quarantine, None where nothing has."""
        with told(self.path):
            return self._refusals.one(number)

    def refused_totals(self) -> dict[str, Total]:
        """What is in quarantine of each destination."""
        with told(self.path):
            return self._refusals.totals()

    def adopt(self, old: str, new: str) -> Total:
        """Rows of the destination `old` become those of `new`: how much that was. Quarantine keeps the old name."""
        with told(self.path):
            found = self._rows.totals().get(old, Total())
            number = self.database.intern(new)
            with self.database.transaction():
                sql = "update rows set destination = ? where destination = ?"
                self.database.execute(sql, (number, self.database.ids.get(old, 0)))
            return found


def next_epoch(database: Database, above: int) -> int:
    """One that no life of this database has used, nor `above`."""
    sql = "update life set epoch = max(epoch, ?) + 1 returning epoch"
    ((epoch,),) = database.execute(sql, (above,)).fetchall()
    return int(epoch)
