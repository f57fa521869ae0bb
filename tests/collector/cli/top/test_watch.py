from tests.collector.cli.top.told import destination, history, moment

from inspan_collector.cli.top.told import Status
from inspan_collector.cli.top.watch import RATES, Watch


def accepted(status: Status) -> float:
    return status.ledger.dialects["otlp"].accepted


def test_a_rate_is_of_the_last_seconds_by_the_sidecars_own_clock() -> None:
    watch = Watch()
    watch.hear(moment(at=100.0, accepted=0))
    assert watch.rate(accepted) == 0
    for second in range(1, 20):
        watch.hear(moment(at=100.0 + 7 * second, seconds=100.0 + second, accepted=10 * second))  # somebody sets a clock
    assert len(watch.moments) == RATES + 1
    assert watch.rate(accepted) == 10


def test_a_restart_is_no_negative_rate_and_the_events_of_before_are_not_shown_twice() -> None:
    watch = Watch()
    event = {"at": 1.0, "kind": "paused", "destination": "up", "message": "no"}
    watch.begin(history([]))
    watch.hear(moment(at=100.0, accepted=1000, events=[event]))
    watch.leave(101.0, "it has ended")
    watch.leave(102.0, "Connection refused")
    assert (watch.since, watch.why) == (101.0, "Connection refused")
    watch.begin(history([]))
    watch.hear(moment(at=103.0, seconds=1.0, accepted=5, events=[event]))
    assert watch.since is None
    assert watch.rate(accepted) == 0
    assert len(watch.events) == 1


def test_what_was_dropped_and_when_is_known_from_before_one_looked() -> None:
    watch = Watch()
    watch.begin(history([1.0, 2.0, 3.0, 4.0], up=[5, 5, 9, 9], other=[0, 1, 1, 1]))
    books = {"up": {"dropped_expired": 2, "dropped_queue_full": 7}, "other": {"dropped_crash": 1}}
    watch.hear(moment(destination("up"), destination("other"), at=5.0, books=books))
    assert watch.last_drop() == 3.0
    assert watch.reasons("up") == {"queue_full": 7, "expired": 2}
    assert watch.dropped("up") == 9


def test_a_cell_that_is_over_does_not_change_while_time_goes_on() -> None:
    watch = Watch()
    watch.begin(history([]))
    seen: dict[int, set[float | None]] = {}
    for second in range(1000, 1100):
        filled = {"spans": second % 7 * 100}
        watch.hear(moment(destination(queue=filled), at=float(second)))
        course = watch.course("up", 60)  # ten seconds a cell
        assert len(course) == 60
        for back in range(1, 5):
            seen.setdefault(second // 10 - back, set()).add(course[-1 - back])
    assert all(len(values) == 1 for cell, values in seen.items() if cell > 101)


def test_drops_are_in_the_cell_in_which_they_happened() -> None:
    watch = Watch()
    watch.begin(history([990.0, 991.0, 995.0, 999.0], up=[5, 5, 8, 8]))
    watch.hear(moment(at=1000.0, books={"up": {"dropped_expired": 8}}))
    drops = watch.drops("up", 600)
    assert [(600 - cell, count) for cell, count in enumerate(drops) if count] == [(6, 3)]
