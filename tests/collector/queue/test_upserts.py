import random
from typing import Any

import pytest
from tests.collector.queue.rig import UpsertRig, names, ready_names, waiting_names

from inspan_collector.ledger import DELIVERED, DROPPED_BUG, DROPPED_SHUTDOWN, QUARANTINED
from inspan_collector.queue.bundle import KEY


def test_a_start_and_its_end_become_one_write():
    rig = UpsertRig()
    rig.post("a", at=0.0)
    rig.post("a.", at=1.0)
    assert names(rig.take(1.25)) == ["a."]
    assert rig.books() == {"enqueued": 2, "in_flight": 1, "merged": 1}


@pytest.mark.parametrize(
    ("posted", "sent"),
    [
        (["a.", "a"], "a."),
        (["a1", "a2"], "a2"),
        (["a.1", "a.2"], "a.2"),
        (["a1", "a2", "a.3", "a4"], "a.3"),
        (["a1", "a.2", "a3", "a.4"], "a.4"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_an_ended_copy_beats_an_open_one_and_else_the_later_wins(posted: list[str], sent: str, at_once: bool):
    rig = UpsertRig()
    for post in [posted] if at_once else [[copy] for copy in posted]:
        rig.post(*post)
    assert names(rig.take(10.0)) == [sent]
    assert rig.books() == {"enqueued": len(posted), "in_flight": 1, "merged": len(posted) - 1}


def test_what_will_never_be_sent_is_counted_in_bytes():
    rig = UpsertRig()
    rig.post("a")
    start = rig.waiting.size
    rig.post("a.")
    assert rig.waiting.merged_bytes == start
    rig.post("a")
    assert rig.waiting.merged_bytes == 2 * start


def test_space_between_the_spans_of_a_post_is_not_counted_as_saved():
    rig = UpsertRig()
    rig.post("a.", "b", "c.")  # with a space after each comma
    assert rig.waiting.merged_bytes == 0


def test_a_copy_that_loses_within_its_post_is_counted_in_bytes():
    rig = UpsertRig()
    rig.post("a")
    start = rig.waiting.size
    rig.post("b", "b.")
    assert rig.waiting.merged_bytes == start


def test_spans_of_one_id_in_two_traces_are_two():
    rig = UpsertRig()
    rig.post("t/a", "u/a.")
    assert rig.waiting.spans == 2


def test_an_open_copy_waits_for_its_end_and_then_goes_alone():
    rig = UpsertRig()
    rig.post("a", at=5.0)
    assert rig.left(5.0) == 2.25
    assert rig.left(7.24) == 0.01
    assert rig.left(7.25) == 0.0
    assert names(rig.take(7.25)) == ["a"]


def test_a_held_copy_starts_no_batch_and_delays_none():
    rig = UpsertRig()
    rig.post("a", at=0.0)
    rig.post("b.", at=1.0)
    assert rig.left(1.0) == 0.25
    assert names(rig.take(1.25)) == ["b."]
    assert rig.left(1.25) == 1.0


def test_a_held_copy_whose_time_is_over_goes_with_the_batch_that_goes_anyway():
    rig = UpsertRig()
    rig.post("a", at=0.0)
    rig.post("b.", at=1.9)
    assert names(rig.take(2.15)) == ["b.", "a"]


def test_telling_more_of_an_open_span_does_not_put_off_that_it_shows():
    rig = UpsertRig()
    for at in (0.0, 1.0, 1.9):
        rig.post("a", at=at)
    assert rig.left(2.0) == 0.25


def test_without_a_hold_an_open_copy_goes_with_the_next_batch():
    rig = UpsertRig(hold_open=0.0)
    rig.post("a", at=1.0)
    assert rig.left(1.0) == 0.25
    assert names(rig.take(1.25)) == ["a"]


def test_an_end_replaces_a_start_that_is_due_already():
    rig = UpsertRig(batch=(1, 10_000, 0.25))
    rig.post("a.", "b", "c.", at=0.0)
    assert names(rig.take(2.0)) == ["a."]
    assert ready_names(rig) == ["c.", "b"]
    rig.post("d.", "b.", at=2.1)
    assert ready_names(rig) == ["c.", "d.", "b."]


def test_a_full_batch_waits_for_nothing():
    rig = UpsertRig(batch=(2, 10_000, 0.25))
    rig.post("a.", "b.", "c.")
    assert rig.left(0.0) == 0.0
    assert names(rig.take()) == ["a.", "b."]
    assert rig.left(0.0) == 0.25
    rig = UpsertRig(batch=(100, 150, 0.25))
    rig.post("a.", "b.", "c.")
    assert rig.left(0.0) == 0.0
    assert len(rig.take(max_bytes=150)) == 1


def test_held_copies_do_not_make_a_batch_full():
    rig = UpsertRig(batch=(2, 10_000, 0.25))
    rig.post("a", "b", "c", "d")
    assert rig.left(0.0) == 2.25


def test_the_next_copy_of_a_span_waits_behind_the_one_in_flight():
    rig = UpsertRig()
    rig.post("a")
    start = rig.take(2.25)
    rig.post("a.", at=2.3)
    assert rig.left(2.3) is None
    rig.post("b.", at=2.4)
    assert names(rig.take(2.65)) == ["b."]
    rig.settle(*start, at=3.0)
    assert rig.left(3.0) == 0.25, "its linger begins when it can go"
    assert names(rig.take(3.25)) == ["a."]


@pytest.mark.parametrize("fate", [QUARANTINED, DROPPED_BUG])
def test_whatever_becomes_of_the_start_its_end_goes(fate: int):
    rig = UpsertRig()
    rig.post("a")
    start = rig.take(2.25)
    rig.post("a.", at=2.3)
    rig.settle(*start, fate=fate, at=3.0)
    assert names(rig.take(3.25)) == ["a."]


def test_copies_that_wait_behind_one_in_flight_are_merged_too():
    rig = UpsertRig(hold_open=0.0)
    rig.post("a1")
    first = rig.take(0.25)
    rig.post("a2", "b.", at=0.3)
    rig.take(0.55)
    assert list(rig.waiting.behind.values())
    rig.post("a.3", at=0.6)
    rig.settle(*first, at=1.0)
    assert names(rig.take(2.0)) == ["a.3"]
    assert rig.books()["merged"] == 1


def test_an_open_copy_behind_one_in_flight_is_held_for_what_is_left_of_its_time():
    rig = UpsertRig()
    rig.post("a1", at=0.0)
    first = rig.take(2.25)
    rig.post("a2", at=2.3)
    rig.post("b", at=2.4)
    rig.settle(*first, at=3.0)
    assert rig.left(3.0) == 1.55
    assert names(rig.take(4.55)) == ["a2", "b"]


def test_an_open_copy_whose_time_is_over_while_its_key_is_in_flight_goes_next():
    rig = UpsertRig()
    rig.post("a1", at=0.0)
    first = rig.take(2.25)
    rig.post("a2", at=2.3)
    assert rig.left(5.0) is None
    rig.settle(*first, at=6.0)
    assert rig.left(6.0) == 0.25
    assert names(rig.take(6.25)) == ["a2"]


def test_a_start_that_comes_after_its_end_is_merged_when_the_end_has_arrived():
    rig = UpsertRig()
    rig.post("a.")
    end = rig.take(0.25)
    rig.post("a", at=0.3)
    rig.settle(*end, at=0.5)
    assert rig.books() == {"enqueued": 2, "delivered": 1, "merged": 1}
    assert rig.waiting.merged_bytes > 0


def test_so_it_is_where_the_end_was_given_up_since_it_may_have_been_written():
    rig = UpsertRig()
    rig.post("a.")
    end = rig.take(0.25)
    rig.post("a", at=0.3)
    rig.settle(*end, fate=DROPPED_BUG, at=0.5)
    assert rig.books() == {"enqueued": 2, "merged": 1, "dropped_bug": 1}


def test_a_start_that_comes_after_its_end_goes_where_the_end_was_refused():
    rig = UpsertRig(hold_open=0.0)
    rig.post("a.")
    end = rig.take(0.25)
    rig.post("a", at=0.3)
    rig.take(1.0)
    rig.settle(*end, fate=QUARANTINED, at=1.5)
    assert names(rig.take(1.75)) == ["a"]


def test_a_drain_holds_nothing_back():
    rig = UpsertRig()
    rig.post("a", "b", at=1.0)
    rig.waiting.stop_holding()
    assert names(rig.take(1.0)) == ["a", "b"]
    rig.post("c", at=1.1)
    assert names(rig.take(1.1)) == ["c"]


def test_under_pressure_held_copies_go_oldest_first_and_no_more_of_them_than_it_takes():
    rig = UpsertRig(max_spans=10)
    for at, name in enumerate("abcde"):
        rig.post(name, at=float(at) / 10)
    assert not rig.waiting.ready, "half full is no pressure"
    before = rig.wakes
    rig.post("f", at=0.6)
    assert ready_names(rig) == ["a"]
    assert rig.wakes == before + 1, "somebody must come for it"
    rig.post("g", at=0.7)
    assert ready_names(rig) == ["a", "b"]
    assert rig.left(0.7) == 0.15, "they linger from then on, so that they go together"


def test_pressure_that_what_is_ready_will_relieve_releases_nothing():
    rig = UpsertRig(max_spans=10)
    rig.post(*[f"{name}." for name in "abcdef"])
    rig.post("g", "h")
    assert rig.waiting.held() == 2


def test_bytes_are_pressure_too():
    rig = UpsertRig(max_bytes=5000)
    for name in "abcdefghijklmnopq":
        if rig.post(name):
            break
    assert rig.waiting.ready


def test_a_copy_counts_with_what_it_takes_beside_its_bytes():
    rig = UpsertRig(max_bytes=5000)
    taken = [rig.post(name) for name in "abcdefghijkl"].index("queue_full")
    assert taken == 5000 // (KEY + rig.waiting.size // taken)
    assert rig.queue.held_bytes == rig.waiting.size + taken * KEY


def test_an_end_frees_the_room_of_its_start():
    rig = UpsertRig(max_spans=2)
    rig.post("a", agent="x")
    rig.post("a.", agent="y")
    assert rig.queue.held_by == {"y": rig.queue.held_bytes}
    assert rig.queue.held_spans == 1


def test_the_oldest_make_room_wherever_they_wait():
    rig = UpsertRig(max_spans=3, evict=True, hold_open=0.0)
    rig.post("a1", at=0.0)
    first = rig.take(0.25)
    rig.post("a2", at=0.3)
    rig.take(0.6)  # behind
    rig.waiting.hold_open = 2.0
    rig.post("b", at=0.7)  # held
    rig.post("c.", at=0.8)
    assert waiting_names(rig) == ["b", "c."]
    rig.post("d.", at=0.9)
    assert waiting_names(rig) == ["c.", "d."]
    rig.post("e.", at=1.0)
    assert waiting_names(rig) == ["d.", "e."]
    assert rig.books() == {"enqueued": 6, "queued": 2, "in_flight": 1, "dropped_queue_full": 3}
    rig.settle(*first)


def test_what_is_too_old_expires_wherever_it_waits():
    rig = UpsertRig(hold_open=0.0)
    rig.post("a1", at=0.0)
    rig.take(0.25)
    rig.post("a2", at=0.3)
    rig.take(0.6)
    rig.waiting.hold_open = 2.0
    rig.post("b", at=0.7)
    rig.post("c.", at=0.8)
    rig.post("d", "e.", at=2.0)
    assert rig.queue.expire(2.0) == 3
    rig.check()
    assert waiting_names(rig) == ["d", "e."]


def test_the_batcher_is_woken_when_a_batch_opens_or_fills_and_when_a_copy_may_go_at_last():
    rig = UpsertRig(batch=(3, 10_000, 0.25))
    rig.post("a")
    assert rig.wakes == 1, "somebody must come when its time is over"
    rig.post("b")
    assert rig.wakes == 1
    rig.post("c.")
    assert rig.wakes == 2, "a batch is open, which is sooner"
    rig.post("d.")
    assert rig.wakes == 2
    rig.post("e.")
    assert rig.wakes == 3
    taken = rig.take(0.0)
    rig.post("c")
    before = rig.wakes
    rig.settle(*taken)
    assert rig.wakes > before


def test_a_request_larger_than_a_batch_is_no_trouble():
    rig = UpsertRig(batch=(10, 10_000, 0.25), max_spans=100)
    rig.post(*[f"{chr(97 + n)}x." for n in range(25)])
    sizes = []
    while rig.left(0.0) is not None:
        sizes.append(sum(chunk.spans for chunk in rig.take(9.0)))
    assert sizes == [10, 10, 5]


def test_a_body_ends_where_the_next_copy_would_pass_its_bytes():
    rig = UpsertRig()
    rig.post("a.", "b.", "c.")
    two = sum(len(body) + 1 for body in list(rig.waiting.ready[0].copies.values())[:2])
    assert names(rig.take(0.25, max_bytes=two)) == ["a.", "b."]
    assert names(rig.take(0.25, max_bytes=1)) == ["c."], "one that is over the limit by itself goes alone"


def test_the_oldest_is_found_wherever_it_waits():
    rig = UpsertRig()
    rig.post("a.", at=0.0)
    taken = rig.take(0.25)
    rig.post("a.2", at=1.0)
    rig.post("b.", at=90.0)
    rig.post("c", at=89.0)
    assert rig.waiting.oldest() == 1.0
    rig.settle(*taken, fate=QUARANTINED, at=100.0)
    assert rig.waiting.oldest() == 1.0
    rig.take(101.0)
    assert rig.waiting.oldest() is None


def test_open_copies_that_waited_behind_enter_among_the_held_by_their_age():
    rig = UpsertRig(batch=(2, 10_000, 0.25))
    rig.post("a", "b", at=0.0)
    taken = rig.take(2.0)
    rig.post("a", at=2.1)
    rig.post("c", at=2.2)
    rig.post("b", at=2.3)
    rig.settle(*taken, at=3.0)
    assert names(rig.take(4.2)) == ["a", "c"]
    assert names(rig.take(4.3)) == ["b"]


def test_spans_that_have_ended_leave_nothing_behind_one_that_runs_on():
    rig = UpsertRig(hold_open=3600.0, batch=(10, 10_000, 0.0))
    rig.post("a", at=0.0)
    for number in range(1, 3000):
        at = float(number)
        rig.post("b" if number % 2 else "b.", at=at)
        if rig.left(at) == 0.0:
            rig.settle(*rig.take(at), at=at)
    assert len(rig.waiting.by_key) <= 2
    assert len(rig.waiting.holding) <= 1001


def test_what_it_holds_shows():
    rig = UpsertRig()
    rig.post("a", "b.", "c.")
    assert repr(rig.waiting) == "<Upserts 2 ready, 1 held, 0 behind>"
    assert repr(rig.waiting.ready[0]) == "<Bundle 2 ended copies 168 bytes>"
    assert repr(rig.take(0.25)[0]) == "<Copies span_json 2 spans 168 bytes>"


@pytest.mark.parametrize("evict", [False, True])
def test_whatever_happens_bounds_and_books_hold(evict: bool):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    for _ in range(30):
        rig = UpsertRig(max_spans=rng.choice([20, 60]), max_bytes=rng.choice([8000, 40_000]), evict=evict)
        flying: list[Any] = []
        now = 0.0
        for _ in range(300):
            now += rng.choice([0.0, 0.1, 1.0])
            match rng.choice(("post",) * 4 + ("take", "take", "settle", "settle", "expire", "fail", "cut")):
                case "post":
                    copies = [rng.choice("abcdefghijklmnop") + rng.choice(["", "."]) for _ in range(rng.randint(1, 9))]
                    rig.post(*copies, at=now, agent=rng.choice("xyz"))
                case "take" if rig.left(now) is not None:
                    flying += rig.take(now, rng.choice([100, 9000]))
                case "settle" if flying:
                    rig.settle(flying.pop(rng.randrange(len(flying))), at=now)
                case "fail" if flying:
                    rig.settle(*flying, fate=QUARANTINED, at=now)
                    flying.clear()
                case "cut" if flying and flying[-1].spans > 1:
                    flying += rig.queue.cut(flying.pop())
                case "expire" if rng.random() < 0.1:
                    rig.queue.expire(now - 1.0)
            rig.check()
        rig.queue.empty(DROPPED_SHUTDOWN)
        rig.check()
        rig.settle(*flying, fate=DELIVERED, at=now)
        assert (rig.memory.custody, rig.queue.held_spans, rig.queue.held_by) == (0, 0, {})
