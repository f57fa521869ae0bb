"""A real sidecar that is late, goes, comes back, or stands still: its books and the client's agree."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.client.faults.upstream import ids, keeping, kept, law
from tests.sidecar import Sidecar

import inspan
from inspan import sender


def span(number: int) -> dict[str, Any]:
    at = {"start_timestamp": "2025-01-01T00:00:00Z", "end_timestamp": "2025-01-01T00:00:01Z"}
    return {"name": "n", "trace_id": "t", "id": f"s{number}", **at}


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.002)


def at(folder: Path, socket: Path) -> dict[str, Any]:
    """A configuration: spans into `folder`, the socket there."""
    destination = {"name": "kept", "kind": "file", "path": str(folder / "kept")}
    return {"destinations": [destination], "socket": {"path": str(socket)}}


def test_spans_wait_for_a_sidecar_that_starts_later(tmp_path: Path) -> None:
    socket = tmp_path / "later" / "inspan.sock"
    client = inspan.Client(socket)
    for number in range(100):
        assert client.record(span(number))
    assert not client.flush(0.1)
    socket.parent.mkdir()
    with Sidecar(at(tmp_path, socket)) as sidecar:
        assert client.flush(10)
        assert client.stats().accepted == 100
        assert client.stats().socket == socket
        assert client.close()
        assert ids(kept(sidecar, tmp_path)) == {f"s{number}": 1 for number in range(100)}
    law(client.stats())


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_sidecar_that_is_restarted_costs_nothing_that_it_had_not_taken(tmp_path: Path, how: signal.Signals) -> None:
    """Killed, it takes with it what was in its memory, and the client has its word for that; what it had not answered
    comes again."""
    socket = tmp_path / "inspan.sock"
    client = inspan.Client(socket, linger=0.001)
    number = 0
    for life in range(3):
        config = at(tmp_path, socket)
        with Sidecar(config | {"spool": {"path": str(tmp_path / "spool.db"), "mode": "always"}}) as sidecar:
            end = time.monotonic() + 0.4
            while time.monotonic() < end:
                client.record(span(number))
                number += 1
                time.sleep(0.0005)
            if life < 2:
                sidecar.signal(how)
                sidecar.process.wait(10)
                continue
            assert client.close(10)
            stats = client.stats()
            assert stats.recorded == stats.accepted == number
            sidecar.stop()
    found = ids_in(tmp_path)
    if how == signal.SIGTERM:
        assert set(found) == {f"s{each}" for each in range(number)}
    assert len(found) > number / 2


def ids_in(folder: Path) -> set[str]:
    import json

    files = (folder / "kept").glob("spans.jsonl*")
    return {json.loads(line)["id"] for file in files for line in file.read_text().splitlines()}


def test_a_sidecar_that_moves_to_another_of_the_known_places_is_found(tmp_path: Path) -> None:
    client = inspan.Client(tmp_path / "first" / "s", linger=0.001)
    client.terms.places.append(tmp_path / "second" / "s")
    for number, place in enumerate(("first", "second", "first")):
        (tmp_path / place).mkdir(exist_ok=True)
        with Sidecar(at(tmp_path, tmp_path / place / "s")) as sidecar:
            client.record(span(number))
            assert client.flush(10)
            assert client.stats().socket == tmp_path / place / "s"
            sidecar.stop()
    assert client.close()
    assert ids_in(tmp_path) == {"s0", "s1", "s2"}
    law(client.stats())


def test_a_sidecar_that_stands_still_for_a_while_takes_everything_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "ASK", 0.2)
    with keeping(tmp_path) as sidecar:
        client = inspan.Client(sidecar.socket, linger=0.001)
        client.record(span(0))
        assert client.flush(10)
        sidecar.signal(signal.SIGSTOP)
        for number in range(1, 200):
            client.record(span(number))
            time.sleep(0.005)
        until(lambda: client.life.sender.connection.opened >= 4)
        assert client.stats().in_flight > 0
        law(client.stats())
        sidecar.signal(signal.SIGCONT)
        assert client.flush(10)
        assert client.stats().accepted == 200
        assert client.close()
        law(client.stats())
        assert ids(kept(sidecar, tmp_path)) == {f"s{number}": 1 for number in range(200)}


def test_a_sidecar_that_is_full_has_all_in_the_end(tmp_path: Path) -> None:
    """429 is an answer, not a loss."""
    destination = {
        "name": "kept",
        "kind": "file",
        "path": str(tmp_path / "kept"),
        "queue": {"max_spans": 50},
        "batch": {"max_spans": 10, "linger": "200ms"},
    }
    with Sidecar({"destinations": [destination]}) as sidecar:
        client = inspan.Client(sidecar.socket, linger=0.001)
        for number in range(300):
            assert client.record(span(number))
            if number % 20 == 0:
                time.sleep(0.001)
        assert client.flush(30)
        stats = client.stats()
        law(stats)
        assert stats.recorded == stats.accepted + sum(stats.dropped.values()) == 300
        client.close()
        assert ids(kept(sidecar, tmp_path)) == dict.fromkeys(ids_in(tmp_path), 1)
        assert len(ids_in(tmp_path)) == stats.accepted
