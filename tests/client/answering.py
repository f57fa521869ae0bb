"""A unix socket that answers as a test says, byte by byte."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Serve = Callable[[socket.socket], None]


@contextmanager
def answering(path: Path, *serves: Serve) -> Iterator[Path]:
    """The first connection is served by the first, and so on; the socket is there until the last has been served."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    listener.settimeout(10)

    def run() -> None:
        with listener:
            for serve in serves:
                connection = listener.accept()[0]
                with connection:
                    connection.settimeout(10)
                    serve(connection)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield path
        thread.join(10)
        assert not thread.is_alive(), "it still waits to be asked"
    finally:
        listener.close()


def request(connection: socket.socket) -> bytes:
    """One request, whole. Raises ConnectionResetError where there is no more."""
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65536)
        if not more:
            raise ConnectionResetError
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def says(*pieces: bytes) -> Serve:
    """Reads one request, and answers with these bytes."""

    def serve(connection: socket.socket) -> None:
        request(connection)
        for piece in pieces:
            connection.sendall(piece)

    return serve
