import os
from pathlib import Path

import pytest
from tests.collector.spool.damage import frame, garbage, left_by_a_kill, log_of
from tests.collector.spool.rig import EPOCH, opened, put, refused, row, sql

from inspan_collector.spool.database import PAGE
from inspan_collector.spool.row import Trouble, Write
from inspan_collector.spool.store import Store
from inspan_collector.spool.verify import verify


def test_a_sound_spool_is_sound_also_while_it_is_written(path: Path, store: Store):
    put(store, *(row(seq, to="ab"[seq % 2], body=os.urandom(20_000)) for seq in range(700)))
    store.apply([Write(refuse=[refused()])])
    told: list[tuple[int, int]] = []
    verdict = verify(path, lambda done, of: told.append((done, of)))
    assert (verdict.sound, verdict.totals, verdict.refused) == (True, store.totals(), store.refused_totals())
    assert (told[0], told[-1], len(told) > 3) == ((0, 701), (701, 701), True)


def test_what_changed_on_disk_is_named(path: Path):
    with opened(path) as store:
        put(store, row(1), row(2))
        store.apply([Write(refuse=[refused(), refused()])])
    sql(path, f"update rows set spans = 9 where seq = {EPOCH + 2}", "update refused set body = x'00' where id = 1")
    verdict = verify(path)
    assert ([seq for seq, _ in verdict.faults], verdict.refused_faults, verdict.sound) == ([EPOCH + 2], [1], False)


def test_garbage_in_the_file_is_a_problem(path: Path):
    with opened(path) as store:
        put(store, *(row(seq, body=os.urandom(9000)) for seq in range(100)))
    garbage(path, path.stat().st_size // 2 // PAGE * PAGE, PAGE)
    verdict = verify(path)
    assert verdict.problems or verdict.faults
    garbage(path, 0, 100)
    assert "NOTADB" in verify(path).problems[0]


def test_garbage_in_the_log_is_a_problem_though_sqlite_sees_none(tmp_path: Path, path: Path, store: Store):
    for seq in range(20):
        put(store, row(seq, body=os.urandom(9000)))
    left = left_by_a_kill(path, tmp_path / "left.db")
    assert verify(left).sound
    garbage(log_of(left), frame(30), 1000)
    (problem,) = verify(left).problems
    assert "frames of the log are damaged" in problem


def test_what_is_not_there_cannot_be_looked_at(path: Path):
    with pytest.raises(Trouble):
        verify(path)
