"""An upstream that repeats whatever it was sent, in every answer it gives, as bad servers and their proxies do."""

import base64
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from itertools import chain, count
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

# Below /turns, one after the other for each path. 0: no HTTP, and -1: the end in the middle of an answer.
TURNS: Final = (500, 429, 0, 503, -1)
PAUSING: Final = (302, 401, 403, 404)  # below /401 always, and so on


class Echo:
    """`with Echo() as echo:` refuses as its paths say. seen: what came, path and headers."""

    def __init__(self) -> None:
        self.turns: dict[str, Iterator[int]] = {}
        self.seen: list[str] = []

    def __enter__(self) -> Self:
        echo = self

        class Answering(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Nothing: the test says what it saw."""

            def __getattr__(self, name: str) -> Callable[[], None]:
                if not name.startswith("do_"):
                    raise AttributeError(name)
                return lambda: echo.answer(self, self.rfile.read(int(self.headers.get("content-length", 0))))

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=[0.01])
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, request: Any, body: bytes) -> None:
        """One answer, which says all that came."""
        said = f"{request.path} {dict(request.headers)}"
        self.seen.append(said)
        quoted = {"path": request.path, "headers": dict(request.headers), "body": body.decode("latin-1")}
        words = json.dumps(quoted).encode()
        words += b" " + quote(said).encode() + b" " + base64.b64encode(said.encode())
        if len(self.seen) % 2:  # only the first few hundred characters are kept
            words = str(request.headers).encode() + words
        path = request.path.partition("?")[0]
        place = path.split("/")[1]
        status = 422 if b"poison" in body else int(place) if place.isdecimal() else self._turn(path)
        if status == 0:
            request.wfile.write(b"HTTP/1.1 " + str(dict(request.headers)).encode() + b" no\r\n\r\n")
        else:
            self._write(request, status, words)
        if status <= 0:
            request.close_connection = True

    def _turn(self, path: str) -> int:
        return next(self.turns.setdefault(path, chain(TURNS, (200 for _ in count()))))

    def _write(self, request: Any, status: int, words: bytes) -> None:
        if status == 200:
            partial = {"partialSuccess": {"rejectedSpans": 0, "errorMessage": words.decode("latin-1")[:500]}}
            words = json.dumps(partial).encode()
        request.send_response(abs(status) if status > 0 else 200)
        request.send_header("content-type", "application/json")
        request.send_header("content-length", str(len(words) + (1000 if status < 0 else 0)))
        request.send_header("location", f"{self.url}/elsewhere/{quote(str(dict(request.headers)))}?{request.path}")
        request.send_header("x-echo", quote(str(dict(request.headers))))
        request.end_headers()
        request.wfile.write(words)
