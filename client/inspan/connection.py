"""One kept-alive connection to the sidecar: HTTP/1.1 over a unix socket, as much of it as a sidecar answers with.

Not http.client, which takes 20 ms to import and 100 µs of CPU a request, where a post has some 60 µs in all to spend.
Timeouts are the kernel's (SO_SNDTIMEO, SO_RCVTIMEO of socket(7)): Python's own would poll before each call, and give up
the interpreter's lock for it, which a busy agent takes 5 ms to give back.
"""

import contextlib
import os
import select
import socket
import stat
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from inspan.answer import Answer

MAX_HEAD: Final = 64 * 1024  # bytes; ours are some 200
MAX_BODY: Final = 1024 * 1024  # bytes; ours are some 100, an error may quote what it refuses
ONE_WRITE: Final = 64 * 1024  # bytes up to which a copy is cheaper than a second piece
KNOWN: Final = 64  # answers that need not be read again
KNOWN_BYTES: Final = 512  # of one
# Bytes of one call, in which the kernel's timeout begins anew with each 32 KiB that it takes: smaller ones are more
# punctual, but after each a busy agent's thread has the interpreter for 5 ms.
PIECE: Final = 256 * 1024
LEAST: Final = 0.001  # s; a kernel timeout of 0 would be none

_TIMEVAL: Final = struct.Struct("@ll")  # struct timeval: seconds, microseconds


class Unreachable(Exception):
    """No sidecar answers. The message says where we looked."""


class Broken(Exception):
    """The connection ended, took too long, or brought what no sidecar answers. What was asked may have been done.

    stale: it had been used before, and ended before a byte came: the sidecar closes connections that are idle.
    """

    def __init__(self, why: str, *, stale: bool = False) -> None:
        super().__init__(why)
        self.stale = stale


class Connection:
    """Opened when it is needed, and anew when it broke. Used by one thread; `abort` by
    others, and `close` by a forked child, which ends its own half.

    places: where to look for the socket, first things first, at each try. clock: seconds that only grow.
    """

    def __init__(self, places: Sequence[Path], clock: Callable[[], float]) -> None:
        self.places = places
        self.opened = 0
        self.at: Path | None = None
        self._clock = clock
        self._socket: socket.socket | None = None
        self._poll = select.poll()
        self._used = False
        self._half = False  # the request went only in part
        self._timeout = 0.0  # what the socket has
        self._known: dict[bytes, Answer] = {}  # a sidecar says few things, over and over

    def __repr__(self) -> str:
        return f"<Connection {'closed' if self._socket is None else self.at} opened {self.opened}>"

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def open(self, timeout: float) -> None:
        """Connect to the first place where somebody listens. Raises Unreachable."""
        why = []
        for place in self.places:
            try:
                _trust(place)
                self._socket = _connect(place, timeout)
            except OSError as error:
                why.append(f"{place} ({error.strerror or error})")
                continue
            self.at = place
            self.opened += 1
            self._used = False
            self._timeout = 0.0
            self._poll = select.poll()
            self._poll.register(self._socket, select.POLLIN)
            return
        raise Unreachable(f"no sidecar at {', '.join(why)}")

    def ask(self, head: bytes, body: bytes, timeout: float) -> Answer:
        """One request and its answer, within `timeout` seconds each. Raises Broken, and is closed then."""
        self.send(head, body, timeout)
        return self.receive(timeout)

    def send(self, head: bytes, body: bytes, timeout: float) -> None:
        """A request, whose answer is to be received before the next. Raises Broken, and is closed then."""
        sock = self._opened()
        try:
            self._expect_nothing(sock)
            self._half = not self._send(sock, head, body, timeout)
        except OSError as error:
            raise self._broken(error, timeout, stale=self._used) from None

    def receive(self, timeout: float) -> Answer:
        """The answer to what was sent, within `timeout` seconds. Raises Broken, and is closed then."""
        sock = self._opened()
        used, self._used = self._used, True
        deadline = self._clock() + timeout
        received = b""
        try:
            received = self._some(sock, timeout)
            answer = self._known.get(received) or self._read(sock, received, deadline)
        except OSError as error:
            raise self._broken(error, timeout, stale=used and not received) from None
        except ValueError as error:
            self.close()
            raise Broken(f"this is no answer of a sidecar: {error}") from None
        if self._half:
            self.close()
        return answer

    def close(self) -> None:
        """Idempotent."""
        sock, self._socket = self._socket, None
        if sock is not None:
            sock.close()

    def abort(self) -> None:
        """End what another thread waits for here."""
        sock = self._socket
        if sock is not None:
            with contextlib.suppress(OSError):  # it ended by itself
                sock.shutdown(socket.SHUT_RDWR)

    def _opened(self) -> socket.socket:
        if self._socket is None:
            raise Broken("not connected")
        return self._socket

    def _broken(self, error: OSError, timeout: float, *, stale: bool) -> Broken:
        self.close()
        if isinstance(error, BlockingIOError | TimeoutError):
            return Broken(f"no answer within {timeout:g} s")
        return Broken(error.strerror or str(error), stale=stale)

    def _expect_nothing(self, sock: socket.socket) -> None:
        """Bytes that came since the last answer would pass for the next one. Raises ConnectionResetError."""
        if not self._used:
            return
        if self._poll.poll(0):  # and not recv, which would raise each time that all is well
            more = sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            raise ConnectionResetError("the sidecar spoke unasked" if more else "the sidecar ended the connection")

    def _send(self, sock: socket.socket, head: bytes, body: bytes, timeout: float) -> bool:
        """False: it did not want all of it. It may have answered all the same, as to what is too large."""
        deadline = self._clock() + timeout
        try:
            for content in (head + body,) if len(body) <= ONE_WRITE else (head, body):
                view = memoryview(content)
                while view:
                    # Without SIGPIPE, which ends an agent that has its default back.
                    self._within(sock, timeout)
                    view = view[sock.send(view[:PIECE], socket.MSG_NOSIGNAL) :]
                    timeout = deadline - self._clock() if view else timeout
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def _some(self, sock: socket.socket, timeout: float) -> bytes:
        self._within(sock, timeout)
        received = sock.recv(MAX_HEAD)
        if not received:
            raise ConnectionResetError("the sidecar ended the connection")
        return received

    def _within(self, sock: socket.socket, timeout: float) -> None:
        """Have the kernel wait no longer. Mostly it knows already."""
        if timeout <= 0:
            raise TimeoutError
        if timeout != self._timeout:
            _within(sock, socket.SO_SNDTIMEO, timeout)
            _within(sock, socket.SO_RCVTIMEO, timeout)
            self._timeout = timeout

    def _read(self, sock: socket.socket, received: bytes, deadline: float) -> Answer:
        """Raises ValueError for what is not HTTP, or more than we would want to hold."""
        while b"\r\n\r\n" not in received and len(received) <= MAX_HEAD:
            received += self._some(sock, deadline - self._clock())
        head, separator, body = received.partition(b"\r\n\r\n")
        if not separator:
            raise ValueError("a head without end")
        first, *lines = head.decode("ascii").split("\r\n")
        version, status, _ = f"{first}  ".split(" ", 2)
        if version not in ("HTTP/1.1", "HTTP/1.0") or len(status) != 3 or not status.isdigit():
            raise ValueError(f"it begins {first[:60]!r}")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = _length(headers, int(status))
        whole = len(body) == length
        while len(body) < length:
            body += self._some(sock, deadline - self._clock())
        if len(body) > length:
            raise ValueError("more than one answer to one request")
        answer = Answer(int(status), headers, body)
        if version == "HTTP/1.0" or headers.get("connection", "").lower() == "close":
            self.close()
        elif whole and len(received) <= KNOWN_BYTES and len(self._known) < KNOWN:
            self._known[received] = answer
        return answer


def _length(headers: dict[str, str], status: int) -> int:
    """Bytes of the body (RFC 9112 section 6.3). A sidecar knows them before it answers."""
    if status == 204:
        return 0
    text = headers.get("content-length", "")
    if not text.isdigit() or "transfer-encoding" in headers:
        raise ValueError("an answer without its length")
    if int(text) > MAX_BODY:
        raise ValueError(f"an answer of {text} bytes")
    return int(text)


def _connect(place: Path, timeout: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _within(sock, socket.SO_SNDTIMEO, timeout)  # which connect(2) keeps too, where the backlog is full
        sock.connect(str(place))
    except BaseException:
        sock.close()
        raise
    return sock


def _trust(place: Path) -> None:
    """In a directory that everybody may write to, only our own or root's: others could listen for what spans say.
    Raises OSError."""
    directory = place.parent.lstat()  # a link counts as who made it
    shared = place.parent.parent.stat().st_mode & (stat.S_ISVTX | stat.S_IWOTH)  # as /tmp is
    if shared and directory.st_uid not in (0, os.getuid()):
        raise PermissionError(
            None, f"{place.parent} belongs to user {directory.st_uid}, and anybody could have made it"
        )


def _within(sock: socket.socket, option: int, timeout: float) -> None:
    seconds = max(timeout, LEAST)
    whole = int(seconds)
    sock.setsockopt(socket.SOL_SOCKET, option, _TIMEVAL.pack(whole, int((seconds - whole) * 1e6)))
