"""The light upstream of upserts, without its process."""

import json

import pytest
from bench.rows_sink import ANSWER, MOST, Upserts
from bench.server import Request

BATCH = b"/v5/spans/batch"


def _body(*spans: dict[str, object]) -> bytes:
    return json.dumps({"items": list(spans)}).encode()


def test_a_batch_is_answered_with_its_spans_after_150_ms() -> None:
    span = {"trace_id": "t", "id": "s", "name": "chat", "end_timestamp": None}
    answer, delay = Upserts().respond(Request(BATCH, "identity", _body(span)))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert json.loads(body) == {"items": [span], "object": "list"}
    assert f"content-length: {len(body)}".encode() in head
    assert delay == ANSWER == 0.15


def test_a_batch_over_the_contract_s_limit_is_a_defect_of_the_sender() -> None:
    span = {"trace_id": "t", "id": "s"}
    with pytest.raises(ValueError, match="1001 spans"):
        Upserts().respond(Request(BATCH, "identity", _body(*[span] * (MOST + 1))))


def test_it_forgets_when_it_is_told_to() -> None:
    upserts = Upserts()
    upserts.respond(Request(BATCH, "identity", _body({"trace_id": "t", "id": "s"})))
    assert upserts.rows.tally.keys == 1
    upserts.respond(Request(b"/forget", "identity", b""))
    assert upserts.rows.tally.keys == 0


def test_connections_with_posts_are_counted_and_those_that_only_ask_are_not() -> None:
    upserts, body = Upserts(), _body({"trace_id": "t", "id": "s"})
    upserts.respond(Request(b"/tally", "identity", b"", 1))
    for connection in (2, 2, 3):
        upserts.respond(Request(BATCH, "identity", body, connection))
    assert upserts.rows.tally.connections == 2
    assert upserts.rows.tally.encodings == {"identity": 3}
