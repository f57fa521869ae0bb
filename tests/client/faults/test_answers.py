"""A server that answers as no sidecar should: spans wait or are counted, nothing is taken twice, nobody spins."""

import contextlib
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.client.faults.raw import Hang, Raw, Request, answer, taken
from tests.client.faults.upstream import ids, keeping, kept, law

import inspan
from inspan import sender

SPAN = {
    "name": "n",
    "trace_id": "t",
    "start_timestamp": "2025-01-01T00:00:00Z",
    "end_timestamp": "2025-01-01T00:00:01Z",
}


def span(number: int, **words: Any) -> dict[str, Any]:
    return {**SPAN, "id": f"s{number}", **words}


@pytest.fixture(autouse=True)
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not answer is given up after 0.3 s instead of 10, so that it is seen to be tried again."""
    monkeypatch.setattr(sender, "ASK", 0.3)


@contextlib.contextmanager
def client(path: Path, **terms: Any) -> Iterator[inspan.Client]:
    """Its account balances in the end."""
    made = inspan.Client(path, **terms)
    try:
        yield made
    finally:
        made.close(0.3)
        law(made.stats())


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.002)


def hang(_: Request) -> bytes:
    raise Hang


# What a server says to its first posts; then it is a sidecar.
ODD: dict[str, Callable[[Request], bytes | None]] = {
    "429": lambda _: answer(429, b"{}", "retry-after-ms: 10"),
    "503": lambda _: answer(503),
    "500": lambda _: answer(500, b"<html>"),
    "302": lambda _: answer(302, b"", "location: /elsewhere"),
    "garbage": lambda _: b"\x00\xff garbage\r\n\r\n",
    "half an answer": lambda _: b"HTTP/1.1 202 Accepted\r\ncontent-le",
    "half a body": lambda _: b"HTTP/1.1 202 Accepted\r\ncontent-length: 100\r\n\r\n{",
    "no length": lambda _: b"HTTP/1.1 202 Accepted\r\n\r\n{}",
    "a negative length": lambda _: b"HTTP/1.1 202 Accepted\r\ncontent-length: -1\r\n\r\n",
    "a length in other digits": lambda _: "HTTP/1.1 202 Accepted\r\ncontent-length: ²\r\n\r\n".encode(),
    "chunks": lambda _: b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a body that is promised without end": lambda _: b"HTTP/1.1 202 Accepted\r\ncontent-length: 99999999999\r\n\r\n",
    "a head without end": lambda _: b"HTTP/1.1 202 Accepted\r\n" + b"x: y\r\n" * 20_000,
    "two answers": lambda request: taken(request) + taken(request),
    "nothing, and an end": lambda _: None,
    "nothing": hang,
}


@pytest.mark.parametrize("how", ODD)
def test_whatever_a_server_says_first_the_spans_wait_and_arrive(tmp_path: Path, how: str) -> None:
    odd = 0

    def answers(request: Request) -> bytes | None:
        nonlocal odd
        if request.path == "/v1/spans" and odd < 2:
            odd += 1
            return ODD[how](request)
        return taken(request)

    with Raw(tmp_path / "s", answers) as server, client(tmp_path / "s") as agent:
        for number in range(10):
            assert agent.record(span(number))
        until(lambda: agent.stats().accepted == 10)
        assert odd == 2
        numbers = [request.headers["inspan-sequence"] for request in server.at(path="/v1/spans")]
        assert numbers[0] == numbers[1] == numbers[2], "what is posted again has its old number"
        assert agent.stats().reposts == 2


@pytest.mark.parametrize("how", ODD)
def test_whatever_a_server_says_to_beats_the_spans_go_on(tmp_path: Path, how: str) -> None:
    odd = 0

    def answers(request: Request) -> bytes | None:
        nonlocal odd
        if request.path != "/v1/spans" and odd < 2:
            odd += 1
            return ODD[how](request)
        return taken(request)

    with Raw(tmp_path / "s", answers) as server, client(tmp_path / "s") as agent:
        assert agent.record(span(1))
        until(lambda: agent.stats().accepted == 1)
        assert server.spans == ["s1"]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_one_span_that_is_refused_for_good_costs_itself_alone(tmp_path: Path, status: int) -> None:
    def answers(request: Request) -> bytes:
        return answer(status) if b'"bad"' in request.body else taken(request)

    with Raw(tmp_path / "s", answers) as server, client(tmp_path / "s", linger=0.2) as agent:
        for number in range(50):
            agent.record(span(number, name="bad" if number == 20 else "good"))
        assert not agent.flush(5)
        stats = agent.stats()
        assert (stats.accepted, stats.dropped["refused"]) == (49, 1)
        assert server.spans == [f"s{number}" for number in range(50) if number != 20], "in order, and once"
        numbers = [int(request.headers["inspan-sequence"]) for request in server.at(path="/v1/spans")]
        assert numbers == list(range(1, len(numbers) + 1)), "a half is a post of its own"


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_where_nothing_of_ours_is_taken_spans_wait_and_few_are_asked(tmp_path: Path, status: int) -> None:
    with Raw(tmp_path / "s", lambda _: answer(status)) as server, client(tmp_path / "s") as agent:
        assert agent.record(span(1))
        until(lambda: agent.stats().in_flight == 1 and len(server.at(path="/v1/spans")) == 1)
        time.sleep(0.3)
        assert len(server.requests) < 5
        server.answers = taken
        assert agent.flush(5)


def test_what_is_kept_is_bounded_while_nothing_is_taken(tmp_path: Path) -> None:
    with Raw(tmp_path / "s", lambda _: answer(503)), client(tmp_path / "s", max_bytes=100_000) as agent:
        for number in range(2_000):
            agent.record(span(number, input={"a": "x" * 100}))
        stats = agent.stats()
        assert stats.held_bytes <= 100_000
        assert stats.dropped["buffer_full"] > 1_000
        law(stats)


def test_one_that_ends_each_connection_at_the_second_request_is_not_asked_without_a_pause(tmp_path: Path) -> None:
    def answers(request: Request) -> bytes | None:
        return taken(request) if request.path != "/v1/spans" else None

    with Raw(tmp_path / "s", answers) as server, client(tmp_path / "s") as agent:
        agent.record(span(1))
        until(lambda: server.connections >= 3)
        time.sleep(0.5)
        assert server.connections < 15
        server.answers = taken
        assert agent.flush(5)
        assert server.spans == ["s1"]


def test_one_that_closes_after_each_answer_has_all(tmp_path: Path) -> None:
    def closing(request: Request) -> bytes:
        return taken(request).replace(b"\r\n", b"\r\nconnection: close\r\n", 1)

    with Raw(tmp_path / "s", closing) as server, client(tmp_path / "s", linger=0) as agent:
        for number in range(20):
            agent.record(span(number))
            assert agent.flush(5)
        assert server.spans == [f"s{number}" for number in range(20)]
        assert agent.stats().reposts == 0


def test_one_that_registers_agents_and_knows_none_has_the_spans(tmp_path: Path) -> None:
    def forgetful(request: Request) -> bytes:
        return answer(404) if request.path.startswith("/v1/agents/") else taken(request)

    with Raw(tmp_path / "s", forgetful) as server, client(tmp_path / "s") as agent:
        agent.record(span(1))
        assert agent.flush(5)
        time.sleep(0.2)
        assert len(server.at(path="/v1/agents")) < 8


def test_a_connection_that_was_closed_while_it_was_idle_is_opened_again_without_a_word(tmp_path: Path) -> None:
    with Raw(tmp_path / "s") as server, client(tmp_path / "s") as agent:
        for number in range(5):
            agent.record(span(number))
            assert agent.flush(5)
            server.end_connections()
        assert server.spans == [f"s{number}" for number in range(5)]
        assert agent.stats().reposts <= 4


def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next(tmp_path: Path) -> None:
    lost = 0

    def answers(request: Request) -> bytes | None:
        nonlocal lost
        if b'"s1"' in request.body and not lost:
            lost += 1
            return None
        return taken(request)

    with Raw(tmp_path / "s", answers) as server, client(tmp_path / "s") as agent:
        agent.record(span(0))
        assert agent.flush(5)
        server.speak(answer(202))
        agent.record(span(1))
        assert agent.flush(5)
        assert server.spans == ["s0", "s1"]


def test_an_answer_that_comes_before_the_post_was_read_is_an_answer(tmp_path: Path) -> None:
    """Or a span that is too large would be posted for ever, and those behind it would wait as long."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()
    small: list[bytes] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = listener.accept()[0]
                with connection, contextlib.suppress(OSError):
                    while head := connection.recv(400):
                        if head.startswith(b"POST /v1/agents"):
                            connection.sendall(answer(404))
                        elif b"content-length: 4" in head and b"xxxx" not in head:
                            small.append(head)
                            connection.sendall(answer(202))
                        else:
                            connection.sendall(answer(413))
                            break

    threading.Thread(target=serve, daemon=True).start()
    with listener, client(tmp_path / "s", linger=0) as agent:
        agent.record(span(1, input={"a": "x" * 3_000_000}))
        until(lambda: agent.stats().dropped["refused"] == 1)
        law(agent.stats())
        listener.shutdown(socket.SHUT_RDWR)


def test_one_that_reads_a_byte_now_and_then_holds_the_sender_no_longer_than_an_answer_may_take(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()
    connections = []

    def drip() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = listener.accept()[0]
                connections.append(connection)
                threading.Thread(target=sip, args=(connection,), daemon=True).start()

    def sip(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.recv(1 << 14)
            connection.sendall(answer(404))
            while connection.recv(1 << 14):
                time.sleep(0.1)

    threading.Thread(target=drip, daemon=True).start()
    with listener, client(tmp_path / "s", linger=0) as agent:
        agent.record(span(1, input={"a": "x" * 3_500_000}))
        until(lambda: agent.stats().reposts >= 1, 5)
        began = time.monotonic()
        assert not agent.close(0.5)
        assert time.monotonic() - began < 1.0
        listener.shutdown(socket.SHUT_RDWR)
    for each in connections:
        each.close()


def test_a_post_whose_answer_is_lost_is_taken_once(tmp_path: Path) -> None:
    """Through a proxy that hands posts on to a real sidecar, and cuts every other answer."""
    with keeping(tmp_path) as sidecar:
        posts = cut = 0

        def proxy(request: Request) -> bytes | None:
            nonlocal posts, cut
            names = ("inspan-agent", "inspan-sequence", "content-type")
            passed = {name: request.headers[name] for name in names if name in request.headers}
            status, _, body = sidecar.post(request.path, request.body, passed)
            posts += request.path == "/v1/spans"
            if request.path == "/v1/spans" and posts % 2:
                cut += 1
                return None
            return answer(status, body)

        with Raw(tmp_path / "proxy", proxy), client(tmp_path / "proxy", linger=0) as agent:
            for number in range(100):
                agent.record(span(number))
                if number % 10 == 0:
                    assert agent.flush(10)
            assert agent.flush(10)
            assert agent.stats().accepted == 100
            assert agent.stats().reposts >= cut > 3
        assert ids(kept(sidecar, tmp_path)) == {f"s{number}": 1 for number in range(100)}


def test_a_sidecar_that_came_since_the_last_beat_hears_the_last_words_too(tmp_path: Path) -> None:
    known: set[str] = set()

    def new(request: Request) -> bytes:
        if request.path == "/v1/agents":
            known.add(json.loads(request.body)["registration_id"])
        elif request.path.startswith("/v1/agents/") and request.path.split("/")[3] not in known:
            return answer(404)
        return taken(request)

    with client(tmp_path / "s") as agent:
        with Raw(tmp_path / "s"):
            agent.record(span(1))
            assert agent.flush(5)
            agent.record({"id": "no trace"})
        with Raw(tmp_path / "s", new) as server:
            assert agent.close()
            path, told = server.told[-1]
            assert known
            assert path.endswith("/complete")
            assert (told["recorded"], told["dropped"]) == (2, {"unencodable": 1})


def test_an_answer_that_is_there_when_the_time_of_a_close_is_over_counts(tmp_path: Path) -> None:
    with Raw(tmp_path / "s") as server, client(tmp_path / "s", linger=0.5) as agent:
        agent.record(span(1))
        end = time.monotonic() + 5
        while not (server.spans and select.select([agent.life.sender.connection._socket], [], [], 0)[0]):
            assert time.monotonic() < end
        agent.close(0)
        assert agent.life.sender.ended.wait(5)
        assert (agent.stats().accepted, agent.stats().dropped["exit"]) == (1, 0)


def test_an_agent_that_lingers_for_longer_than_a_beat_beats_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inspan.liveness.BEAT", 0.02)
    with Raw(tmp_path / "s") as server, client(tmp_path / "s", linger=30) as agent:
        agent.record(span(1))
        assert agent.flush(5)
        agent.record(span(2))
        end = time.monotonic() + 5
        while len(server.at(path="/v1/agents/")) < 10:
            assert time.monotonic() < end, server.requests
            time.sleep(0.01)
