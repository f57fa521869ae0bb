"""Fingerprints by themselves, against a plain dict, and in a queue."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.collector.queue.rig import UpsertRig, names, waiting_names
from tests.collector.queue.test_ending import agent, ids, orphaned

from inspan_collector.chunk import Chunk
from inspan_collector.config.destination import KEY_BYTES
from inspan_collector.ledger import DELIVERED, DROPPED_MAX_ATTEMPTS, DROPPED_SHUTDOWN, MERGED, QUARANTINED
from inspan_collector.queue import prints as rooms
from inspan_collector.queue.prints import FORGOTTEN, TICKS, Prints

WINDOW = 100.0
TICK = WINDOW / TICKS


class Told:
    """What a file would hold."""

    def __init__(self) -> None:
        self.records: list[tuple[int, int, float]] = []
        self.count = 0
        self.skipped = 0

    def note(self, numbers: Sequence[int], prints: Sequence[int], times: Sequence[float] | float) -> None:
        when = [times] * len(numbers) if isinstance(times, float) else times
        self.records += zip(numbers, prints, when, strict=True)
        self.count += len(numbers)

    def skip(self, count: int) -> None:
        self.skipped = count

    def columns(self) -> tuple[list[int], list[int], list[float]]:
        numbers, prints, times = zip(*self.records[self.skipped :], strict=True) if self.count else ((), (), ())
        return list(numbers), list(prints), list(times)


def told(prints: Prints, now: float) -> Told:
    """All that it remembers, and will hear of."""
    book = Told()
    prints.tell(book, now)
    return book


def deliver(prints: Prints, now: float, ended: bool = True, **copies: str) -> None:
    bodies = [copy.encode() for copy in copies.values()]
    prints.remember(list(copies), prints.of(bodies, ended=ended), now)


def offer(prints: Prints, now: float, ended: bool = True, **copies: str) -> tuple[list[str], list[str]]:
    known, changed, _ = prints.judge({key: copy.encode() for key, copy in copies.items()}, now, ended=ended)
    return [str(key) for key in known], [str(key) for key in changed]


def test_an_identical_copy_is_known_and_a_changed_one_forgets_it():
    prints = Prints(WINDOW, 10, 1)
    assert offer(prints, 0.0, a="x") == ([], [])
    deliver(prints, 0.0, a="x", b="y")
    assert offer(prints, 1.0, a="x", b="z", c="x") == (["a"], ["b"])
    assert offer(prints, 2.0, a="x", b="y") == (["a"], [])
    assert (prints.deduplicated, prints.invalidated, len(prints)) == (2, 1, 1)


def test_an_open_copy_says_less_than_the_end_that_the_upstream_has_and_an_end_says_more_than_a_start():
    prints = Prints(WINDOW, 10, 1)
    deliver(prints, 0.0, a="end")
    assert offer(prints, 1.0, ended=False, a="anything") == (["a"], [])
    deliver(prints, 0.0, ended=False, b="start")
    assert offer(prints, 1.0, ended=False, b="other") == ([], ["b"])
    deliver(prints, 0.0, ended=False, b="start")
    assert offer(prints, 1.0, ended=True, b="end") == ([], ["b"])


@pytest.mark.parametrize("at", [0.0, 12.345, -7.0, 1e6])
def test_a_window_is_over_to_the_tick_and_never_late(at: float):
    prints = Prints(WINDOW, 10, 1)
    deliver(prints, at, a="x")
    assert offer(prints, at + WINDOW - 1.01 * TICK, a="x") == (["a"], [])
    assert offer(prints, at + WINDOW, a="x") == ([], [])
    assert len(prints) == 0


@pytest.mark.parametrize("idle", [1.0, 63.5, 64.0, 64.5, 640.0, 1e6])
def test_what_is_old_is_never_taken_for_young_however_long_nothing_happens(idle: float):
    """Ticks repeat after 64 windows."""
    prints = Prints(WINDOW, 10, 1)
    deliver(prints, 0.0, a="x")
    assert offer(prints, idle * WINDOW, a="x") == ([], [])
    deliver(prints, 0.0, a="x")
    deliver(prints, idle * WINDOW, b="x")
    assert offer(prints, idle * WINDOW, a="x", b="x") == (["b"], [])


def test_an_identical_copy_does_not_prolong_the_window():
    prints = Prints(WINDOW, 10, 1)
    deliver(prints, 0.0, a="x")
    assert offer(prints, 90.0, a="x") == (["a"], [])
    assert offer(prints, 101.0, a="x") == ([], [])


@pytest.mark.parametrize("max_keys", [1, 2, 3, 7, 100, rooms.MOST * 2 + 1])
def test_the_oldest_are_forgotten_first_and_at_least_half_are_kept(max_keys: int):
    prints = Prints(WINDOW, max_keys, 1)
    keys = [str(number) for number in range(3 * max_keys)]
    for first in range(0, len(keys), 700):
        some = keys[first : first + 700]
        prints.remember(some, prints.of([b"x"] * len(some), ended=True), 0.0)
        assert len(prints) <= max_keys
    known = prints.judge(dict.fromkeys(keys, b"x"), 0.0, ended=True).known
    assert known == keys[-len(known) :]
    assert len(known) == len(prints) > max_keys // 2 - 1


def test_spans_of_ids_with_a_nul_in_them_are_told_apart():
    prints = Prints(WINDOW, 10, 1)
    keys = [("a\0", "b"), ("a", "\0b"), "a\0b"]
    prints.remember(keys, prints.of([b"1", b"2", b"3"], ended=True), 0.0)
    assert prints.judge(dict(zip(keys, [b"1", b"2", b"x"], strict=True)), 0.0, ended=True)[:2] == (keys[:2], keys[2:])


def test_every_change_is_told_before_anything_follows_from_it():
    prints = Prints(WINDOW, 10, 1)
    book = told(prints, 0.0)
    deliver(prints, 0.0, a="x", b="x")
    a, b = prints._numbers("ab")
    assert [number for number, _, _ in book.records] == [a, b]
    offer(prints, 0.0, a="y")
    prints.forget(["b", "c"])
    assert book.records[2:] == [(a, FORGOTTEN, 0.0), (b, FORGOTTEN, 0.0)]
    assert offer(prints, 0.0, a="x", b="x") == ([], [])


def test_a_restart_believes_what_was_believed_and_for_no_longer():
    before = Prints(WINDOW, 10, 7)
    deliver(before, 10.0, a="x", b="x")
    deliver(before, 50.0, c="x")
    offer(before, 51.0, b="y")
    after = Prints(WINDOW, 10, 8)
    numbers, marks, times = told(before, 60.0).columns()
    after.restore(7, numbers, marks, [at + 940.0 for at in times], now=1000.0)
    assert offer(after, 1000.0, a="x", b="x", c="x") == (["a", "c"], [])
    assert offer(after, 1051.0, a="x", c="x") == (["c"], [])
    assert offer(after, 1090.1, c="x") == ([], [])


def test_a_restart_gives_no_print_a_tick_more():
    before, after = Prints(WINDOW, 10, 1), Prints(WINDOW, 10, 1)
    deliver(before, 0.0, a="x")
    numbers, marks, times = told(before, 0.9 * TICK).columns()
    after.restore(1, numbers, marks, [at - 0.9 * TICK for at in times], now=0.0)
    assert offer(after, WINDOW - 0.5 * TICK, a="x") == ([], [])


def test_what_is_let_go_of_is_not_known_after_a_restart_either():
    """Whatever is known there and not here would hear of no change."""
    prints = Prints(WINDOW, 10, 1)
    book = told(prints, 0.0)
    for number in range(50):
        deliver(prints, 0.1 * number, **{f"k{number}": "x", f"l{number}": "x"})
        offer(prints, 0.1 * number, **{f"k{number}": "y"})
        if number == 25:
            book = told(prints, 0.1 * number)
        again = Prints(WINDOW, 100, 2)
        again.restore(1, *book.columns(), now=5.0)
        assert {key for each in again.generations for key in each.prints} == {
            key for each in prints.generations for key in each.prints
        }


def test_what_was_noted_last_counts_in_a_restart_and_nothing_from_the_future():
    prints = Prints(WINDOW, 10, 1)
    x, y = prints.of([b"x", b"y"], ended=True)
    numbers = prints._numbers(["a", "a", "b", "b", "c", "d"])
    prints.restore(1, numbers, [x, y, x, FORGOTTEN, x, x], [-9.0, -8.0, -7.0, 0.0, 1.0, -101.0], now=0.0)
    assert offer(prints, 0.0, a="y", b="x", c="x", d="x") == (["a"], [])


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["deliver", "offer", "forget", "restart"]),
        st.dictionaries(st.sampled_from("abcd"), st.sampled_from("xyz"), min_size=1),
        st.booleans(),
        st.sampled_from([0.0, 0.3, 1.0, 20.0, 99.0, 100.0, 250.0, 6400.0]),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_it_is_a_dict_that_forgets(steps: list[tuple[str, dict[str, str], bool, float]]):
    """Within three ticks of a window's end it may have forgotten already; never does it believe for too long."""
    prints, now, restarts = Prints(WINDOW, 1000, 1), 0.0, 0
    model: dict[str, tuple[str, bool, float]] = {}
    for what, copies, ended, pause in steps:
        now += pause
        copies = {key: f"{copy}{ended}" for key, copy in copies.items()}  # whether it has ended is in its bytes
        if what == "deliver":
            for key in copies:  # what is sent was offered, and its print is forgotten
                prints.forget([key])
            deliver(prints, now, ended, **copies)
            model |= {key: (copy, ended, now) for key, copy in copies.items()}
        elif what == "forget":
            prints.forget(list(copies))
            for key in copies:
                model.pop(key, None)
        elif what == "restart":
            again = Prints(WINDOW, 1000, 99)
            again.restore(prints.seed, *told(prints, now).columns(), now=now)
            prints, restarts = again, restarts + 1
        else:
            known, changed = offer(prints, now, ended, **copies)
            for key, copy in copies.items():
                there = model.get(key)
                age = now - there[2] if there else 0.0
                surely = there is not None and age < WINDOW - (2 + 2 * restarts) * TICK
                perhaps = there is not None and age < WINDOW
                same = there is not None and ((there[0] == copy and there[1] == ended) or (there[1] and not ended))
                assert not (key in known and not (perhaps and same))
                assert not (key in changed and not (perhaps and not same))
                assert not surely or key in (known if same else changed)
                if key not in known:
                    model.pop(key, None)


def test_a_key_takes_no_more_memory_than_is_said():
    """By arithmetic that CPython's sizes confirm: at its worst, just after its dict grew."""
    import sys

    numbers = random.Random(1)
    worst, known = 0.0, {}
    for count in range(1, rooms.MOST + 1):
        known[numbers.getrandbits(60) | 1 << 59] = numbers.getrandbits(60) | 1 << 59
        if (count > 1000 and count % 50 == 0) or count in (1366, 2731, 5462, 10923):
            worst = max(worst, sys.getsizeof(known) / count + 64)
    assert 100 < worst <= KEY_BYTES
    key, mark = next(iter(known.items()))
    assert sys.getsizeof(key) == sys.getsizeof(mark) == 32


# In a queue


def settled(rig: UpsertRig, *copies: str, at: float = 0.0, fate: int = DELIVERED) -> None:
    """Post copies and bring them to a fate."""
    rig.post(*copies, at=at)
    rig.settle(*rig.take(at + 10), at=at, fate=fate)


def deduping(**more: object) -> UpsertRig:
    return UpsertRig(prints=Prints(WINDOW, 100, 1), **more)  # type: ignore[arg-type]


def test_while_copies_are_on_disk_nothing_passes_for_known():
    """One of them may have come later than what was delivered, and be sent behind it."""
    rig = deduping()
    settled(rig, "a.")
    rig.waiting.spooled = lambda: True
    rig.post("a.", at=5.0)
    assert rig.books() == {"enqueued": 2, "delivered": 1, "queued": 1}
    rig.waiting.spooled = lambda: False
    rig.settle(*rig.take(at=9.0), at=9.0)
    rig.post("a.", at=9.5)
    assert rig.books() == {"enqueued": 3, "delivered": 2, "merged": 1}


def test_an_identical_post_is_merged_and_waits_for_nothing():
    rig = deduping()
    settled(rig, "a.", "b")
    wakes = rig.wakes
    rig.post("a.", "b", at=5.0)
    assert rig.books() == {"enqueued": 4, "delivered": 2, "merged": 2}
    assert rig.waiting.by_key == {} and rig.wakes == wakes
    size = sum(len(body) + 1 for body in rig.bodies("a.", "b"))
    assert (rig.waiting.merged_bytes, rig.waiting.merged_bundles) == (size, 2)
    assert rig.waiting.prints is not None and rig.waiting.prints.deduplicated == 2


def test_without_fingerprints_it_is_sent_again():
    rig = UpsertRig()
    settled(rig, "a.")
    settled(rig, "a.", at=5.0)
    assert rig.books() == {"enqueued": 2, "delivered": 2}


def test_a_changed_post_is_sent_and_then_the_first_again():
    rig = deduping()
    settled(rig, "a.1")
    settled(rig, "a.2", at=5.0)
    settled(rig, "a.1", at=6.0)
    assert rig.books() == {"enqueued": 3, "delivered": 3}


def test_of_one_post_only_what_is_new_is_sent():
    rig = deduping()
    settled(rig, "a.", "b.", "c")
    rig.post("a.", "b.2", "c", "d.", at=5.0)
    assert sorted(names(rig.take(10.0))) == ["b.2", "d."]
    assert rig.books() == {"enqueued": 7, "delivered": 3, "merged": 2, "in_flight": 2}


def test_after_the_window_it_is_sent():
    rig = deduping()
    settled(rig, "a.")
    rig.post("a.", at=WINDOW)
    assert names(rig.take(WINDOW + 1)) == ["a."]


def test_a_start_after_its_end_was_delivered_is_merged_whatever_it_says():
    rig = deduping()
    settled(rig, "a.")
    rig.post("a7", at=5.0)
    assert rig.books() == {"enqueued": 2, "delivered": 1, "merged": 1}


def test_a_start_after_its_end_was_delivered_is_not_watched_and_an_identical_one_is():
    """What is watched gets an end of ours when its agent is gone."""
    rig, author = deduping(hold_open=0.0), agent()
    settled(rig, "a.", "b")
    rig.post("a", "b", at=5.0, agent=author)  # type: ignore[arg-type]
    assert rig.books() == {"enqueued": 4, "delivered": 2, "merged": 2}
    assert orphaned(rig) == 1 and ids(rig.take(at=6.0)) == ["b"]


def test_an_end_of_ours_invalidates_the_print_of_the_start():
    rig = deduping(hold_open=0.0)
    rig.post("a", agent=agent())  # type: ignore[arg-type]
    rig.settle(*rig.take(1.0), at=1.0)
    orphaned(rig)
    rig.settle(*rig.take(2.0), at=2.0)
    rig.post("a", at=3.0)
    assert names(rig.take(4.0)) == ["a"]


@pytest.mark.parametrize("fate", [QUARANTINED, DROPPED_MAX_ATTEMPTS, DROPPED_SHUTDOWN, MERGED])
def test_what_was_not_delivered_leaves_no_print(fate: int):
    rig = deduping()
    settled(rig, "a.", fate=fate)
    rig.post("a.", at=5.0)
    assert names(rig.take(6.0)) == ["a."]


def test_where_the_upstream_threw_some_away_none_leaves_a_print():
    rig = deduping()
    rig.post("a.", "b.")
    rig.queue.settle(rig.take(1.0), DELIVERED, 1.0, rejected=1)
    rig.post("a.", "b.", at=5.0)
    assert names(rig.take(6.0)) == ["a.", "b."]


def test_a_dropped_copy_invalidates_what_was_delivered_before():
    rig = deduping()
    settled(rig, "a.1")
    settled(rig, "a.2", at=5.0, fate=DROPPED_MAX_ATTEMPTS)
    rig.post("a.1", at=6.0)
    assert names(rig.take(7.0)) == ["a.1"]


def test_a_copy_that_waits_invalidates_too():
    rig = deduping()
    settled(rig, "a.1")
    rig.post("a.2", at=5.0)
    rig.post("a.1", at=5.1)
    assert names(rig.take(6.0)) == ["a.1"]
    assert rig.books() == {"enqueued": 3, "delivered": 1, "merged": 1, "in_flight": 1}


def test_what_waited_behind_an_identical_copy_that_is_delivered_is_merged():
    rig = deduping()
    rig.post("a.1", "b.1")
    flying = rig.take(1.0)
    rig.post("a.1", "b.2", at=1.5)
    rig.settle(*flying, at=2.0)
    assert waiting_names(rig) == ["b.2"]
    assert rig.books() == {"enqueued": 4, "delivered": 2, "merged": 1, "queued": 1}


@pytest.mark.parametrize("fate", [QUARANTINED, DROPPED_MAX_ATTEMPTS])
def test_what_waited_behind_an_identical_copy_that_is_lost_goes(fate: int):
    rig = deduping()
    rig.post("a.")
    flying = rig.take(1.0)
    rig.post("a.", at=1.5)
    rig.settle(*flying, at=2.0, fate=fate)
    assert names(rig.take(3.0)) == ["a."]


def test_a_chunk_that_was_cut_leaves_the_prints_of_each_part():
    rig = deduping()
    rig.post("a.", "b.", "c.")
    (whole,) = rig.take(1.0)
    first, second = rig.queue.cut(whole)
    rig.settle(first, at=2.0)
    rig.settle(second, at=2.0, fate=QUARANTINED)
    rig.post("a.", "b.", "c.", at=3.0)
    assert names(rig.take(4.0)) == ["c."]


def test_a_copy_that_makes_room_or_is_too_old_leaves_no_print():
    rig = deduping(max_spans=2, evict=True, hold_open=0.0)
    rig.post("a.", "b.")
    rig.post("c.", at=1.0)
    rig.queue.expire(10.0)
    rig.post("a.", "b.", at=11.0)
    assert names(rig.take(12.0)) == ["a.", "b."]


def test_whatever_happens_the_upstream_has_what_was_posted_last():
    """Copies of a few spans, posted again and again, sent in any order and lost: what is merged is there in the end."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    assert sum(Traffic(rng).run() for _ in range(60)) > 500


class Traffic:
    """Ended copies of five spans, and an upstream that has of each what it took last."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.rig = deduping(hold_open=0.0, max_spans=1000)
        self.flying: list[Chunk] = []
        self.upstream: dict[str, str] = {}
        self.posted: dict[str, str] = {}
        self.lost: set[str] = set()

    def run(self) -> int:
        """Returns copies that were known by their prints."""
        now = 0.0
        for _ in range(120):
            now += self.rng.choice([0.0, 0.1, 1.0, 40.0])
            self.rng.choice([self.post, self.post, self.take, self.settle])(now)
        while self.flying or self.rig.left(now) is not None:
            self.take(now)
            while self.flying:
                self.fate(self.flying.pop(), DELIVERED, now)
        for name, copy in self.posted.items():
            assert self.upstream.get(name) == copy or name in self.lost, (name, copy)
        assert self.rig.ledger.held() == 0
        assert self.rig.waiting.prints is not None
        return self.rig.waiting.prints.deduplicated

    def post(self, now: float) -> None:
        some = self.rng.sample("abcde", self.rng.randint(1, 4))
        copies = {name: f"{name}.{self.rng.randrange(3)}" for name in some}
        self.rig.post(*copies.values(), at=now)
        self.posted |= copies
        self.lost -= copies.keys()

    def take(self, now: float) -> None:
        if self.rig.left(now) is not None:
            self.flying += self.rig.take(now)

    def settle(self, now: float) -> None:
        if self.flying:
            fate = self.rng.choice([DELIVERED, DELIVERED, DROPPED_MAX_ATTEMPTS])
            self.fate(self.flying.pop(self.rng.randrange(len(self.flying))), fate, now)

    def fate(self, chunk: Chunk, fate: int, now: float) -> None:
        for copy in names([chunk]):
            if fate == DELIVERED:
                self.upstream[copy[0]] = copy
                self.lost.discard(copy[0])
            elif self.posted[copy[0]] == copy:
                self.lost.add(copy[0])
        self.rig.settle(chunk, fate=fate, at=now)
