"""JSON nested as deep as the stack allows: refused at the socket, or brought to an honest fate."""

import json
from pathlib import Path
from typing import Any

from tests.collector.rig import Running, destination

from inspan_collector.sink import Sink

DEPTHS = range(850, 1010)  # about the recursion limit of a Python up to 3.11
SPANS = 20
START = "2026-01-01T00:00:00Z"


def span(name: str, text: bytes = b"{}", **more: Any) -> bytes:
    head = {"id": name, "trace_id": "t", "name": "n", "start_timestamp": START, "end_timestamp": START} | more
    return json.dumps(head).encode()[:-1] + b',"input":{"x":%b}}' % text


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


async def test_what_is_taken_is_never_too_deep_for_what_comes_after(tmp_path: Path) -> None:
    async with Sink() as sink:
        places = [
            destination(sink.url, name="sgp", kind="sgp", batch={"linger": "20ms"}),
            destination(sink.url + "/v1/traces", name="otlp", batch={"linger": "20ms"}),
        ]
        async with Running(tmp_path, *places, drain={"deadline": "5s"}) as running:
            taken = []
            for depth in DEPTHS:
                # OTLP cannot hold the bad one, so its batch is taken apart, in halves of halves.
                bad = span(f"bad {depth}", start_timestamp="yesterday")
                good = [span(f"good {depth} {number}") for number in range(SPANS - 2)]
                body = b"[%b]" % b",".join([span(f"deep {depth}", nested(depth)), *good, bad])
                reply = await running.post(body, "/v1/spans", content_type="application/json")
                assert reply.status in (202, 400), reply
                taken += [depth] * (reply.status == 202)
            assert 0 < len(taken) < len(DEPTHS), "the depths are not about the limit"
            ledger = await running.drained()
    books = ledger["destinations"]
    assert not [account for book in books.values() for account in book if account.startswith("dropped")]
    spans = SPANS * len(taken)
    assert books["otlp"] == {"enqueued": spans, "delivered": spans - len(taken), "quarantined": len(taken)}
