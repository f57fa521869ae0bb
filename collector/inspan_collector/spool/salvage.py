"""What can still be read of a damaged spool goes into a sound one.

Pages are read one by one, not through SQLite: it stops at the first bad page of a tree and at the first bad frame of
the log, and without its header it reads nothing. Rows know themselves by their checksum.
"""

from collections import Counter
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from inspan_collector.row import Refused, Row, Write
from inspan_collector.spool.checksum import refused_crc, row_crc
from inspan_collector.spool.pages import Pages
from inspan_collector.spool.reading import DAMAGED
from inspan_collector.spool.records import INDEX_INNER, INDEX_LEAF, Record, kind_of, records
from inspan_collector.spool.store import COUNTER_BITS, DARK, POSTS, Store

GROUP_ROWS: Final = 256
GROUP_BYTES: Final = 8 << 20  # with one row more, what is in memory at once, and what the new log grows to

# The first pages: trees have their roots there from the beginning, and the list of names fits on its root.
ROOTS: Final = 16

REAL: Final = (int, float)  # a whole number in a column of reals is kept as an integer
NULL: Final = type(None)
# Which table a record is of can be told by its types alone.
ROW_TYPES: Final[tuple[Any, ...]] = (NULL, int, int, int, int, REAL, int, (bytes, NULL), int, str, bytes)
REFUSED_TYPES: Final[tuple[Any, ...]] = (NULL, int, REAL, int, str, int, int, int, int, str, bytes)
POST_TYPES: Final[tuple[Any, ...]] = (NULL, bytes, bytes)
NAME_TYPES: Final[tuple[Any, ...]] = (NULL, str)
LIFE_TYPES: Final[tuple[Any, ...]] = (int,)
PLACE_TYPES: Final[tuple[Any, ...]] = (int, int, int, int, int, REAL, int)  # an entry of rows_by_destination, seq twice


class Salvaged(msgspec.Struct):
    """What came over, in spans by destination. rows, refused, posts: how many; refused: without those of damaged.

    damaged: of rows whose checksum does not match, which are in quarantine now. lost: of rows that the index speaks of
    and that are nowhere; what neither index nor row speaks of is not counted. skipped: damaged frames of the log.
    """

    rows: int = 0
    spans: Counter[str] = msgspec.field(default_factory=Counter)
    damaged: Counter[str] = msgspec.field(default_factory=Counter)
    lost: Counter[str] = msgspec.field(default_factory=Counter)
    refused: int = 0
    posts: int = 0
    skipped: int = 0


def salvage(broken: Path, into: Store) -> Salvaged:
    """Copy what can be read of the file `broken` and its log; neither is changed. Raises Trouble of `into` alone.

    What `into` has already stays as it is. Its epoch rises over those of the file: ask for it again.
    """
    with Pages(broken) as pages:
        return Salvage(pages, into).run()


class Salvage:
    """One run, in transactions of bounded size."""

    def __init__(self, pages: Pages, into: Store) -> None:
        self.pages = pages
        self.into = into
        self.told = Salvaged(skipped=pages.skipped)
        self.names: dict[int, str] = {}
        self.epoch = 0
        self.rows: dict[int, Row] = {}
        self.entries: list[Refused] = []
        self.bytes = 0
        self.suspects: list[tuple[int, int]] = []  # (page, seq) of rows that do not match: another may
        self.quarantined: set[int] = set()

    def run(self) -> Salvaged:
        self._learn()
        posts: dict[int, tuple[bytes, bytes]] = {}
        index = []
        for number in range(1, self.pages.count + 1):
            if kind_of(self.pages.page(number)) in (INDEX_LEAF, INDEX_INNER):
                index.append(number)
                continue
            for record in records(self.pages, number):
                if fits(record, POST_TYPES):
                    _, agent, sequence = cast("tuple[None, bytes, bytes]", record.values)
                    posts[record.rowid] = (agent, sequence)
                else:
                    self._sort(number, record)
        self._flush()
        self._judge()
        for number in index:
            self._miss(number)
        kept = [posts[order] for order in sorted(posts)][-POSTS:]
        if kept:
            self.into.apply([Write(posts=kept)])
        self.told.posts = len(kept)
        self.into.rise(self.epoch)
        return self.told

    def _learn(self) -> None:
        for number in range(1, ROOTS + 1):
            for record in records(self.pages, number):
                if fits(record, NAME_TYPES):
                    self.names[record.rowid] = str(record.values[1])
                elif fits(record, LIFE_TYPES) and record.rowid:
                    self.epoch = max(self.epoch, int(record.values[0] or 0))

    def _sort(self, number: int, record: Record) -> None:
        """Take the row or the refused spans of a record where they match, and note where they do not."""
        if fits(record, ROW_TYPES):
            row, crc = self._row(record)
            if row_crc(row) == crc:
                self._take(row)
            else:
                self.suspects.append((number, row.seq))
        elif fits(record, REFUSED_TYPES):
            entry, crc = self._refused(record)
            if refused_crc(entry) == crc:
                self.told.refused += 1
                self._refuse(entry)

    def _take(self, row: Row) -> None:
        if row.seq < DARK:
            self.epoch = max(self.epoch, row.seq >> COUNTER_BITS)
        if row.seq not in self.rows:
            self.rows[row.seq] = row
            self._grow(row.body)

    def _refuse(self, entry: Refused) -> None:
        self.entries.append(entry)
        self._grow(entry.body)

    def _grow(self, body: bytes) -> None:
        self.bytes += len(body)
        if self.bytes > GROUP_BYTES or len(self.rows) + len(self.entries) >= GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if not self.rows and not self.entries:
            return
        there = self.into.present(self.rows)
        rows = [row for seq, row in self.rows.items() if seq not in there]
        applied = self.into.apply([Write(put=rows, refuse=self.entries)])
        self.told.rows += len(rows)
        self.told.spans.update(applied.added)
        self.rows, self.entries, self.bytes = {}, [], 0

    def _judge(self) -> None:
        """Quarantine the rows that do not match and that no other page has whole."""
        for number, seq in self.suspects:
            if seq in self.quarantined or self.into.present([seq]):
                continue
            for record in records(self.pages, number):
                if record.rowid == seq and fits(record, ROW_TYPES):
                    self._suspect(self._row(record)[0])
                    break
        self._flush()

    def _suspect(self, row: Row) -> None:
        spans = max(1, min(row.spans, len(row.body)))  # the number itself may be what is damaged
        self.quarantined.add(row.seq)
        self.told.damaged[row.destination] += spans
        self._refuse(Refused(row.destination, row.arrived, 0, DAMAGED, row.format, spans, row.body, row.agent))

    def _miss(self, number: int) -> None:
        """Count the rows of a page of the index that came from nowhere."""
        expected: dict[int, tuple[str, int]] = {}
        for record in records(self.pages, number):
            if fits(record, PLACE_TYPES) and record.values[1] == record.values[6]:
                destination, seq, _, spans, *_ = record.values
                expected[int(seq or 0)] = (self._name(destination), int(spans or 0))
        for seq in expected.keys() - self.into.present(expected).keys() - self.quarantined:
            destination, count = expected[seq]
            self.told.lost[destination] += count

    def _name(self, number: Any) -> str:
        return self.names.get(number, f"number {number}")  # kept under that until somebody says whose they are

    def _row(self, record: Record) -> tuple[Row, int]:
        values: list[Any] = record.values
        _, destination, format, spans, _, arrived, ended, key, crc, agent, body = values
        name = self._name
        row = Row(record.rowid, name(destination), name(format), spans, float(arrived), agent, body, key, bool(ended))
        return row, crc

    def _refused(self, record: Record) -> tuple[Refused, int]:
        values: list[Any] = record.values
        _, destination, at, status, message, format, spans, _, crc, agent, body = values
        name = self._name
        return Refused(name(destination), float(at), status, message, name(format), spans, body, agent), crc


def fits(record: Record, shape: tuple[Any, ...]) -> bool:
    values = record.values
    return len(values) == len(shape) and all(map(isinstance, values, shape))
