"""Cases that the model of custody found, each as the fewest steps that show it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.collector.pipeline.custody import World

SPOOL: dict[str, Any] = {"mode": "overflow", "threshold": "100%", "spill_after": "1h"}
DESTINATION: dict[str, Any] = {
    "concurrency": 3,
    "upsert": {"hold_open": 2.0},
    "batch": {"max_spans": 1, "linger": 0.0},
    "retry": {"initial": 0.1, "max": 5.0},
}


def world(path: Path, *, spool: dict[str, Any] = SPOOL, **destination: Any) -> World:
    return World(path, SPOOL | spool, DESTINATION | destination)


def posts(made: World, *choices: tuple[int, str], durable: bool = False) -> Callable[[], None]:
    return lambda: made.post_copies(choices, durable=durable)


def test_an_end_that_is_sent_and_not_written_is_not_followed_by_its_start_after_a_kill(tmp_path: Path) -> None:
    made = world(tmp_path)
    made.run(posts(made, (0, "open"), durable=True))
    made.run(made.pump)
    made.run(posts(made, (0, "end")))
    made.run(made.turns)
    made.run(made.pump)
    made.check()
    made.kill(arrive=True)
    made.finish()
    assert [copy.ended for copy in made.upstreams["sgp"].writes["k1"]] in ([True], [True, True])


def test_what_was_written_and_failed_all_the_same_is_not_found_again_before_it_is_erased(tmp_path: Path) -> None:
    made = world(tmp_path, batch={"max_spans": 2, "linger": 0.0}, upsert={"hold_open": 0.0}, concurrency=1)
    made.scribe.swift, made.scribe.most = True, 1
    made.run(posts(made, (5, "end"), (7, "end"), (2, "open"), (5, "late")))
    made.check()
    made.troubled, made.faults.kind = True, "late"
    made.shut_down(deadline=0.0)
    made.check()
    made.finish()


def test_rows_that_were_read_when_the_disk_failed_are_not_in_memory_and_spooled(tmp_path: Path) -> None:
    made = world(tmp_path, batch={"max_spans": 2, "linger": 0.0}, upsert={"hold_open": 0.0}, concurrency=1)
    made.run(posts(made, (5, "end"), (7, "end"), (2, "open"), (5, "late")))
    made.shut_down(deadline=2.0)
    made.troubled, made.faults.kind = True, "torn"
    made.shut_down(deadline=2.0)
    made.check()
    made.finish()


def test_a_row_that_becomes_durable_while_the_disk_is_looked_at_is_not_in_memory_and_spooled(tmp_path: Path) -> None:
    made = world(tmp_path, spool={"mode": "always"}, batch={"max_spans": 10, "linger": 3600.0})
    made.run(lambda: made.post_plain(1, durable=False))
    made.troubled, made.faults.kind = True, "torn"
    made.run(made.turns)
    while made.calls or made.scribe.jobs:  # up to where it has been opened again, and its rows are asked about
        if not made.calls:
            made.run(made.scribe.step)
        made.run(lambda: made.tell(1))
        made.run(lambda: made.post_plain(1, durable=True) if made.numbers < 4 else None)
        made.run(made.turns)
    made.check()
    made.finish()


def test_the_clock_may_jump_and_nothing_is_too_old_for_it(tmp_path: Path) -> None:
    made = world(tmp_path, spool={"mode": "always", "threshold": "1%", "spill_after": "0s", "max_age": "40s"})
    made.upstreams["otlp"].verdict = "later"
    made.run(lambda: made.post_plain(5, durable=True))
    made.run(lambda: asyncio.sleep(3))
    made.run(made.pump)
    made.ahead += 1e6
    made.run(lambda: asyncio.sleep(3))
    made.run(made.pump)
    made.check()
    assert made.pipelines["otlp"].destination.ledger.snapshot()["dropped_expired"] == 0
    made.finish()
    assert len(made.upstreams["otlp"].acked) == 5
