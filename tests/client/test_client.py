"""The client beside a real sidecar."""

import asyncio
import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.client.answering import answering, request
from tests.sidecar import Sidecar

import inspan


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[Sidecar]:
    destination = {"name": "file", "kind": "file", "path": str(tmp_path / "spans")}
    with Sidecar({"destinations": [destination], "spool": None}) as running:
        yield running


def delivered(sidecar: Sidecar, home: Path) -> dict[str, dict[str, Any]]:
    """By name, once the sidecar has ended."""
    ledger = sidecar.stop()
    assert ledger["imbalance"] == 0
    lines = [line for path in sorted((home / "spans").glob("*")) for line in path.read_text().splitlines()]
    spans = [span for line in lines for span in _spans(json.loads(line))]
    return {span["name"]: span for span in spans}


def _spans(line: Any) -> list[dict[str, Any]]:
    return line if isinstance(line, list) else [line]


def balanced(stats: inspan.Stats) -> bool:
    return stats.recorded == stats.accepted + stats.queued + stats.in_flight + sum(stats.dropped.values())


def test_what_is_recorded_arrives(sidecar: Sidecar, tmp_path: Path) -> None:
    client = inspan.Client(sidecar.socket, service="shop")
    with client.span("outer", type="AGENT_WORKFLOW", input={"question": "why"}, metadata={"k": 1}) as outer:
        with client.span("inner") as inner:
            assert inspan.current() is inner
        outer.output = {"answer": "because"}
        outer.metadata["later"] = 2
    assert inspan.current() is None
    assert client.flush()
    assert client.close()
    stats = client.stats()
    assert (stats.recorded, stats.accepted) == (4, 4), "two starts, two ends"
    found = delivered(sidecar, tmp_path)
    assert found["inner"]["parent_id"] == found["outer"]["id"] == outer.id
    assert found["inner"]["trace_id"] == found["outer"]["trace_id"]
    assert found["outer"] == {
        "name": "outer",
        "id": outer.id,
        "trace_id": outer.trace_id,
        "start_timestamp": found["outer"]["start_timestamp"],
        "end_timestamp": found["outer"]["end_timestamp"],
        "type": "AGENT_WORKFLOW",
        "status": "SUCCESS",
        "input": {"question": "why"},
        "output": {"answer": "because"},
        "metadata": {"__agent_name__": "shop", "k": 1, "later": 2},
    }


def test_what_changes_after_it_was_recorded_does_not_matter(sidecar: Sidecar, tmp_path: Path) -> None:
    client = inspan.Client(sidecar.socket, linger=0.2)
    span = {"id": "1", "trace_id": "t", "name": "a", "input": {"list": [1]}}
    span |= {"start_timestamp": "2026-01-01T00:00:00Z", "end_timestamp": "2026-01-01T00:00:01Z"}
    client.record(span)
    span["input"]["list"].append(2)  # type: ignore[index]
    assert client.close()
    assert delivered(sidecar, tmp_path)["a"]["input"] == {"list": [1]}


def test_nobody_there_keeps_the_spans_within_the_bound_and_says_where_it_looked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = inspan.Client(tmp_path / "none.sock", max_bytes=100_000)
    kept = sum(client.record({"id": str(n), "trace_id": "t", "input": "x" * 1_000}) for n in range(200))
    assert not client.flush(0.1)
    stats = client.stats()
    assert stats.held_bytes <= 100_000
    assert stats.dropped["buffer_full"] == 200 - kept
    assert stats.queued + stats.in_flight == kept
    assert stats.socket is None
    assert balanced(stats)
    assert not client.close(0.3)
    assert client.stats().dropped["exit"] == kept
    assert balanced(client.stats())
    assert caplog.messages[0].startswith(
        f"no sidecar at {tmp_path / 'none.sock'} (No such file or directory); spans wait"
    )


def test_threads_and_loops_share_one_client(sidecar: Sidecar, tmp_path: Path) -> None:
    client = inspan.Client(sidecar.socket, starts=False)

    async def task(name: str) -> None:
        async with client.span(name):
            await asyncio.sleep(0)
            with client.span(f"{name} inner"):
                await asyncio.sleep(0)

    async def run(prefix: str) -> None:
        await asyncio.gather(*(task(f"{prefix} {n}") for n in range(50)))

    for loop in range(2):
        asyncio.run(run(f"loop {loop}"))
    threads = [threading.Thread(target=lambda n=n: asyncio.run(run(f"thread {n}"))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.close()
    found = delivered(sidecar, tmp_path)
    assert len(found) == 6 * 100
    for name, span in found.items():
        if name.endswith("inner"):
            assert span["parent_id"] == found[name.removesuffix(" inner")]["id"]
        else:
            assert "parent_id" not in span


def test_a_span_may_have_a_parent_that_is_not_current(sidecar: Sidecar, tmp_path: Path) -> None:
    client = inspan.Client(sidecar.socket)
    with client.span("a") as a:
        with client.span("other trace", trace_id=inspan.new_trace()) as other:
            pass
        with client.span("same trace", trace_id=a.trace_id) as same:
            pass
    with client.span("late", parent=a):
        pass
    with client.span("from afar", parent="00f067aa0ba902b7", trace_id="4bf92f3577b34da6a3ce929d0e0e4736"):
        pass
    assert client.close()
    found = delivered(sidecar, tmp_path)
    assert "parent_id" not in found["other trace"]
    assert found["other trace"]["trace_id"] == other.trace_id != a.trace_id
    assert found["same trace"]["parent_id"] == a.id
    assert same.trace_id == a.trace_id
    assert (found["late"]["parent_id"], found["late"]["trace_id"]) == (a.id, a.trace_id)
    assert found["from afar"]["parent_id"] == "00f067aa0ba902b7"
    assert found["from afar"]["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"


def test_posts_are_batches(sidecar: Sidecar) -> None:
    client = inspan.Client(sidecar.socket, linger=0.05)
    for n in range(1_000):
        client.record({"id": str(n), "trace_id": "t", "start_timestamp": "2026-01-01T00:00:00Z"})
    assert client.flush()
    assert client.stats().posts < 10
    assert client.close()
    dialects = sidecar.stop()["dialects"]
    assert dialects["spans"]["accepted"] == 1_000


def test_a_program_whose_name_is_no_text_sends_its_spans_and_is_known(sidecar: Sidecar) -> None:
    client = inspan.Client(sidecar.socket, service=os.fsdecode(b"caf\xe9.py"))
    client.record({"id": "a", "trace_id": "t"})
    assert client.flush()
    assert client.close()
    assert [agent["service"] for agent in sidecar.status()["agents"]["last"]] == ["caf?.py"]


def test_close_is_the_end_and_may_be_repeated(sidecar: Sidecar) -> None:
    client = inspan.Client(sidecar.socket)
    assert client.close(), "it never began"
    assert not client.record({"id": "1", "trace_id": "t"})
    assert client.stats().dropped["closed"] == 1
    assert client.close()
    assert balanced(client.stats())


def test_sizes_and_places_that_can_never_work_are_refused_at_once() -> None:
    for wrong in ({"max_bytes": 0}, {"linger": -1.0}, {"socket": "/" + "x" * 200}):
        with pytest.raises(ValueError, match=r"^(max_bytes|linger|socket): "):
            inspan.Client(**wrong)  # type: ignore[arg-type]


def test_a_loss_is_said_with_its_reason(sidecar: Sidecar, caplog: pytest.LogCaptureFixture) -> None:
    client = inspan.Client(sidecar.socket)
    assert not client.record({"id": "1"})
    assert client.record({"id": "1", "trace_id": "t"})
    assert client.close()
    lines = [line for line in caplog.messages if "dropped" in line]
    assert lines == ["1 spans were dropped as unencodable: a span needs 'trace_id', a text; found <NoneType> in <dict>"]


def test_metadata_that_cannot_say_whether_it_is_empty_costs_the_agent_nothing(tmp_path: Path) -> None:
    class Table:
        def __bool__(self) -> bool:
            raise ValueError("the truth value of a table is ambiguous")

    client = inspan.Client(tmp_path / "nobody.sock")
    with client.span("n", metadata=Table()) as span:  # type: ignore[arg-type]
        assert isinstance(span.metadata["value"], Table)
    assert client.stats().queued == 2
    client.close(0)


def test_a_flush_is_true_only_where_nothing_was_lost_since_the_one_before(sidecar: Sidecar) -> None:
    client = inspan.Client(sidecar.socket)
    client.record({"id": "1", "trace_id": "t"})
    assert client.flush()
    client.record({"id": "1"})
    client.record({"id": "2", "trace_id": "t"})
    assert not client.flush(), "one of two was no span"
    assert client.flush()
    assert client.close()


def test_an_agent_lives_while_the_sidecar_asks_it_to_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inspan.liveness.BEAT", 0.05)
    beats, posts = [], []

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                head = request(connection)
                is_post = head.startswith(b"POST /v1/spans ")
                (posts if is_post else beats).append(head)
                full = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 30\r\ncontent-length: 0\r\n\r\n"
                connection.sendall(full if is_post else b"HTTP/1.1 204 No Content\r\n\r\n")

    with answering(tmp_path / "s", serve) as path:
        client = inspan.Client(path)
        client.record({"id": "1", "trace_id": "t"})
        while len(beats) < 5:
            time.sleep(0.01)
        assert len(posts) == 1
        client.close(0.1)
    assert balanced(client.stats())
