import asyncio
import logging
import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.collector.spool.desk import PATIENCE, Desk, large
from tests.collector.spool.rig import EPOCH, numbers, opened, read, refused, row

from inspan_collector.row import Trouble, Write
from inspan_collector.spool.scribe import Scribe
from inspan_collector.spool.store import Store


@pytest.fixture
def desk(path: Path) -> Iterator[Desk]:
    with Desk(path) as desk:
        desk.until_opened()
        yield desk


class Slow(Store):
    """A disk that waits until it is let."""

    may = threading.Event()
    groups: list[int]

    def apply(self, writes):
        writes = list(writes)
        assert self.may.wait(PATIENCE)
        self.groups.append(len(writes))
        return super().apply(writes)


@pytest.fixture
def slow() -> type[Slow]:
    return type("SlowHere", (Slow,), {"may": threading.Event(), "groups": []})


def test_the_first_store_is_told_of_with_its_epoch_and_the_posts_that_it_knows(path: Path):
    with opened(path) as store:
        store.apply([Write(posts=[(b"agent", b"1")])])
    with Desk(path) as desk:
        found = desk.until_opened()
    assert (found.epoch, found.how, found.aside, found.salvaged) == (2, "first", None, None)
    assert found.posts == [(b"agent", b"1")]
    assert desk.troubles == []


def test_what_is_done_is_on_disk(desk: Desk, path: Path):
    assert desk.put(row(1)) is None
    with closing(Store.read_only(path)) as other:
        assert numbers(read(other)) == [1]


def test_what_waits_goes_in_one_group_and_is_told_before_each_write_is(path: Path, slow: type[Slow]):
    with Desk(path, open_store=slow.open) as desk:
        order: list[str] = []
        desk.scribe.committed = lambda applied: order.append(f"committed {sum(applied.added.values())}")
        desk.scribe.write([Write(put=[row(0)], done=lambda _: order.append("0"))])
        desk.until(lambda: not desk.scribe.jobs and desk.opened)  # the thread has taken the first, and waits
        desk.scribe.write([Write(put=[row(seq)], done=lambda _, seq=seq: order.append(str(seq))) for seq in (1, 2, 3)])
        slow.may.set()
        desk.until(lambda: "3" in order)
    assert slow.groups == [1, 3]
    assert order == ["committed 3", "0", "committed 9", "1", "2", "3"]


def test_a_question_sees_what_was_written_before_it(desk: Desk):
    for seq in range(20):
        desk.scribe.write([Write(put=[row(seq)])])
        desk.scribe.ask(read, lambda rows, seq=seq: answers.append(len(rows) > seq))
    answers: list[bool] = []
    desk.until(lambda: len(answers) == 20)
    assert all(answers)


def test_a_question_that_cannot_be_answered_is_our_mistake_and_stops_nobody(
    desk: Desk, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.ERROR, "inspan"):
        answer = desk.ask(lambda store: store.no_such_question())
    assert isinstance(answer, Trouble) and "a defect of inspan" in str(answer)
    assert "a defect of inspan" in caplog.text
    assert desk.put(row(1)) is None
    assert desk.troubles == []


def test_a_write_that_makes_no_sense_fails_with_its_group_and_the_next_is_written(
    desk: Desk, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.ERROR, "inspan"):
        assert "a defect of inspan" in str(desk.write(Write(put=[row(1)], erase=[object()])))
    assert desk.put(row(2)) is None
    assert desk.seqs() == [2]
    assert desk.troubles == []


def test_where_the_thread_ends_by_a_mistake_of_ours_nobody_waits_for_ever(desk: Desk, caplog: pytest.LogCaptureFixture):
    desk.put(row(1))
    with caplog.at_level(logging.ERROR, "inspan"):
        desk.scribe.disk.check = lambda: 1 // 0
        desk.until(lambda: desk.scribe.ended)
        assert "a defect of inspan" in str(desk.put(row(2)))
    assert "the spool's thread has ended" in caplog.text
    assert "a defect of inspan" in str(desk.erase(1))
    assert "a defect of inspan" in str(desk.ask(read))
    assert not desk.scribe.stop(PATIENCE)


def test_where_one_answer_breaks_the_others_are_given(desk: Desk):
    def broken(trouble: Trouble | None) -> None:
        raise ZeroDivisionError

    answers: list[Trouble | None] = []
    desk.scribe.write([Write(put=[row(1)], done=broken), Write(put=[row(2)], done=answers.append)])
    with pytest.raises(ZeroDivisionError):
        desk.until(lambda: answers)
    desk.until(lambda: answers)


def test_rows_quarantine_and_posts_of_one_write_go_together(desk: Desk):
    desk.put(row(1), row(2))
    assert desk.write(Write(erase=[EPOCH + 1], refuse=[refused()], posts=[(b"agent", b"7")])) is None
    assert desk.seqs() == [2]
    assert desk.ask(lambda store: store.posts()) == [(b"agent", b"7")]
    (kept,) = desk.ask(lambda store: store.refused("sgp", 0, 10))
    assert desk.write(Write(release=[kept.id])) is None
    assert desk.ask(lambda store: store.refused("sgp", 0, 10)) == []


def test_stopping_writes_what_waits(path: Path):
    with Desk(path) as desk:
        answers: list[Trouble | None] = []
        desk.scribe.write([Write(put=[large(seq)], done=answers.append) for seq in range(300)])
        assert desk.scribe.stop(PATIENCE)
        desk.run()
        assert answers == [None] * 300
        assert desk.scribe.stop(PATIENCE)
    with opened(path) as store:
        assert len(read(store)) == 300


def test_after_the_stop_nothing_is_written_and_everybody_is_told(path: Path):
    with Desk(path) as desk:
        desk.until_opened()
    assert "closed" in str(desk.put(row(1)))
    assert "closed" in str(desk.erase(1))
    assert "closed" in str(desk.ask(read))


def test_a_disk_that_hangs_does_not_keep_the_process(path: Path, slow: type[Slow]):
    with Desk(path, open_store=slow.open) as desk:
        desk.until_opened()
        answers: list[Trouble | None] = []
        desk.scribe.write([Write(put=[row(1)], done=answers.append)])
        assert desk.scribe.thread.daemon
        began = time.monotonic()
        assert not desk.scribe.stop(0.05)
        assert time.monotonic() - began < PATIENCE / 2
        slow.may.set()
    assert answers == [None]


def test_nobody_is_told_anything_where_the_loop_has_closed(path: Path):
    loop = asyncio.new_event_loop()
    loop.close()
    scribe = Scribe(
        path,
        call=loop.call_soon_threadsafe,
        opened=print,
        troubled=print,
        committed=print,
    )
    scribe.start()
    scribe.write([Write(put=[row(1)])])
    assert scribe.stop(PATIENCE)
    with opened(path) as store:
        assert numbers(read(store)) == [1]


async def test_every_write_of_20_000_is_answered_once_and_in_order(path: Path):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    scribe = Scribe(
        path,
        call=loop.call_soon_threadsafe,
        opened=lambda _: ready.set(),
        troubled=lambda trouble: pytest.fail(str(trouble)),
        committed=lambda applied: counted.append(sum(applied.added.values()) - sum(applied.removed.values())),
    )
    counted: list[int] = []
    answered: list[int] = []
    alive: set[int] = set()
    lags: list[float] = []
    scribe.start()
    await ready.wait()
    number = 0
    while number < 20_000:
        writes = []
        for _ in range(chance.randint(1, 200)):
            gone = chance.sample(sorted(alive), min(len(alive), chance.randint(0, 2))) if chance.random() < 0.3 else []
            alive.difference_update(gone)
            put = [row(number, spans=1, body=b"x" * chance.randint(1, 5000))] if chance.random() < 0.8 else []
            alive.update(found.seq - EPOCH for found in put)
            erase = [EPOCH + seq for seq in gone]
            writes.append(Write(put=put, erase=erase, done=lambda trouble, n=number: answered.append((n, trouble))))
            number += 1
        scribe.write(writes)
        began = loop.time()
        await asyncio.sleep(0.001)
        lags.append(loop.time() - began - 0.001)
    while len(answered) < number:
        await asyncio.sleep(0.001)
    assert answered == [(n, None) for n in range(number)]
    assert sum(counted) == len(alive)
    assert await asyncio.to_thread(scribe.stop, PATIENCE)
    lags.sort()
    print(f"{number} writes; loop lag p99 {lags[len(lags) * 99 // 100] * 1000:.2f} ms, max {lags[-1] * 1000:.2f} ms")
    with opened(path) as store:
        assert set(numbers(read(store))) == alive
