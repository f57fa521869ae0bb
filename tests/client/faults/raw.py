"""A unix server that misbehaves as a test says, on any number of connections, for as long as the test lasts."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec


class Request(msgspec.Struct):
    """One that came whole. number: its place among all of the server's, from 0."""

    path: str
    headers: dict[str, str]
    body: bytes
    number: int


class Hang(Exception):
    """Say nothing more on this connection, and keep it."""


# What to send for a request; None: end the connection without a word.
Answers = Callable[[Request], bytes | None]


def answer(status: int, body: bytes = b"{}", *headers: str) -> bytes:
    """An ordinary one."""
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def taken(request: Request) -> bytes:
    """What a sidecar says to spans, and to those who tell it of themselves."""
    if request.path == "/v1/agents":
        return answer(201)
    if request.path.startswith("/v1/agents/"):
        return answer(204, b"")
    return answer(202, b'{"accepted": 1}')


class Raw:
    """Runs in threads of the test. spans: ids that came in posts answered with success, in order. told: what came on
    other paths, decoded."""

    def __init__(self, path: Path, answers: Answers = taken) -> None:
        self.path = path
        self.answers = answers
        self.requests: list[Request] = []
        self.spans: list[str] = []
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._over = threading.Event()

    def __enter__(self) -> "Raw":
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.end_connections()
        self.path.unlink(missing_ok=True)

    def end_connections(self) -> None:
        """All that are open now."""
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def speak(self, words: bytes) -> None:
        """Say something, unasked, on all that are open now."""
        with self._lock:
            for each in self._open:
                with contextlib.suppress(OSError):
                    each.sendall(words)

    def at(self, *, path: str) -> list[Request]:
        """Requests to a path that begins so."""
        return [each for each in [*self.requests] if each.path.startswith(path)]

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = self._listener.accept()[0]
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        with connection, contextlib.suppress(OSError):
            try:
                self._converse(connection)
            except Hang:
                self._over.wait()
        with self._lock:
            self._open.discard(connection)

    def _converse(self, connection: socket.socket) -> None:
        for request in self._read(connection):
            said = self.answers(request)
            if said is None:
                return
            self._note(request, said)
            connection.sendall(said)
            if b"connection: close" in said:
                return

    def _note(self, request: Request, said: bytes) -> None:
        if request.path.startswith("/v1/agents"):
            self.told.append((request.path, json.loads(request.body)))
        elif said.startswith(b"HTTP/1.1 2"):
            self.spans += [span["id"] for span in json.loads(request.body)]

    def _read(self, connection: socket.socket) -> Iterator[Request]:
        received = b""
        while True:
            while b"\r\n\r\n" not in received:
                if not (more := connection.recv(1 << 16)):
                    return
                received += more
            head, _, received = received.partition(b"\r\n\r\n")
            first, *lines = head.decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            length = int(headers["content-length"])
            while len(received) < length:
                if not (more := connection.recv(1 << 16)):
                    return
                received += more
            with self._lock:
                request = Request(first.split(" ")[1], headers, received[:length], len(self.requests))
                self.requests.append(request)
            received = received[length:]
            yield request
