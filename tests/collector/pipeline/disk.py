"""A disk that a dictionary can model: what the spool promises of one, in virtual time, with crashes."""

import asyncio
import bisect
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from inspan_collector.ledger import PLACES, Ledger
from inspan_collector.row import Row, Total, Trouble, Write
from inspan_collector.spool.reading import Page
from inspan_collector.spool.share import Share
from inspan_collector.spool.store import Store

T = TypeVar("T")


class ModelPage:
    """What a mirror keeps of one ledger: nothing of what is not published."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, bool]] = []
        self.published: tuple[dict[str, int], list[tuple[int, int, bool]]] = ({}, [])

    def watch(self, ledger: Ledger) -> None:
        self.ledger = ledger
        ledger.publish = self.publish
        self.publish()

    def settled(self, seq: int, spans: int, again: bool = False) -> None:
        self.rows.append((seq, spans, again))

    def forget(self, count: int) -> None:
        del self.rows[:count]

    def publish(self) -> None:
        self.published = (self.ledger.snapshot(), list(self.rows))

    def held(self) -> int:
        return sum(self.published[0].get(place, 0) for place in PLACES)


class ModelStore:
    """The questions of a Store."""

    def __init__(self, rows: dict[int, Row]) -> None:
        self.rows = rows

    def page(
        self, destination: str, after: int, *, max_spans: int, max_bytes: int, skip: Any = (), ahead: int = 0
    ) -> Page:
        found: list[Row] = []
        seqs = sorted(self.rows)
        last, spans, size = after, 0, 0
        for seq in seqs[bisect.bisect_right(seqs, after) :]:
            row = self.rows[seq]
            if seq not in skip:
                spans, size = spans + row.spans, size + len(row.body)
                if found and (spans > max_spans or size > max_bytes or row.format != found[0].format):
                    return Page(found, last, True)
                found.append(row)
            last = seq
        return Page(found, last, False)

    def look_up(self, destination: str, keys: Sequence[bytes]) -> list[tuple[bytes, int, bool]]:
        return [(row.key, row.seq, row.ended) for row in self.rows.values() if row.key in set(keys)]

    def expired(self, destination: str, before: float, skip: Any = ()) -> list[tuple[int, str, int]]:
        return [
            (s, row.destination, row.spans) for s, row in self.rows.items() if row.arrived < before and s not in skip
        ]

    def oldest(self, destination: str, size: int, skip: Any = ()) -> list[tuple[int, str, int]]:
        rows = [self.rows[seq] for seq in sorted(self.rows) if seq not in skip]
        return [(row.seq, row.destination, row.spans) for row in rows[: max(1, size // 250)]]

    def keys_of(self, seqs: Sequence[int]) -> dict[int, bytes]:
        return {seq: key for seq in seqs if (key := self.rows[seq].key) is not None}

    def total(self) -> Total:
        return Total(len(self.rows), sum(row.spans for row in self.rows.values()), 0)


class ModelDisk:
    """Writes land after a while, all of one turn at once; a crash leaves what has landed."""

    def __init__(self, rng: random.Random, rows: dict[int, Row] | None = None, first: int = 1) -> None:
        self.rng = rng
        self.rows = rows if rows is not None else {}
        self.store = ModelStore(self.rows)
        self.next = first
        self.share: Share | None = None
        self.max_size = 1 << 30
        self.delays = [0.0, 0.001, 0.02, 0.3]  # s
        self.jobs: list[Write | Callable[[], None]] = []
        self.broken: Trouble | None = None
        self.crashed = False

    def number(self, count: int) -> int:
        self.next += count
        return self.next - count

    def has_room(self, destination: str, size: int) -> bool:
        return sum(row.size for row in self.rows.values()) + size <= self.max_size

    def write(self, write: Write) -> None:
        self._job(write)

    async def ask(self, question: Callable[[Store], T]) -> T:
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._job(lambda: self._answer(question, answer))
        return await answer

    def _answer(self, question: Callable[[Store], T], answer: "asyncio.Future[T]") -> None:
        if answer.done():
            return
        if self.broken:
            answer.set_exception(self.broken)
        else:
            answer.set_result(question(cast(Store, self.store)))

    def _job(self, job: Write | Callable[[], None]) -> None:
        if not self.jobs:
            loop = asyncio.get_running_loop()
            loop.call_later(self.rng.choice(self.delays), self._work)
        self.jobs.append(job)

    def _work(self) -> None:
        jobs, self.jobs = self.jobs, []
        if self.crashed:
            return
        for job in jobs:
            if not isinstance(job, Write):
                job()
            elif self.broken and (job.put or job.refuse):
                job.done(self.broken)
            else:
                self._land(job)

    def _land(self, write: Write) -> None:
        before = sum(row.spans for row in self.rows.values())
        for row in write.put:
            self.rows[row.seq] = row
        for seq in write.erase:
            self.rows.pop(seq, None)
        if self.share is not None:
            self.share.disk_spans += sum(row.spans for row in self.rows.values()) - before
        write.done(None)

    def present(self, seqs: Sequence[int]) -> Mapping[int, int]:
        return {seq: self.rows[seq].spans for seq in seqs if seq in self.rows}
