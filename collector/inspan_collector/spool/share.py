"""One destination's rows, as the loop sees them: which stand for what is held, and which are spooled.

Every row is in one of three states. *Attached*: it stands for something in memory. *Owed*: that has its fate, and the
erasure is not durable yet. *Spooled*: everything else that is on disk. So only the first two are remembered, and they
are bounded by what memory holds.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

from inspan_collector.row import Row, Trouble, Write
from inspan_collector.spool.written import NEVER, Written, nothing


class Share(Written):
    """See queue.Journal."""

    def __repr__(self) -> str:
        return (
            f"<Share {self.destination} {len(self.attached)} attached, {len(self.owed)} owed, {self.spooled()} spooled>"
        )

    def keep(self, seqs: Iterable[int]) -> None:
        """See Journal."""
        for seq in seqs:
            row = self.stands.pop(seq)
            self.durable_spans -= self.attached.pop(row)
            self.cursor = min(self.cursor, row - 1)
            self.passed = min(self.passed, row)

    # Fates

    def erase(self, seqs: Iterable[int], *, lost: bool = False) -> None:
        """See Journal."""
        rows = self.surrender(seqs)
        if lost:
            self.lost.update(self.unwritten.intersection(rows))
        if rows:
            self.erase_rows(rows)

    def surrender(self, seqs: Iterable[int], *, again: bool = False) -> list[int]:
        """These have their fate: the rows that stand for them, which the caller erases. again: see Page.settled."""
        if not self.stands and not self.unseen:
            return []
        seqs = list(seqs)
        self.unseen.difference_update(seqs)
        rows = [row for seq in seqs if (row := self._unstand(seq)) is not None]
        for row in rows:
            spans = self.attached[row]
            self._owe(row)
            if not again and (on_its_way := self.bodies.pop(row, None)) is not None:
                on_its_way.body = b""  # erased right behind it; its bytes are in no budget any more
            self.page.settled(row, spans, again)
            for origin, shared in self.origins.get(row, ()):
                self.page.settled(origin, spans, shared or again)
        return rows

    def bequeathed(self, rows: Mapping[int, int], noted: int) -> None:
        """Rows (spans by seq) that had their fate in a former life, which made so many notes of such."""
        self.owed |= rows
        self.disk.write(Write(erase=list(rows), done=partial(self._erased, list(rows), noted, nothing)))

    def settle_spooled(self, rows: Mapping[int, int]) -> None:
        """Spooled rows (spans by seq) have their fate."""
        for row, spans in rows.items():
            self.owed[row] = spans
            self.page.settled(row, spans)
        self.erase_rows(list(rows))

    def erase_rows(self, rows: Sequence[int]) -> None:
        """Erase owed rows."""
        self.issue(Write(erase=rows))

    def issue(self, write: Write) -> None:
        """Erase owed rows, and do what is to be done in the same moment."""
        noted = sum([1 + len(self.origins.pop(row, ())) for row in write.erase])
        write.done = partial(self._erased, write.erase, noted, write.done)
        self.disk.write(write)

    def _erased(
        self, rows: Sequence[int], noted: int, done: Callable[[Trouble | None], None], trouble: Trouble | None
    ) -> None:
        done(trouble)
        if trouble is not None:
            self.undone.append(Write(erase=rows, done=partial(self._erased, rows, noted, nothing)))
            return
        for row in rows:
            self.owed.pop(row, None)
            self.unwritten.discard(row)
        self._forget(noted)

    def _forget(self, noted: int) -> None:
        """Notes go in the order in which they were made: of a write that is undone they must stay."""
        self.unforgotten += noted
        if not self.undone and not self.retried:
            self.page.forget(self.unforgotten)
            self.unforgotten = 0

    # Backlog

    def attach(self, rows: Collection[Row]) -> None:
        """Spooled rows were read: each stands for what is in memory now."""
        for row in rows:
            self.stands[row.seq] = row.seq
            self.attached[row.seq] = row.spans
            self.durable_spans += row.spans

    def take_over(self, seq: int | None, row: int) -> None:
        """A spooled row of one span lost to what is held under `seq`, None where it lost to another row.

        It stands for the winner, where the winner has no row.
        """
        if seq is None or seq in self.stands:
            self.settle_spooled({row: 1})
        else:
            self.stands[seq] = row
            self.attached[row] = 1
            self.durable_spans += 1

    def ask(self) -> None:
        """A question goes to the store: from here on it is noticed which rows get their fate, or are let go."""
        self.noticed = {row for write in self.undone for row in write.erase}  # the answer may come between
        self.passed = NEVER

    def answered(self, rows: Iterable[Row]) -> list[Row]:
        """The rows of the answer that are spooled still."""
        noticed, self.noticed = self.noticed or set(), None
        return [row for row in rows if row.seq not in noticed and self.is_spooled(row.seq)]

    def is_spooled(self, row: int) -> bool:
        """Of a row that is on disk: whether nothing in memory has to do with it."""
        return row not in self.attached and row not in self.owed

    # Trouble

    def retry(self) -> None:
        """The disk works again: what must be there together is written now, as far as it is still held."""
        undone, self.undone = self.undone, []
        self.retried += len(undone)
        for write in undone:
            write.put = [row for row in write.put if row.seq in self.attached]
            self.disk.write(Write(put=write.put, erase=write.erase, done=partial(self._retried, write.done)))

    def _retried(self, done: Callable[[Trouble | None], None], trouble: Trouble | None) -> None:
        self.retried -= 1
        done(trouble)
        self._forget(0)

    def watched(self) -> list[int]:
        """Rows of which it matters whether they are on disk: see `missing`."""
        return [*self.attached, *self.owed]

    def missing(self, looked_for: Iterable[int], found: Mapping[int, tuple[str, int]]) -> None:
        """Of the rows that were looked for, as they were watched then, only these are on disk."""
        for row in looked_for:
            if row in self.attached and row not in self.unwritten and row not in found:
                self.durable_spans -= self.attached.pop(row)
        self.stands = {seq: row for seq, row in self.stands.items() if row in self.attached}
        # An owed row that is gone is not among what the store counts.
        self.unwritten.update([row for row in looked_for if row in self.owed and row not in found])
