"""The light upstream, without its process."""

from bench.bodies import one_span
from bench.server import Request
from bench.sink import MARK, Books


def test_under_marked_only_spans_with_the_mark_are_remembered() -> None:
    books, fresh = Books(), MARK + bytes(8)
    books.enter(b"/marked/v1/traces", one_span(bytes(range(16))) + one_span(fresh), "identity")
    assert list(books.seen.stamps) == [fresh.hex()]
    assert books.seen.spans == 2


def test_the_first_and_the_last_post_have_their_times() -> None:
    books = Books()
    for _ in range(3):
        books.enter(b"/v1/traces", one_span(bytes(16)), "identity")
    first = books.seen.first
    assert 0 < first < books.seen.last
    books.enter(b"/v1/traces", one_span(bytes(16)), "identity")
    assert books.seen.first == first


def test_while_it_is_down_nothing_counts_and_when_it_is_up_again_everything_does() -> None:
    books, request = Books(), Request(b"/v1/traces", "identity", one_span(bytes(16)))
    books.respond(Request(b"/answer/down", "identity", b""))
    assert books.respond(request)[0].startswith(b"HTTP/1.1 503")
    assert books.seen.posts == 0
    books.respond(Request(b"/answer/closed", "identity", b""))
    assert b"connection: close" in books.respond(request)[0]
    books.respond(Request(b"/answer/kept", "identity", b""))
    assert b"connection" not in books.respond(request)[0]
    assert books.seen.posts == 2


def test_connections_with_posts_are_counted_and_those_that_only_ask_are_not() -> None:
    books, body = Books(), one_span(bytes(16))
    books.respond(Request(b"/seen", "identity", b"", 1))
    for connection in (2, 2, 3):
        books.respond(Request(b"/v1/traces", "identity", body, connection))
    assert books.seen.connections == 2
    books.respond(Request(b"/forget", "identity", b"", 1))
    assert books.seen.connections == 0
