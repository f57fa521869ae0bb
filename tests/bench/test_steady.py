"""The load that keeps its rate, whatever it is answered."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.load import post
from bench.steady import Steady, run

TAKEN = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
FULL = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n"


@pytest.fixture
def every_other(tmp_path: Path) -> Iterator[str]:
    """A target that takes every other post of one connection."""
    path, request = tmp_path / "s", post(b"body")

    def serve() -> None:
        with listening, listening.accept()[0] as connection, connection.makefile("rb") as reader:
            answers = [TAKEN, FULL]
            while reader.read(len(request)):
                connection.sendall(answers[0])
                answers.reverse()

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"unix:{path}"
        thread.join()


def test_what_is_refused_is_counted_and_not_sent_again(every_other: str) -> None:
    ran = run(every_other, [post(b"body")], rate=1000, seconds=0.02)
    assert (ran.posts, ran.refused) == (20, 10)


def test_no_rate_is_no_post(every_other: str) -> None:
    assert run(every_other, [post(b"body")], rate=0, seconds=0) == Steady(0, 0, pytest.approx(0, abs=1))
