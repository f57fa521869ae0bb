"""Ends for spans of agents that are gone, among the copies that wait: what goes first, and what the books say."""

import json
from typing import Any

from tests.collector.queue.rig import UpsertRig, names

from inspan_collector.chunk import Chunk
from inspan_collector.ledger import DELIVERED, DROPPED_EXPIRED, DROPPED_SHUTDOWN, IN_FLIGHT, QUARANTINED
from inspan_collector.liveness import Registered, Registration, Registry
from inspan_collector.queue.ending import AT_ONCE, TOGETHER
from inspan_collector.queue.openings import End

END = End("2026-05-05T10:00:00+00:00", "the agent fell silent")


def agent(name: str = "a") -> Registered:
    found = Registry().register(Registration(name))
    assert found is not None
    return found


def ids(chunks: list[Chunk]) -> list[str]:
    return [patch["id"] for chunk in chunks for patch in json.loads(chunk.body)]


def orphaned(rig: UpsertRig, name: str = "a") -> int:
    return rig.waiting.openings.orphan(name, END)


def delivered(rig: UpsertRig, *copies: str, author: Any) -> None:
    rig.post(*copies, at=0.0, agent=author)
    rig.settle(*rig.take(at=5.0))


def test_an_end_goes_out_at_once_and_is_booked_as_synthesized() -> None:
    rig = UpsertRig()
    delivered(rig, "x", "y", author=agent())
    assert rig.left(9.0) is None and orphaned(rig) == 2 and rig.left(9.0) == 0
    taken = rig.take(at=9.0)
    assert [chunk.format for chunk in taken] == ["span_patch"] and ids(taken) == ["x", "y"]
    assert rig.books() == {"enqueued": 2, "synthesized": 2, "in_flight": 2, "delivered": 2}
    rig.settle(*taken)
    assert rig.books() == {"enqueued": 2, "synthesized": 2, "delivered": 4}
    assert rig.memory.custody == rig.queue.held_bytes == 0
    assert not rig.waiting.openings.open and rig.left(9.0) is None


def test_an_end_waits_for_the_start_that_waits_or_is_in_flight() -> None:
    rig = UpsertRig()
    rig.post("x", agent=agent())
    assert orphaned(rig) == 0  # it is not watched before it is sent: most end while they are held
    assert rig.left(0.0) == 2.25  # held for its end as ever
    start = rig.take(at=2.0)
    assert names(start) == ["x"] and rig.left(3.0) is None
    rig.settle(*start)
    assert ids(rig.take(at=3.0)) == ["x"]


def test_a_true_end_takes_the_place_of_one_that_is_due() -> None:
    rig = UpsertRig()
    delivered(rig, "x", author=agent())
    orphaned(rig)
    rig.post("x.", at=9.0)
    end = rig.take(at=10.0)
    assert names(end) == ["x."] and rig.left(20.0) is None
    rig.settle(*end, at=20.0)
    assert "synthesized" not in rig.books() and not rig.waiting.openings.due


def test_where_the_true_end_is_lost_the_span_is_ended_all_the_same() -> None:
    rig = UpsertRig()
    delivered(rig, "x", author=agent())
    rig.post("x.", at=9.0)
    rig.settle(*rig.take(at=10.0), fate=DROPPED_EXPIRED)
    assert orphaned(rig) == 1 and ids(rig.take(at=11.0)) == ["x"]


def test_a_true_end_follows_one_that_is_in_flight() -> None:
    rig = UpsertRig()
    delivered(rig, "x", author=agent())
    orphaned(rig)
    patch = rig.take(at=9.0)
    rig.post("x.", at=9.0)
    assert rig.left(20.0) is None
    rig.settle(*patch, at=20.0)
    assert names(rig.take(at=20.0)) == ["x."]


def test_what_an_agent_says_goes_before_a_flood_of_ends_and_between_them() -> None:
    rig = UpsertRig(max_spans=200, batch=(100, 100_000, 0.25))
    left = [f"s{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(60)]
    delivered(rig, *left, author=agent())
    assert orphaned(rig) == 60
    flying = [rig.take(at=9.0) for _ in range(AT_ONCE)]
    assert [len(ids(chunks)) for chunks in flying] == [TOGETHER] * AT_ONCE
    assert rig.left(9.0) is None  # no third at once: the slots are for the living
    rig.settle(*flying[0])
    assert rig.left(9.0) == 0
    rig.post(*(f"z{chr(97 + i // 26)}{chr(97 + i % 26)}." for i in range(100)), at=9.0)
    assert len(names(rig.take(at=9.0))) == 100  # a full batch is not kept waiting
    assert ids(rig.take(at=9.0)) == left[32:48]


def test_ends_are_cut_as_other_batches_are() -> None:
    rig = UpsertRig()
    delivered(rig, "x", "y", "z", author=agent())
    orphaned(rig)
    (chunk,) = rig.take(at=9.0)
    first, second = rig.queue.cut(chunk)
    rig.check()
    assert (first.format, second.format) == ("span_patch", "span_patch") and ids([first, second]) == ["x", "y", "z"]
    rig.settle(first, fate=QUARANTINED)
    assert rig.waiting.openings.open.keys() == {"t\0z"}
    rig.settle(second)
    assert rig.books() == {"enqueued": 3, "synthesized": 3, "delivered": 4, "quarantined": 2}
    assert not rig.waiting.ends


def test_what_is_not_sent_before_our_own_end_is_open_in_the_next_life() -> None:
    rig = UpsertRig()
    delivered(rig, "x", author=agent())
    orphaned(rig)
    chunks = rig.take(at=9.0)
    assert rig.queue.abandon(chunks, IN_FLIGHT, DROPPED_SHUTDOWN) == 0
    rig.check()
    assert rig.waiting.openings.open.keys() == {"t\0x"}
    assert rig.books() == {"enqueued": 1, "delivered": 1}  # it was never made


def test_while_older_copies_are_on_disk_no_end_is_sent() -> None:
    rig = UpsertRig()
    delivered(rig, "x", author=agent())
    orphaned(rig)
    rig.waiting.spooled = lambda: True
    assert rig.left(9.0) is None
    rig.waiting.spooled = lambda: False
    assert rig.left(9.0) == 0


def test_an_end_that_nobody_could_take_any_more_closes_the_span_all_the_same() -> None:
    rig = UpsertRig()
    delivered(rig, "x", author=agent())
    orphaned(rig)
    chunks = rig.take(at=9.0)
    rig.queue.settle(chunks, DELIVERED, 9.0, rejected=1)
    rig.check()
    assert rig.books() == {"enqueued": 1, "synthesized": 1, "delivered": 1, "dropped_rejected": 1}
    assert not rig.waiting.openings.open
