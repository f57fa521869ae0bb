"""Which rows stand for what is held in memory, and how they come on disk."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

from inspan_collector.pledge import Pledge
from inspan_collector.row import Row, Trouble, Write

NEVER: Final = 1 << 63  # above every seq


class Disk(Protocol):
    """Who writes for all destinations."""

    def number(self, count: int) -> int:
        """The first of `count` new seqs."""
        ...

    def has_room(self, destination: str, size: int) -> bool:
        """Whether rows of so many bytes may be added for this destination."""
        ...

    def write(self, write: Write) -> None:
        """Written at the end of this turn of the loop, or later."""
        ...


class Page(Protocol):
    """Where it is noted, for the case of a crash, which rows have their fate in the books already."""

    def settled(self, seq: int, spans: int, again: bool = False) -> None: ...

    def forget(self, count: int) -> None: ...


class Written:
    """Rows that are on disk, or on their way, for what is in memory.

    always: all that is offered is written. wall: seconds since the epoch of a loop time.
    """

    page: Page  # given before the first span comes

    def __init__(self, destination: str, disk: Disk, *, always: bool, wall: Callable[[float], float]) -> None:
        self.destination = destination
        self.disk = disk
        self.always = always
        self.wall = wall
        self.stands: dict[int, int] = {}  # by the seq of what is held, that of the row
        self.attached: dict[int, int] = {}  # spans of these rows; they are not to be read back
        self.unwritten: set[int] = set()  # those of them, and of the owed ones, that are not known to be durable
        self.bodies: dict[int, Row] = {}  # of these, the rows: what was delivered first need not be written
        self.unseen: set[int] = set()  # what was sent before its older rows could be looked up, and has no fate yet
        self.lost: set[int] = set()  # of these, those whose spans were dropped meanwhile
        self.durable_spans = 0  # of attached rows
        self.owed: dict[int, int] = {}  # spans of rows
        self.disk_spans = 0  # by what the store says that it holds
        # Of rows that are not durable, those that are on disk in their place, and whether these hold other spans too.
        self.origins: dict[int, tuple[tuple[int, bool], ...]] = {}
        self.undone: list[Write] = []  # what must be on disk together and could not be written: tried again
        self.retried = 0  # such writes on their way
        self.unforgotten = 0  # notes of erasures that are durable
        self.noticed: set[int] | None = None  # rows that have their fate since a question was put
        self.replacing: set[int] = set()  # rows on their way that take the place of another; not to be sent before
        self.landing: asyncio.Future[None] | None = None
        self.passed = (
            NEVER  # the first row that was let go since a question was put: the answer may have passed it over
        )
        self.cursor = 0  # rows up to here are attached, owed or gone
        self.changed: Callable[[], None] = lambda: None  # told when rows have become durable, or could not

    def spooled(self) -> int:
        """Spans on disk with no copy in memory, counted from what the store says."""
        return self.disk_spans - self.durable_spans - sum(self.owed[row] for row in self.owed.keys() - self.unwritten)

    def _unstand(self, seq: int) -> int | None:
        """The row that stood for it, which does so no more. None where there is none, or it could not be written."""
        row = self.stands.pop(seq, None)
        return row if row in self.attached else None

    def is_writing(self) -> bool:
        """Whether rows are on their way."""
        return bool(self.unwritten)

    def number(self, count: int) -> int:
        """See Journal."""
        return self.disk.number(count)

    def eager(self, pledge: Pledge | None) -> bool:
        """See Journal."""
        return self.always or pledge is not None

    def holds_any(self) -> bool:
        """See Journal."""
        return bool(self.stands)

    def has_room(self, size: int) -> bool:
        """See Journal."""
        return self.disk.has_room(self.destination, size)

    def has_row(self, seq: int) -> bool:
        """See Journal."""
        return self.stands.get(seq) == seq

    def stood(self, seq: int) -> bool:
        """See Journal."""
        return self.stands.get(seq) in self.attached

    def is_durable(self, seq: int) -> bool:
        """See Journal."""
        return self.stands.get(seq) == seq and seq not in self.unwritten

    def is_safe(self, seq: int) -> bool:
        """See Journal."""
        row = self.stands.get(seq)
        return row in self.attached and row not in self.unwritten

    def put(self, rows: Sequence[Row], replaces: Mapping[int, int], pledge: Pledge | None = None) -> bool:
        """See Journal."""
        if pledge is not None:
            pledge.expect()
        if not self.has_room(sum([row.size for row in rows])):
            if pledge is not None:
                pledge.settle(kept=False)
            return False
        erased: list[int] = []
        for row in rows:
            losers = (self._unstand(replaces.get(row.seq, row.seq)), self._unstand(row.seq))
            before = [stood for stood in losers if stood is not None and stood != row.seq]
            if before:
                erased += before
                # What one of them should have replaced may still be there, where it could not be written.
                older = [origin for stood in before for origin in self.origins.pop(stood, ())]
                self.origins[row.seq] = (*[(stood, False) for stood in before], *older)
            self._attach(row)
        if erased:
            self.replacing.update([row.seq for row in rows])
        self._replace(rows, erased, pledge)
        return True

    def _attach(self, row: Row) -> None:
        """It is on its way."""
        if row.seq in self.attached and row.seq not in self.unwritten:  # written anew
            self.durable_spans -= row.spans
        self.stands[row.seq] = row.seq
        self.attached[row.seq] = row.spans
        self.unwritten.add(row.seq)
        self.bodies[row.seq] = row

    def _replace(self, rows: Sequence[Row], erased: list[int], pledge: Pledge | None) -> None:
        """Put rows and erase what they stand for from now on: together, so that no moment has both or neither."""
        for row in erased:
            self._owe(row)
        write = Write(put=rows, erase=erased)
        write.done = partial(self._written, write, pledge)
        self.disk.write(write)

    def _written(self, write: Write, pledge: Pledge | None, trouble: Trouble | None) -> None:
        write.done = nothing  # which held the write, and so its bodies, for ever: the collector does not look into it
        seqs = [row.seq for row in write.put]
        for seq in seqs:
            self.bodies.pop(seq, None)
        self.replacing.difference_update(seqs)
        if trouble is None:
            self._landed(write)
        else:
            self._failed(write)
        dropped = not self.lost.isdisjoint(seqs)
        self.lost.difference_update(seqs)
        if self.landing is not None:
            self.landing.set_result(None)
            self.landing = None
        if pledge is not None:
            pledge.settle(kept=trouble is None and not dropped)
        if trouble is None:
            self.changed()  # else whoever is told would write the same again at once

    def _landed(self, write: Write) -> None:
        for row in write.put:
            self._durable(row)
        for seq in write.erase:
            self.owed.pop(seq, None)
            self.unwritten.discard(seq)

    def _failed(self, write: Write) -> None:
        if write.erase:
            again = Write(put=write.put, erase=write.erase)  # neither has happened, and only both may
            again.done = partial(self._written, again, None)
            self.undone.append(again)
            return
        for row in write.put:
            self._unwrite(row.seq)
        self.disk.write(Write(erase=[row.seq for row in write.put]))  # some of them may have got there

    async def replaced(self, seqs: Collection[int]) -> None:
        """Wait until nothing on disk is older than these, or the disk is in trouble.

        Sent before that, and killed in between, a later copy would be followed by an earlier one in the next life.
        """
        while not self.replacing.isdisjoint(seqs):
            await asyncio.wait({self._landing()})

    async def written(self, timeout: float) -> None:
        """Wait until what is on its way is durable or has failed, at most so many seconds."""
        end = asyncio.get_running_loop().time() + timeout
        while self.unwritten and (left := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait({self._landing()}, timeout=left)

    def _landing(self) -> "asyncio.Future[None]":
        """Done when something has landed, or failed."""
        if self.landing is None:
            self.landing = asyncio.get_running_loop().create_future()
        return self.landing

    def _durable(self, row: Row) -> None:
        self.origins.pop(row.seq, None)
        if row.seq in self.unwritten:
            self.unwritten.discard(row.seq)
            self.durable_spans += self.attached.get(row.seq, 0)

    def _unwrite(self, seq: int) -> None:
        """It could not be written: what it stood for is in memory alone."""
        self.unwritten.discard(seq)
        self.owed.pop(seq, None)
        if self.attached.pop(seq, None) is not None and self.stands.get(seq) == seq:
            del self.stands[seq]

    def inherit(self, losers: Mapping[int, int]) -> None:
        """See Journal."""
        for seq, loser in losers.items():
            row = self._unstand(loser)
            if row is not None:
                self.stands[seq] = row

    def cut(self, seq: int, rows: Sequence[Row]) -> None:
        """See Journal."""
        row = self._unstand(seq)
        if row is None:
            return
        origins = ((row, True), *((origin, True) for origin, _ in self.origins.get(row, ())))
        for part in rows:
            self._attach(part)
            self.origins[part.seq] = origins
        self._replace(rows, [row], None)

    def _owe(self, row: int) -> None:
        spans = self.attached.pop(row)
        self.owed[row] = spans
        if row not in self.unwritten:
            self.durable_spans -= spans
        if self.noticed is not None:
            self.noticed.add(row)


def nothing(trouble: Trouble | None) -> None:
    del trouble
