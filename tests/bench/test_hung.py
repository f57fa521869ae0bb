"""An upstream that hangs."""

import socket
from urllib.parse import urlsplit

import pytest
from bench.hung import hung


def test_it_makes_connections_takes_what_the_kernel_takes_and_answers_nothing() -> None:
    with hung() as url:
        parts = urlsplit(url)
        assert parts.hostname is not None
        with socket.create_connection((parts.hostname, parts.port or 0), timeout=1) as sock:
            sock.settimeout(0.05)
            sock.sendall(b"PUT /v5/spans/batch HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n")
            with pytest.raises(TimeoutError):
                sock.recv(1)


def test_it_is_gone_when_it_is_left() -> None:
    with hung() as url:
        port = urlsplit(url).port or 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
