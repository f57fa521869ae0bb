"""The trail against a plain list, and its bytes against what Python allocates."""

import gc
import tracemalloc
import uuid
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspan_collector.formats import Head, span_json
from inspan_collector.trail import Part, Search, Trail

ROOMY = 1 << 20


def heads(*names: str, trace: str = "t") -> list[Head]:
    return [Head(name, trace, name=name) for name in names]


def keys(*names: str, trace: str = "t") -> list[str]:
    return [f"{trace}\0{name}" for name in names]


def steps(trail: Trail, name: str, trace: str = "t") -> list[tuple[int, str]]:
    """(number, status) of one span."""
    search = Search(list(trail.entries), trace, name, 0.0)
    for _ in search.slices():
        pass
    return [(step.number, step.status) for span in search.spans() for step in span.steps]


def test_copies_of_a_post_have_numbers_of_their_own_in_one_entry() -> None:
    trail = Trail(ROOMY, 3600.0)
    trail.begin(0.0, "accepted", heads("a", "b"))
    trail.note(1.0, "in_flight", [trail.keys(keys("b")), trail.keys(keys("a"))], attempt=1)
    trail.begin(1.0, "accepted", heads("c"))
    assert len(trail.entries) == 3
    assert steps(trail, "a") == [(1, "accepted"), (4, "in_flight")]
    assert steps(trail, "b") == [(2, "accepted"), (3, "in_flight")]
    assert steps(trail, "c") == [(5, "accepted")]


def test_what_is_older_than_max_age_goes_at_the_next_step_and_while_nothing_comes() -> None:
    trail = Trail(ROOMY, 10.0)
    trail.begin(0.0, "accepted", heads("a"))
    trail.begin(5.0, "accepted", heads("b"))
    trail.begin(10.5, "accepted", heads("c"))
    assert [entry.at for entry in trail.entries] == [5.0, 10.5]
    trail.prune(15.0)
    assert trail.oldest() == 5.0, "of this age exactly"
    trail.prune(100.0)
    assert (trail.oldest(), trail.size, trail.pruned) == (None, 0, 3)


def test_a_post_that_is_larger_than_the_trail_is_forgotten_and_the_next_one_is_kept() -> None:
    trail = Trail(20_000, 3600.0)
    trail.begin(0.0, "accepted", heads(*(f"{number:064}" for number in range(1000))))
    assert (len(trail.entries), trail.size, trail.pruned) == (0, 0, 1)
    trail.begin(0.0, "accepted", heads("a"))
    assert steps(trail, "a") == [(1001, "accepted")]


def test_keys_of_a_batch_that_is_put_off_for_an_hour_are_kept_once() -> None:
    trail = Trail(ROOMY, 7200.0)
    parts = [trail.keys(keys(*(f"{post}-{number:036}" for number in range(12)))) for post in range(84)]
    trail.note(0.0, "in_flight", parts, attempt=1)
    before = trail.size
    for attempt in range(2, 122):
        trail.note(30.0 * attempt, "put_off", parts, attempt=attempt, detail="503")
    assert trail.size - before < 120 * 84 * 100
    assert len(steps(trail, f"7-{3:036}")) == 121


Step = tuple[float, str, tuple[int, ...]]


@given(
    st.lists(
        st.tuples(
            st.floats(0, 30),
            st.sampled_from(["accepted", "in_flight", "again", "merged"]),
            st.lists(st.integers(0, 5), min_size=1, max_size=4).map(tuple),
        ),
        max_size=60,
    ),
    st.sampled_from([2_000, 6_000, ROOMY]),
    st.sampled_from([5.0, 60.0, 1e9]),
)
def test_it_has_the_last_of_all_steps_as_a_list_would(taken: Sequence[Step], max_bytes: int, max_age: float) -> None:
    trail = Trail(max_bytes, max_age)
    model: list[tuple[float, int, str, tuple[int, ...]]] = []  # every step, with its number
    number, now = 1, 0.0
    shared: Part | None = None
    for wait, status, names in taken:
        now += wait
        ids = tuple(map(str, names))
        if status == "accepted":
            trail.begin(now, status, heads(*ids))
        elif status == "again" and shared is not None:
            trail.note(now, status, [shared])
            names = model_of(model, "in_flight")
        elif status != "again":
            part = trail.keys(keys(*ids))
            shared = part if status == "in_flight" else shared
            trail.note(now, status, [part])
        else:
            continue
        model.append((now, number, status, names))
        number += len(names)
        assert trail.size <= max_bytes
        assert len(trail.entries) + trail.pruned == len(model)
        assert trail.oldest() is None or now - max_age <= float(trail.oldest() or 0.0)
        kept = model[trail.pruned :]
        if max_bytes == ROOMY:
            assert kept == [each for each in model if each[0] >= now - max_age]
        for name in {*names}:
            expected = [
                (first + index, what) for _, first, what, of in kept for index, each in enumerate(of) if each == name
            ]
            assert steps(trail, str(name)) == expected
    trail.prune(now + max_age + 1)
    assert (len(trail.entries), trail.size, trail.pruned) == (0, 0, len(model))


def model_of(model: list[tuple[float, int, str, tuple[int, ...]]], status: str) -> tuple[int, ...]:
    return next(names for _, _, each, names in reversed(model) if each == status)


@pytest.mark.parametrize(("posts", "copies"), [(800, 12), (3000, 1), (20, 400)])
def test_its_size_is_what_python_allocates_within_a_fifth(posts: int, copies: int) -> None:
    def made() -> Trail:
        trail = Trail(1 << 30, 3600.0)
        for post in range(posts):
            trace = str(uuid.UUID(int=post))
            names = [str(uuid.UUID(int=number)) for number in range(copies)]
            found = [Head(name, trace, "2026-01-01T00:00:00Z", None, "llm.chat") for name in names]
            trail.begin(post + 0.25, "accepted", found)
            part = trail.keys(span_json.keys_of(found))
            trail.note(post + 0.5, "in_flight", [part], attempt=1)
            trail.note(post + 0.6, "put_off", [part], attempt=1, detail=f"503 {post}")
            trail.note(post + 0.75, "delivered", [part])
        return trail

    made()
    gc.collect()
    tracemalloc.start()
    try:
        trail = made()
        gc.collect()
        real = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert real * 0.8 < trail.size < real * 1.2, (trail.size, real)
