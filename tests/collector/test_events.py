import logging

import pytest

from inspan_collector.events import KEPT, QUIET, Events


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def events(clock: Clock) -> Events:
    return Events(wall=clock, clock=clock)


def test_sequence_numbers_have_no_gaps_and_are_the_cursor(events: Events):
    for number in range(5):
        events.record("dropped", "up", f"message {number}", spans=number)
    assert [event.sequence for event in events.after(0)] == [1, 2, 3, 4, 5]
    assert [event.message for event in events.after(3)] == ["message 3", "message 4"]
    assert events.after(5) == events.after(500) == []


def test_only_the_newest_are_kept_and_the_numbers_tell_how_many_are_gone(events: Events):
    for _ in range(KEPT + 10):
        events.record("dropped", "up", "again")
    assert len(events.after(0)) == KEPT
    assert events.after(0)[0].sequence == 11
    assert events.sequence == KEPT + 10


def test_the_first_of_a_kind_is_loud_and_repeats_are_summed(
    events: Events, clock: Clock, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING, "inspan")
    for _ in range(4):
        events.record("dropped", "up", "full", spans=10)
    events.record("dropped", "other", "full", spans=1)
    assert [record.message for record in caplog.records] == ["full", "full"]
    assert len(events.after(0)) == 5
    clock.now += QUIET
    events.record("dropped", "up", "full", spans=10)
    last = caplog.records[-1]
    assert (last.__dict__["repeated"], last.__dict__["repeated_spans"]) == (3, 30)
    clock.now += QUIET
    events.record("dropped", "up", "full", spans=10)
    assert "repeated" not in caplog.records[-1].__dict__


def test_what_comes_thousands_of_times_is_kept_once_and_counted(
    events: Events, clock: Clock, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING, "inspan")
    for _ in range(1000):
        events.note("refused_queue_full", "otlp", "429: full")
    assert len(events.after(0)) == len(caplog.records) == 1
    clock.now += QUIET
    events.note("refused_queue_full", "otlp", "429: full")
    assert caplog.records[-1].__dict__["repeated"] == 999
    assert [event.sequence for event in events.after(0)] == [1, 2]


def test_the_words_of_an_upstream_are_logged_and_not_kept(events: Events, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING, "inspan")
    events.record("quarantined", "up", "refused for good with 400", words="span llm.chat: too long")
    assert caplog.records[0].__dict__["words"] == "span llm.chat: too long"
    assert "llm.chat" not in repr(events.after(0))


def test_what_was_counted_and_not_logged_is_logged_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    events = Events(wall=lambda: 0.0, clock=lambda: 0.0)
    for _ in range(3):
        events.record("dropped", "up", "no room", spans=10)
    events.flush()
    events.flush()
    assert [(record.spans, getattr(record, "repeated", 0)) for record in caplog.records] == [(10, 0), (20, 2)]
