"""Posts of starts and ends that never tell of a span twice."""

from itertools import islice

from bench.copies import STARTED, numbered, post, rows

from inspan_collector.formats import span_json


def test_the_spans_that_a_post_starts_are_those_that_the_next_one_ends() -> None:
    first, second = (span_json.scan(body) for body in islice(numbered(post(), 3), 2))
    keys = span_json.keys_of(first.heads)
    started = {key for key, head in zip(keys, first.heads, strict=True) if head.end_timestamp is None}
    ended = {
        key
        for key, head in zip(span_json.keys_of(second.heads), second.heads, strict=True)
        if head.end_timestamp is not None
    }
    assert len(started) == STARTED
    assert started == ended


def test_no_two_connections_tell_of_the_same_span() -> None:
    text = post()
    posts = [body for connection in (0, 1) for body in islice(numbered(text, connection), 3)]
    starts = [key for body in posts for key in span_json.keys_of(span_json.scan(body).heads)[STARTED:]]
    assert len(set(starts)) == len(starts) == 6 * STARTED


def test_rows_are_copies_with_keys_of_their_own() -> None:
    made = list(rows(1500, 7, "sink", 1.0))
    assert [row.seq for row in made] == list(range(7, 1507))
    assert len({row.key for row in made}) == 1500
    assert all(span_json.scan(b"[%b]" % row.body).spans == 1 for row in made)
