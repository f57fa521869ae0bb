"""A real HTTP server that answers as a test says, on a unix socket as a sidecar or on loopback as its upstream."""

import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self

from inspan.wire import AGENT, AGENTS, SEQUENCE, TRACES


class Post(NamedTuple):
    """One request for spans. turn: from 0 on, the how many-th of all. key: what makes it a re-post."""

    turn: int
    key: tuple[str, str]
    body: bytes


class Reply(NamedTuple):
    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012  never changed
    body: bytes = b""


Script = Callable[[Post], Reply]


def take(_: Post) -> Reply:
    return Reply()


class Scripted:
    """`with Scripted(path) as sidecar:` answers posts of spans by `script`, and everything about agents with success.

    path: of the socket; None: a free loopback port. posts: all that came. taken: the bodies that were answered 200,
    each once, as of a sidecar that remembers its re-posts. told: what was said of agents.
    """

    def __init__(self, path: Path | None, script: Script = take) -> None:
        self.path = path
        self.script = script
        self.posts: list[Post] = []
        self.taken: dict[tuple[str, str], bytes] = {}
        self.told: list[bytes] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        outer = self

        class Exchange(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one write for head and body

            def do_POST(self) -> None:
                reply = outer.answer(self.path, self.headers, self.rfile.read(int(self.headers["content-length"])))
                self.send_response(reply.status)
                for name, value in {"content-length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, *_: object) -> None:
                pass

        self._server: socketserver.BaseServer
        if self.path is None:
            self._server = ThreadingHTTPServer(("127.0.0.1", 0), Exchange)
        else:
            self._server = _Unix(str(self.path), Exchange)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        address: Any = self._server.server_address
        return f"http://127.0.0.1:{address[1]}{TRACES}"

    def answer(self, path: str, headers: Any, body: bytes) -> Reply:
        if path.startswith(AGENTS):
            self.told.append(body)
            return Reply(201 if path == AGENTS else 204)
        assert path == TRACES, path
        with self._lock:
            count = len(self.posts)
            post = Post(count, (headers.get(AGENT, ""), headers.get(SEQUENCE, str(count))), body)
            self.posts.append(post)
        reply = self.script(post)
        if reply.status == 200:
            self.taken[post.key] = body
        return reply


class _Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
