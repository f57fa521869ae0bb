"""What the upstream of upserts notes of each write."""

from bench.rows import Copy, Rows

START, END = Copy("t", "s"), Copy("t", "s", "2025-01-01T00:00:01Z")


def test_a_row_knows_when_it_was_first_seen_when_it_first_ended_and_how_often_it_was_written() -> None:
    rows = Rows()
    rows.enter([START], 100, now=10)
    rows.enter([END], 150, now=20)
    rows.enter([END], 150, now=30)
    [(trace_id, id_, row)] = rows.account().rows
    assert (trace_id, id_) == ("t", "s")
    assert (row.first, row.ended, row.writes) == (10, 20, 3)
    assert rows.tally.overtaken == 0


def test_an_open_copy_after_an_end_of_its_key_is_overtaken() -> None:
    rows = Rows()
    rows.enter([END], 150, now=10)
    rows.enter([START], 100, now=20)
    assert rows.account().overtaken == 1
    assert rows.rows["t", "s"].ended == 10


def test_an_open_copy_beside_an_end_in_one_request_is_not_overtaken() -> None:
    rows = Rows()
    rows.enter([END, START], 250, now=10)
    assert rows.account().overtaken == 0


def test_the_same_id_in_another_trace_is_another_span() -> None:
    rows = Rows()
    rows.enter([END], 150, now=10)
    rows.enter([Copy("u", "s")], 100, now=20)
    assert rows.account().overtaken == 0
    assert rows.tally.keys == 2


def test_requests_copies_and_bytes_are_counted() -> None:
    rows = Rows()
    rows.enter([START, Copy("t", "r")], 200, now=10)
    rows.enter([END], 150, now=20)
    tally = rows.tally
    assert (tally.posts, tally.copies, tally.keys, tally.ended) == (2, 3, 2, 1)
    assert [(post.at, post.copies, post.size) for post in rows.account().posts] == [(10, 2, 200), (20, 1, 150)]
