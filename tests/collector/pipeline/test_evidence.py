"""When failures are bad luck, and when they are the spans' doing."""

from inspan_collector.pipeline.evidence import STALE, Mark, Suspicion, Tally


def after(successes: int, failures: int) -> Suspicion:
    """A delivery that failed once, beside so many attempts of others."""
    tally = Tally()
    suspicion = Suspicion(tally)
    suspicion.failed("otlp_protobuf", refused=False)
    for _ in range(successes):
        tally.succeeded("otlp_protobuf")
    for _ in range(failures):
        tally.failed(refused=False)
    return suspicion


def test_one_failure_is_never_suspicious():
    assert not after(1000, 0).cut(1)


def test_two_failures_beside_one_success_are_suspicious():
    suspicion = after(1, 0)
    suspicion.failed("otlp_protobuf", refused=False)
    assert suspicion.cut(2)


def test_nothing_is_suspicious_while_nobody_succeeds():
    suspicion = after(0, 50)
    for failures in range(2, 100):
        suspicion.failed("otlp_protobuf", refused=False)
        assert not suspicion.cut(failures)
        assert not suspicion.condemn(failures)


def test_the_worse_the_upstream_the_more_failures_it_takes():
    def needed(successes: int, failures: int) -> int:
        suspicion = after(successes, failures)
        run = 1
        while not suspicion.condemn(run):
            suspicion.failed("otlp_protobuf", refused=False)
            run += 1
        return run

    assert needed(100, 0) <= 5
    assert 27 <= needed(100, 100) <= 33
    assert 180 <= needed(100, 900) <= 210


def test_pieces_of_the_same_batch_that_failed_speak_for_a_span_as_those_that_were_delivered_speak_against_it():
    suspicion = after(20, 0)
    for _ in range(19):  # of its siblings
        suspicion.failed("otlp_protobuf", refused=False)
    assert not suspicion.condemn(7)


def test_a_witness_must_be_of_the_same_format_and_later():
    tally = Tally()
    tally.succeeded("span_json")
    mark = Mark.of(tally, "span_json")
    assert not mark.witnessed(tally)
    tally.succeeded("otlp_protobuf")
    assert not mark.witnessed(tally)
    tally.succeeded("span_json")
    assert mark.witnessed(tally)


def test_a_witness_is_stale_after_many_refusals_in_a_row():
    tally = Tally()
    mark = Mark.of(tally, "span_json")
    tally.succeeded("span_json")
    for _ in range(STALE):
        assert mark.witnessed(tally)
        tally.failed(refused=True)
    assert not mark.witnessed(tally)
    tally.succeeded("span_json")
    assert mark.witnessed(tally)


def test_spans_that_are_taken_are_witnesses_for_a_change_of_spans_and_changes_are_none_for_spans():
    tally = Tally()
    tally.succeeded("span_json")
    change, spans = Mark.of(tally, "span_patch"), Mark.of(tally, "span_json")
    assert not change.witnessed(tally)
    tally.succeeded("span_patch")
    assert change.witnessed(tally) and not spans.witnessed(tally)
    tally = Tally()
    change = Mark.of(tally, "span_patch")
    tally.succeeded("otlp_json")
    assert not change.witnessed(tally)
    tally.succeeded("span_json")
    assert change.witnessed(tally)
