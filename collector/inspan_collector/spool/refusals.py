"""Quarantine on disk: spans that were refused for good, the newest of each destination within a bound."""

from collections import Counter
from typing import Final

from inspan_collector.row import ROW, Refused, Total
from inspan_collector.spool.checksum import refused_crc
from inspan_collector.spool.database import Database

BOUND: Final = 64 << 20  # bytes a destination: a day of a bad deployment, and a sixteenth of the spool's own bound

COLUMNS: Final = "id, destination, at, status, message, format, spans, agent, body"


class Refusals:
    """The table of refused spans. An entry counts with its body and ROW bytes. Writes belong in a transaction."""

    def __init__(self, database: Database, bound: int = BOUND) -> None:
        self.database = database
        self.bound = bound

    def put(self, entries: list[Refused]) -> Counter[str]:
        """Into quarantine, and how many spans of each destination. Their names are interned already."""
        ids, added = self.database.ids, Counter[str]()
        for entry in entries:
            self.database.execute(
                """insert into refused (destination, at, status, message, format, spans, size, crc, agent, body)
                values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                (ids[entry.destination], entry.at, entry.status, entry.message, ids[entry.format], entry.spans,
                 len(entry.body), refused_crc(entry), entry.agent, entry.body),
            )  # fmt: skip
            added[entry.destination] += entry.spans
        return added

    def release(self, ids: list[int]) -> Counter[str]:
        """Out of quarantine; an id that is not there is passed over. Spans of each destination that were."""
        gone = Counter[str]()
        for number in ids:
            sql = "delete from refused where id = ? returning destination, spans"
            for destination, spans in self.database.execute(sql, (number,)).fetchall():
                gone[self.database.name(destination)] += spans
        return gone

    def make_room(self, destinations: Counter[str]) -> Counter[str]:
        """Let the oldest go where a destination is over its bound, an entry alone over it too. Spans that went."""
        evicted = Counter[str]()
        for name in destinations:
            over = self._size(name) - self.bound
            while over > 0:
                oldest = """delete from refused where id =
                    (select min(id) from refused where destination = ?) returning spans, size"""
                ((spans, size),) = self.database.execute(oldest, (self.database.ids[name],)).fetchall()
                evicted[name] += spans
                over -= size + ROW
        return evicted

    def _size(self, name: str) -> int:
        # Summed anew each time, by the index alone: at most a few ms for a full quarantine of small chunks, while a sum
        # that is kept would have to survive a rollback.
        sql = f"select coalesce(sum(size + {ROW}), 0) from refused where destination = ?"  # noqa: S608
        ((size,),) = self.database.execute(sql, (self.database.ids[name],))
        return int(size)

    def page(self, destination: str | None, after: int, limit: int) -> list[Refused]:
        """The oldest `limit` with an id above `after`, of one destination or of all."""
        if destination is None:
            sql = f"select {COLUMNS} from refused where id > ? order by id limit ?"  # noqa: S608
            found = self.database.execute(sql, (after, limit))
        else:
            sql = f"select {COLUMNS} from refused where destination = ? and id > ? order by id limit ?"  # noqa: S608
            found = self.database.execute(sql, (self.database.ids.get(destination, 0), after, limit))
        return [self._entry(columns) for columns in found]

    def one(self, number: int) -> Refused | None:
        sql = f"select {COLUMNS} from refused where id = ?"  # noqa: S608
        found = self.database.execute(sql, (number,)).fetchall()
        return self._entry(found[0]) if found else None

    def totals(self) -> dict[str, Total]:
        """What is there of each destination, by a scan of the index."""
        sql = "select destination, count(*), sum(spans), sum(size), min(at) from refused group by destination"
        return {
            self.database.name(number): Total(rows, spans, size + rows * ROW, oldest)
            for number, rows, spans, size, oldest in self.database.execute(sql)
        }

    def _entry(self, columns: tuple[int, int, float, int, str, int, int, str, bytes]) -> Refused:
        number, destination, at, status, message, format, spans, agent, body = columns
        name = self.database.name
        return Refused(name(destination), at, status, message, name(format), spans, body, agent, number)
