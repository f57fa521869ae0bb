"""One connection over a real socket: what is an answer, what is not, and how long it may take."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.client.answering import answering, request, says

from inspan.answer import Answer
from inspan.connection import MAX_BODY, Broken, Connection, Unreachable

Connect = Callable[..., Connection]

HEAD = b"POST /v1/spans HTTP/1.1\r\ncontent-length: 2\r\n\r\n"
OK = b"HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\nX-More: a: b\r\n\r\nyes"


@pytest.fixture
def connected() -> Iterator[Callable[..., Connection]]:
    made: list[Connection] = []

    def connect(*places: Path) -> Connection:
        made.append(Connection(list(places), time.monotonic))
        made[-1].open(5)
        return made[-1]

    yield connect
    for connection in made:
        connection.close()


def ask(connection: Connection, timeout: float = 5) -> Answer:
    return connection.ask(HEAD, b"[]", timeout)


def test_an_answer_is_read_whole(tmp_path: Path, connected: Connect) -> None:
    with answering(tmp_path / "s", says(OK)) as path:
        connection = connected(path)
        assert ask(connection) == Answer(202, {"content-length": "3", "x-more": "a: b"}, b"yes")
        assert connection.is_open


def test_an_answer_may_come_byte_by_byte(tmp_path: Path, connected: Connect) -> None:
    def drip(sock: socket.socket) -> None:
        request(sock)
        for byte in OK:
            sock.sendall(bytes([byte]))

    with answering(tmp_path / "s", drip) as path:
        assert ask(connected(path)).body == b"yes"


def test_a_connection_is_used_again(tmp_path: Path, connected: Connect) -> None:
    def twice(sock: socket.socket) -> None:
        for _ in range(2):
            request(sock)
            sock.sendall(OK)

    with answering(tmp_path / "s", twice) as path:
        connection = connected(path)
        assert [ask(connection).status for _ in range(2)] == [202, 202]
        assert connection.opened == 1


def test_204_has_no_body(tmp_path: Path, connected: Connect) -> None:
    with answering(tmp_path / "s", says(b"HTTP/1.1 204 No Content\r\n\r\n")) as path:
        assert ask(connected(path)).status == 204


@pytest.mark.parametrize("last", [b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 200 OK\r\nConnection: Close\r\n"])
def test_a_last_answer_closes_the_connection(tmp_path: Path, last: bytes, connected: Connect) -> None:
    with answering(tmp_path / "s", says(last + b"content-length: 0\r\n\r\n")) as path:
        connection = connected(path)
        assert ask(connection).status == 200
        assert not connection.is_open


@pytest.mark.parametrize(
    "garbage",
    [
        b"\r\n\r\n",
        b"hello\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1e3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nyes",
        b"HTTP/1.1 200 \xff\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (MAX_BODY + 1),
        b"x" * 70_000,
    ],
)
def test_what_is_no_answer_breaks_the_connection(tmp_path: Path, garbage: bytes, connected: Connect) -> None:
    with answering(tmp_path / "s", says(garbage)) as path:
        connection = connected(path)
        with pytest.raises(Broken) as caught:
            ask(connection)
        assert not connection.is_open
        assert not caught.value.stale


@pytest.mark.parametrize("part", [b"", OK[:5], OK[:-1]])
def test_an_answer_that_ends_early_breaks_the_connection(tmp_path: Path, part: bytes, connected: Connect) -> None:
    with answering(tmp_path / "s", says(part)) as path, pytest.raises(Broken) as caught:
        ask(connected(path))
    assert not caught.value.stale, "on a new connection there is somebody, and something is wrong with him"


def test_one_that_was_closed_while_idle_is_known_as_such(tmp_path: Path, connected: Connect) -> None:
    with answering(tmp_path / "s", says(OK)) as path:
        connection = connected(path)
        ask(connection)
    with pytest.raises(Broken) as caught:
        ask(connection)
    assert caught.value.stale


@pytest.mark.parametrize("part", [b"", OK[:-1]])
def test_an_answer_that_does_not_come_in_time_breaks_the_connection(
    tmp_path: Path, part: bytes, connected: Connect
) -> None:
    done = threading.Event()

    def hang(sock: socket.socket) -> None:
        says(part)(sock)
        done.wait(10)

    with answering(tmp_path / "s", hang) as path:
        connection = connected(path)
        with pytest.raises(Broken, match=r"no answer within 0.05 s"):
            ask(connection, 0.05)
        done.set()


def test_a_drip_does_not_stretch_the_time(tmp_path: Path, connected: Connect) -> None:
    done = threading.Event()

    def drip(sock: socket.socket) -> None:
        request(sock)
        try:
            while not done.wait(0.01):
                sock.sendall(b"H")
        except OSError:
            return

    with answering(tmp_path / "s", drip) as path:
        with pytest.raises(Broken, match=r"no answer within 0.1 s"):
            ask(connected(path), 0.1)
        done.set()


def test_a_peer_that_reads_nothing_is_left_in_time(tmp_path: Path, connected: Connect) -> None:
    done = threading.Event()

    def sleep(_: socket.socket) -> None:
        done.wait(10)

    with answering(tmp_path / "s", sleep) as path:
        connection = connected(path)
        with pytest.raises(Broken):
            connection.ask(HEAD, b"x" * 8_000_000, 0.05)
        done.set()


def test_an_abort_ends_a_wait(tmp_path: Path, connected: Connect) -> None:
    asked = threading.Event()
    done = threading.Event()

    def hang(sock: socket.socket) -> None:
        request(sock)
        asked.set()
        done.wait(10)

    with answering(tmp_path / "s", hang) as path:
        connection = connected(path)
        threading.Thread(target=lambda: (asked.wait(10), connection.abort()), daemon=True).start()
        with pytest.raises(Broken):
            ask(connection, 30)
        done.set()


def test_the_first_place_where_somebody_listens_is_taken(tmp_path: Path, connected: Connect) -> None:
    (tmp_path / "file").touch()
    with answering(tmp_path / "s", says(OK)) as path:
        connection = connected(tmp_path / "none", tmp_path / "file", path)
        assert connection.at == path
        ask(connection)


def test_nobody_anywhere_names_every_place_and_why(tmp_path: Path) -> None:
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(tmp_path / "stale"))
    stale.close()
    connection = Connection([tmp_path / "none", tmp_path / "stale", Path("/" + "x" * 200)], time.monotonic)
    with pytest.raises(Unreachable) as caught:
        connection.open(1)
    for word in ("none (No such file", "stale (Connection refused", "xxx (AF_UNIX path too long"):
        assert word in str(caught.value)


def test_a_directory_that_somebody_else_made_where_anybody_could_is_not_trusted(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can make a directory of another user")
    shared = tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    theirs = shared / "inspan-0"
    theirs.mkdir()
    os.chown(theirs, 12345, 12345)
    with answering(theirs / "s", lambda _: None) as path:
        with pytest.raises(Unreachable, match="belongs to user 12345"):
            Connection([path], time.monotonic).open(1)
        with socket.socket(socket.AF_UNIX) as ours:
            ours.connect(str(path))
