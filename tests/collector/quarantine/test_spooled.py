"""Quarantine on a disk that is fast, slow, full or real."""

import asyncio
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from tests.virtual_time import run

from inspan_collector.quarantine import SpoolQuarantine
from inspan_collector.quarantine.kept import MEMORY
from inspan_collector.quarantine.spooled import MAX_WRITING, PATIENCE
from inspan_collector.row import ROW, Refused, Row, Total, Trouble, Write
from inspan_collector.spool.store import Store

T = TypeVar("T")

BOUND = 1 << 20
FULL = Trouble("full", "the disk is full: make room")


def refused(body: bytes = b"body", spans: int = 1, destination: str = "up", at: float = 17.0) -> Refused:
    return Refused(destination, at, 400, "too long", "otlp_json", spans, body, "pid 7")


class Disk:
    """A real store behind a fake thread: groups are written, and questions answered, when they are let."""

    def __init__(self, path: Path) -> None:
        self.store = Store.open(path, quarantine=BOUND)
        self.waiting: list[Write] = []
        self.full = False
        self.patient = False  # writes wait until `commit`
        self.given: list[Refused] = []
        self.room = 1000  # entries that the destination takes again
        self.quarantine = SpoolQuarantine("up", self.write, self.ask, self.again, BOUND)
        self.open()

    def open(self) -> None:
        self.quarantine.begin(self.store.refused_totals().get("up", Total()))

    def write(self, write: Write) -> None:
        self.waiting.append(write)
        if not self.patient:
            self.commit()

    def commit(self) -> None:
        for write in self.waiting:
            if self.full:
                write.done(FULL)
                continue
            applied = self.store.apply([write])
            up = (applied.refused.get("up", 0), applied.evicted.get("up", 0), applied.released.get("up", 0))
            self.quarantine.came(*up)
            write.done(None)
        self.waiting.clear()

    async def ask(self, question: Callable[[Store], T]) -> T:
        await asyncio.sleep(0)
        return question(self.store)

    def again(self, given: list[Refused]) -> list[int]:
        took = given[: self.room]
        self.given += took
        self.room -= len(took)
        return [each.id for each in took]

    def check(self) -> None:
        """The numbers are those of the store."""
        total = self.store.refused_totals().get("up", Total())
        assert self.quarantine.spans == total.spans + self.quarantine.memory.spans


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "spool.db")
    yield disk
    disk.store.close()


def ids(entries: list) -> list[int]:
    return [entry.id for entry in entries]


async def test_refused_spans_are_on_disk_and_their_rows_are_not_any_more(disk: Disk) -> None:
    row = Row(5, "up", "otlp_json", 2, 1.0, "", b"[]")
    disk.store.apply([Write(put=[row])])
    disk.quarantine.put(refused(b"[]", spans=2), erase=[5])
    assert disk.store.totals() == {}
    (entry,) = await disk.quarantine.entries(0, 10)
    assert (entry.spans, entry.bytes, entry.status, entry.agent) == (2, 2, 400, "pid 7")
    found = await disk.quarantine.one(entry.id)
    assert found is not None
    assert found.body == b"[]"
    assert (disk.quarantine.spans, disk.quarantine.bytes, disk.quarantine.evicted) == (2, 2 + ROW, 0)


async def test_what_is_there_at_the_start_is_counted_and_can_be_asked_for(tmp_path: Path) -> None:
    first = Disk(tmp_path / "spool.db")
    first.quarantine.put(refused(spans=3))
    first.store.close()
    second = Disk(tmp_path / "spool.db")
    assert (second.quarantine.spans, second.quarantine.bytes) == (3, 4 + ROW)
    assert len(await second.quarantine.entries(0, 10)) == 1
    second.store.close()


async def test_what_a_full_disk_does_not_take_is_kept_in_memory(disk: Disk) -> None:
    disk.quarantine.put(refused(b"on disk"))
    disk.full = True
    disk.quarantine.put(refused(b"in memory", spans=2))
    assert (disk.quarantine.spans, disk.quarantine.evicted) == (3, 0)
    first, second = await disk.quarantine.entries(0, 10)
    assert first.id < MEMORY < second.id
    found = await disk.quarantine.one(second.id)
    assert found is not None
    assert found.body == b"in memory"
    assert ids(await disk.quarantine.entries(first.id, 10)) == [second.id]
    assert await disk.quarantine.entries(second.id, 10) == []
    assert await disk.quarantine.drop([second.id]) == [second.id]
    assert disk.quarantine.spans == 1


async def test_a_slow_disk_does_not_make_memory_grow(disk: Disk) -> None:
    disk.patient = True
    size = MAX_WRITING // 4
    for number in range(10):
        disk.quarantine.put(refused(bytes(size), destination="up"), erase=[number])
    assert sum(len(each.body) for write in disk.waiting for each in write.refuse) <= MAX_WRITING
    assert [seq for write in disk.waiting for seq in write.erase] == list(range(10))
    held = sum(write.refuse[0].spans for write in disk.waiting if write.refuse)
    assert held + disk.quarantine.memory.spans + disk.quarantine.evicted == 10
    assert disk.quarantine.spans + disk.quarantine.evicted == 10


async def test_one_body_may_be_larger_than_what_may_be_on_the_way(disk: Disk) -> None:
    disk.patient = True
    disk.quarantine.put(refused(bytes(MAX_WRITING + 1)))
    assert (len(disk.waiting), disk.quarantine.memory.spans) == (1, 0)


async def test_the_oldest_make_room_on_disk_and_are_counted(disk: Disk) -> None:
    for _ in range(5):
        disk.quarantine.put(refused(bytes(BOUND // 3), spans=2))
    assert (disk.quarantine.spans, disk.quarantine.evicted) == (4, 6)
    assert disk.quarantine.bytes <= BOUND
    disk.check()


async def test_a_long_list_comes_in_pages(disk: Disk) -> None:
    for number in range(100):
        disk.quarantine.put(refused(b"%d" % number))
        disk.store.apply([Write(refuse=[refused(destination="other")])])
    every = ids(await disk.quarantine.entries(0, 1000))
    assert len(every) == 100
    assert ids(await disk.quarantine.entries(0, 40)) == every[:40]
    assert ids(await disk.quarantine.entries(every[39], 1000)) == every[40:]


async def test_what_the_destination_takes_again_leaves_the_disk(disk: Disk) -> None:
    for number in range(100):
        disk.quarantine.put(refused(b"%d" % number))
    every = ids(await disk.quarantine.entries(0, 1000))
    disk.room = 50
    assert await disk.quarantine.replay(every) == every[:50]
    assert [each.body for each in disk.given] == [b"%d" % number for number in range(50)]
    assert ids(await disk.quarantine.entries(0, 1000)) == every[50:]
    disk.check()


async def test_the_spans_of_another_destination_are_left_alone(disk: Disk) -> None:
    disk.store.apply([Write(refuse=[refused(destination="other")])])
    (other,) = disk.store.refused("other", 0, 10)
    assert await disk.quarantine.one(other.id) is None
    assert await disk.quarantine.replay([other.id]) == []
    assert await disk.quarantine.drop([other.id]) == []
    assert disk.given == []


async def test_what_was_given_again_is_not_given_twice_while_the_disk_does_not_let_go(disk: Disk) -> None:
    disk.quarantine.put(refused())
    (entry,) = await disk.quarantine.entries(0, 10)
    disk.full = True
    assert await disk.quarantine.replay([entry.id]) == [entry.id]
    assert await disk.quarantine.replay([entry.id]) == []
    assert (await disk.quarantine.entries(0, 10), await disk.quarantine.one(entry.id)) == ([], None)


def test_a_drop_that_the_disk_puts_off_does_not_keep_the_command_waiting(disk: Disk) -> None:
    async def drop() -> None:
        disk.quarantine.put(refused())
        (entry,) = await disk.quarantine.entries(0, 10)
        disk.patient = True
        assert await disk.quarantine.drop([entry.id]) == [entry.id]
        assert asyncio.get_running_loop().time() == PATIENCE
        assert await disk.quarantine.entries(0, 10) == []
        assert disk.quarantine.spans == 1  # it is still there
        disk.commit()
        assert disk.quarantine.spans == 0

    run(drop())


async def test_two_commands_at_once_give_the_spans_once(disk: Disk) -> None:
    for _ in range(70):
        disk.quarantine.put(refused())
    every = ids(await disk.quarantine.entries(0, 1000))
    disk.patient = True
    both = [asyncio.ensure_future(disk.quarantine.replay(every)) for _ in range(2)]
    while not all(each.done() for each in both):
        disk.commit()
        await asyncio.sleep(0)
    assert sorted([*both[0].result(), *both[1].result()]) == every
    assert sorted(each.id for each in disk.given) == every


async def test_a_drop_that_the_disk_refuses_is_told_and_changes_nothing(disk: Disk) -> None:
    disk.quarantine.put(refused())
    (entry,) = await disk.quarantine.entries(0, 10)
    disk.full = True
    with pytest.raises(Trouble, match="the disk is full"):
        await disk.quarantine.drop([entry.id])
    assert ids(await disk.quarantine.entries(0, 10)) == [entry.id]
    disk.full = False
    assert await disk.quarantine.drop([entry.id]) == [entry.id]
    assert (disk.quarantine.spans, disk.quarantine.bytes) == (0, 0)


async def test_no_span_is_lost_without_being_counted_whatever_the_disk_does(disk: Disk) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    put = dropped = 0
    for _ in range(600):
        disk.full = rng.random() < 0.3
        disk.patient = rng.random() < 0.5
        spans = rng.randint(1, 5)
        disk.quarantine.put(refused(bytes(rng.randint(0, BOUND // 8)), spans))
        put += spans
        if rng.random() < 0.2:
            disk.patient = False
            disk.commit()
            entries = await disk.quarantine.entries(0, 1000)
            chosen = rng.sample(entries, min(len(entries), 3))
            disk.full = False
            act = rng.choice([disk.quarantine.drop, disk.quarantine.replay])
            done = await act(ids(chosen))
            dropped += sum(entry.spans for entry in chosen if entry.id in done)
            disk.check()
        assert disk.quarantine.spans + disk.quarantine.evicted + dropped == put
    disk.full = False
    disk.commit()
    disk.check()
    assert sum(entry.spans for entry in await disk.quarantine.entries(0, 10_000)) == disk.quarantine.spans
