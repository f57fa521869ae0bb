"""One trace, out of all steps: where each span is, and what is left out."""

from inspan_collector.formats import Head, span_json
from inspan_collector.ledger import DELIVERED, DROPPED, DROPPED_EXPIRED, FATES, QUARANTINED
from inspan_collector.trail import Search, Span, Trail
from inspan_collector.trail.following import SPANS, STEPS, Step
from inspan_collector.trail.statuses import DROPPED as DROPPED_STATUS
from inspan_collector.trail.statuses import ENDS, of_fate


def followed(trail: Trail, trace: str = "t", span: str | None = None) -> dict[str, Span]:
    search = Search(list(trail.entries), trace, span, 1000.0)
    for _ in search.slices():
        pass
    return {found.id: found for found in search.spans()}


def told(*taken: tuple[str, str], attempt: int = 0) -> Span:
    """Of span a, after these steps: (status, `a` or `a.` for copies, else a detail)."""
    trail = Trail(1 << 20, 3600.0)
    for at, (status, word) in enumerate(taken):
        if status in ("accepted", "recovered"):
            trail.begin(float(at), status, [Head("a", "t", "end" if word == "a." else None)])
        else:
            trail.note(float(at), status, [trail.keys(["t\0a"])], attempt=attempt, detail=word)
    return followed(trail)["a"]


def now(*taken: tuple[str, str]) -> str | None:
    step = told(*taken).now
    return step and step.status


ACCEPTED, ENDED = ("accepted", "a"), ("accepted", "a.")
FLIES, DELIVERED_ = ("in_flight", ""), ("delivered", "")
MERGED = ("merged", "")


def test_a_span_is_where_its_last_copy_without_a_fate_is() -> None:
    assert now(ACCEPTED) == "accepted"
    assert now(ACCEPTED, ENDED, MERGED) == "accepted"
    assert now(ACCEPTED, FLIES) == "in_flight"
    assert now(ACCEPTED, FLIES, ENDED, DELIVERED_) == "accepted", "it waited behind its start"
    assert now(ACCEPTED, FLIES, ("put_off", "503")) == "put_off"
    assert now(ACCEPTED, ("spooled", "")) == "spooled"
    assert now(ACCEPTED, ("spooled", ""), ("recovered", "a")) == "recovered"


def test_a_span_without_such_a_copy_is_at_its_last_fate_and_merged_is_none_where_there_is_another() -> None:
    assert now(ACCEPTED, FLIES, DELIVERED_) == "delivered"
    assert now(ENDED, FLIES, DELIVERED_, ENDED, MERGED) == "delivered", "the same again"
    assert (
        now(ENDED, FLIES, DELIVERED_, ("accepted", "a"), ("invalidated", ""), FLIES, ("quarantined", ""))
        == "quarantined"
    )
    assert now(ACCEPTED, MERGED) == "merged"


def test_a_span_that_was_ended_for_its_agent_says_so_until_the_agent_says_more() -> None:
    ended = told(ACCEPTED, FLIES, DELIVERED_, ("synthesized", ""), FLIES, DELIVERED_)
    assert (ended.end, ended.status, ended.now and ended.now.number) == (None, "INTERRUPTED", 6)
    assert told(ACCEPTED, FLIES, DELIVERED_, ("synthesized", ""), FLIES).now == Step(5, 1004.0, "in_flight", 0, "", "")


def test_what_was_pruned_is_not_missed() -> None:
    assert now(FLIES) == "in_flight"
    assert now(FLIES, DELIVERED_) == "delivered"
    assert now(DELIVERED_) == "delivered"
    assert now(MERGED, ENDED, FLIES, DELIVERED_) == "delivered"


def test_the_last_answer_is_remembered_while_it_is_tried_again() -> None:
    again = told(ACCEPTED, FLIES, ("put_off", "503"), FLIES)
    assert (again.now and again.now.status, again.answer) == ("in_flight", "503")
    assert told(ACCEPTED, FLIES, ("put_off", "503"), FLIES, DELIVERED_).answer == ""


def test_a_copy_without_an_end_does_not_undo_one_that_has() -> None:
    trail = Trail(1 << 20, 3600.0)
    trail.begin(0.0, "accepted", [Head("a", "t", None, "p", "first", "2026")])
    trail.begin(
        0.0, "accepted", [Head("a", "t", "2027", None, "last", None, "ERROR"), Head("a", "t", None, "q", "late")]
    )
    span = followed(trail)["a"]
    assert (span.parent_id, span.name, span.start, span.end, span.status) == ("p", "last", "2026", "2027", "ERROR")
    assert [step.detail for step in span.steps] == ["open", "ended", "open"]


def test_traces_whose_ids_look_alike_are_told_apart() -> None:
    trail = Trail(1 << 20, 3600.0)
    heads = [Head("a", "t"), Head("a", "t2"), Head("t", "a"), Head("a\0b", "t"), Head("b", "t\0a"), Head("é", "t")]
    trail.begin(0.0, "accepted", heads)
    trail.note(1.0, "delivered", [trail.keys(span_json.keys_of(heads))])
    assert {name: len(span.steps) for name, span in followed(trail).items()} == {"a": 2, "a\0b": 2, "é": 2}
    assert {name: len(span.steps) for name, span in followed(trail, "t\0a").items()} == {"b": 2}
    assert followed(trail, "t", "nobody") == {}
    assert [step.number for step in followed(trail, "t", "é")["é"].steps] == [6, 12]


def test_of_a_row_that_was_only_on_disk_its_fingerprint_is_enough() -> None:
    trail = Trail(1 << 20, 3600.0)
    keys = span_json.keys_of([Head("a", "t"), Head("b", "t"), Head("a", "u")])
    prints = [span_json.fingerprint(key) for key in keys]
    trail.begin(0.0, "accepted", [Head("a", "t"), Head("b", "t"), Head("a", "u")])
    trail.note(1.0, *of_status(DROPPED_EXPIRED), [trail.keys(prints[1:])])
    trail.note(2.0, *of_status(DELIVERED), [trail.keys(prints[:1])])
    found = followed(trail)
    assert {name: [step.status for step in span.steps] for name, span in found.items()} == {
        "a": ["accepted", "delivered"],
        "b": ["accepted", "dropped"],
    }
    assert [step.status for step in followed(trail, "t", "b")["b"].steps] == ["accepted", "dropped"]


def of_status(fate: int) -> tuple[str]:
    return (of_fate(fate)[0],)


def test_of_a_trace_the_last_steps_are_shown_and_of_one_span_all() -> None:
    trail = Trail(1 << 20, 3600.0)
    part = trail.keys(["t\0a"])
    for attempt in range(1, 101):
        trail.note(0.0, "in_flight", [part], attempt=attempt)
    span = followed(trail)["a"]
    assert ([step.attempt for step in span.steps], span.left_out) == (list(range(101 - STEPS, 101)), 100 - STEPS)
    assert len(followed(trail, "t", "a")["a"].steps) == 100


def test_of_a_trace_without_bounds_the_first_spans_are_shown_and_the_rest_is_counted() -> None:
    trail = Trail(8 << 20, 3600.0)
    names = [f"s{number}" for number in range(SPANS + 5)]
    trail.begin(0.0, "accepted", [Head(name, "t") for name in names])
    trail.note(0.0, "in_flight", [trail.keys([f"t\0{name}" for name in names])], attempt=1)
    search = Search(list(trail.entries), "t", None, 0.0)
    assert sum(1 for _ in search.slices()) >= 1, "others had a turn"
    assert len(list(search.spans())) == SPANS
    assert search.left_out == set(names[SPANS:])


def test_fingerprints_of_what_is_sent_are_shown_with_it() -> None:
    trail = Trail(1 << 20, 3600.0)
    trail.note(0.0, "delivered", [trail.keys(["t\0b", "t\0a"])], prints=[[0xABC, 0x123456789ABCDEF]])
    assert followed(trail)["a"].steps[0].fingerprint == "123456789abcdef"


def test_every_fate_of_the_ledger_has_a_status() -> None:
    found = {of_fate(fate)[0] for fate in (*FATES.values(), *DROPPED.values())}
    assert found == ENDS
    assert of_fate(DROPPED_EXPIRED, "too old") == (DROPPED_STATUS, "expired: too old")
    assert of_fate(QUARANTINED, "422 no") == ("quarantined", "422 no")
    assert of_fate(DELIVERED, "no", spans=2, rejected=2) == ("rejected", "no")
    assert of_fate(DELIVERED, "no", spans=3, rejected=2)[0] == "delivered"
    assert of_fate(DELIVERED, "had one", spans=2, needless=2) == ("merged", "had one")
    assert of_fate(DELIVERED, "had one", spans=2, needless=1)[0] == "delivered"
    assert len({of_fate(fate) for fate in DROPPED.values()}) == len(DROPPED)
