"""Questions to the rows that wait: pages of them, what is there, and what has waited too long."""

from collections.abc import Container, Iterable, Sequence
from typing import Any, Final

import msgspec

from inspan_collector.row import ROW, Row, Total
from inspan_collector.spool.checksum import row_crc
from inspan_collector.spool.database import Database
from inspan_collector.spool.trouble import Damaged

EXPIRED_AT_ONCE: Final = 4096  # rows a call: erased in 0.2 s, so that acks do not wait longer for what is too old

KEYS_AT_ONCE: Final = 500  # 1,000 keys among 200,000 take 1 to 3 ms so, and 4 to 7 ms one by one

DAMAGED: Final = "crc32 does not match: the body or its numbers changed on disk"


class Page(msgspec.Struct, gc=False):
    """Rows of one format, oldest first. last: the highest seq that was looked at. more: whether rows may follow."""

    rows: list[Row]
    last: int
    more: bool


class Rows:
    """The table of rows, as it is read. formats: the names that can be understood."""

    def __init__(self, database: Database, formats: Container[str]) -> None:
        self.database = database
        self.formats = formats

    def page(
        self, destination: str, after: int, *, max_spans: int, max_bytes: int, skip: Container[int] = (), ahead: int = 0
    ) -> Page:
        """The next rows of one destination that fit; at least one where there is any. max_bytes: of bodies."""
        number = self.database.ids.get(destination)
        if number is None:
            return Page([], after, more=False)
        with self.database.transaction("begin"):
            seqs, last, more = self._choose(number, after, max_spans, max_bytes, skip, ahead)
            return Page([self.one(seq) for seq in seqs], last, more)

    def _choose(
        self, destination: int, after: int, max_spans: int, max_bytes: int, skip: Container[int], ahead: int
    ) -> tuple[list[int], int, bool]:
        # By the index alone: what is in hand already, or does not fit, costs no reading of its body.
        sql = "select seq, format, spans, size from rows where destination = ? and seq > ? order by seq"
        seqs: list[int] = []
        first = last = after
        passed = 0
        for seq, format, spans, size in self.database.execute(sql, (destination, after)):
            if seq not in skip:
                first = first if seqs else format
                if format != first:
                    passed += 1
                    if passed > ahead:
                        return seqs, last, True
                    continue
                max_spans -= spans
                max_bytes -= size
                if seqs and (max_spans < 0 or max_bytes < 0):
                    return seqs, last, True
                seqs.append(seq)
            last = last if passed else seq
        return seqs, last, bool(passed)

    def one(self, seq: int) -> Row:
        """The row of this seq, which is there by the index."""
        sql = "select destination, format, spans, arrived, agent, body, key, ended, crc from rows where seq = ?"
        columns = self.database.execute(sql, (seq,)).fetchone()
        if columns is None:
            raise Damaged(f"row {seq} is in the index, and not in the table")
        return self.row(seq, *columns)

    def row(self, seq: int, destination: int, format: int, *columns: Any) -> Row:
        """A row of its columns, with `fault` where they are not what was written."""
        spans, arrived, agent, body, key, ended, crc = columns
        name = self.database.known(format) or f"number {format}"
        row = Row(seq, self.database.name(destination), name, spans, arrived, agent, body, key, bool(ended))
        if row_crc(row) != crc:
            row.fault = DAMAGED
        elif name not in self.formats:
            row.fault = f"this version does not know the format {name}"
        return row

    def look_up(self, destination: str, keys: Sequence[bytes]) -> list[tuple[bytes, int, bool]]:
        """(key, seq, ended) of every row with one of these keys."""
        number = self.database.ids.get(destination)
        found: list[tuple[bytes, int, bool]] = []
        for start in range(0, len(keys), KEYS_AT_ONCE):
            part = keys[start : start + KEYS_AT_ONCE]
            marks = ",".join("?" * len(part))
            sql = f"select key, seq, ended from rows where destination = ? and key in ({marks})"  # noqa: S608
            found += ((key, seq, bool(ended)) for key, seq, ended in self.database.execute(sql, (number, *part)))
        return found

    def totals(self, skip: Container[int] = ()) -> dict[str, Total]:
        """What is there of each destination, by a scan of the index, without what is in `skip`."""
        condition = ""
        if skip != ():
            self.database.connection.create_function("skipped", 1, skip.__contains__)
            condition = "where not skipped(seq)"
        sql = f"""select destination, count(*), sum(spans), sum(size), min(arrived)
            from rows indexed by rows_by_destination {condition} group by destination"""  # noqa: S608
        return {
            self.database.name(number): Total(rows, spans, size + rows * ROW, oldest)
            for number, rows, spans, size, oldest in self.database.execute(sql)
        }

    def present(self, seqs: Iterable[int]) -> dict[int, tuple[str, int]]:
        """Destination and spans of those that are there."""
        sql = "select destination, spans from rows where seq = ?"
        found = {}
        for seq in seqs:
            for destination, spans in self.database.execute(sql, (seq,)):
                found[seq] = (self.database.name(destination), spans)
        return found

    def keys_of(self, seqs: Iterable[int]) -> dict[int, bytes]:
        """The keys of those rows that have one, by seq."""
        found = ((seq, self.database.execute("select key from rows where seq = ?", (seq,)).fetchone()) for seq in seqs)
        return {seq: row[0] for seq, row in found if row is not None and row[0] is not None}

    def oldest(self, destination: str, size: int, skip: Container[int] = ()) -> list[tuple[int, str, int]]:
        """(seq, destination, spans) of the oldest rows, so many bytes of them or a little more."""
        sql = "select seq, spans, size from rows where destination = ? order by seq"
        found: list[tuple[int, str, int]] = []
        for seq, spans, body in self.database.execute(sql, (self.database.ids.get(destination),)):
            if size <= 0:
                break
            if seq not in skip:
                found.append((seq, destination, spans))
                size -= body + ROW
        return found

    def expired(self, destination: str, before: float, skip: Container[int] = ()) -> list[tuple[int, str, int]]:
        """(seq, destination, spans) of rows of one destination that arrived before, EXPIRED_AT_ONCE at most."""
        sql = "select seq, spans from rows indexed by rows_by_destination where destination = ? and arrived < ?"
        found: list[tuple[int, str, int]] = []
        for seq, spans in self.database.execute(sql, (self.database.ids.get(destination), before)):
            if seq not in skip:
                found.append((seq, destination, spans))
                if len(found) == EXPIRED_AT_ONCE:
                    break
        return found
