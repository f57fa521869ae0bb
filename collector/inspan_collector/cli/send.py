"""`inspan send FILE|-`: spans of a file to a sidecar, for scripts and for trying things out."""

import argparse
import http.client
import json
import socket
import sys
from pathlib import Path
from typing import Any, Final

from inspan.wire import SPANS, TRACES, default_socket
from inspan_collector.cli.terminal import add_json, safe_lines, say, say_json

TIMEOUT: Final = 30.0  # s
TYPES: Final = {
    ".pb": (TRACES, "application/x-protobuf"),
    ".ndjson": (SPANS, "application/x-ndjson"),
    ".jsonl": (SPANS, "application/x-ndjson"),
    ".json": (SPANS, "application/json"),
}


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout: float = TIMEOUT) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        """Connect to the path instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("file", metavar="FILE", help="- for standard input")
    parser.add_argument("--socket", type=Path, help="default: $INSPAN_SOCKET, else where the sidecar puts it")
    parser.add_argument("--path", help=f"{TRACES} or {SPANS}; default: by what the file looks like")
    parser.add_argument("--content-type", help="default: by what the file looks like")
    add_json(parser)


def looks_like(name: str, body: bytes) -> tuple[str, str]:
    """(path, content type) of a body, by its beginning and its file's name."""
    begin = body.lstrip()[:200]
    if begin.startswith(b"{") and (b'"resourceSpans"' in begin or b'"resource_spans"' in begin):
        return TRACES, "application/json"
    if begin.startswith(b"[") or b'"spans"' in begin[:20]:
        return SPANS, "application/json"
    if begin.startswith(b"{"):
        return SPANS, "application/x-ndjson"
    return TYPES.get(Path(name).suffix, (TRACES, "application/x-protobuf"))


def execute(arguments: argparse.Namespace) -> int:
    """Run the command. Returns the exit code."""
    try:
        body = sys.stdin.buffer.read() if arguments.file == "-" else Path(arguments.file).read_bytes()
    except OSError as error:
        sys.stderr.write(f"inspan send: {arguments.file}: {error.strerror}\n")
        return 2
    path, content_type = looks_like(arguments.file, body)
    where = arguments.socket or default_socket()
    connection = UnixConnection(where)
    try:
        connection.request(
            "POST", arguments.path or path, body, {"content-type": arguments.content_type or content_type}
        )
        answer = connection.getresponse()
        words = answer.read()
    except OSError as error:
        sys.stderr.write(f"inspan send: {where}: {error.strerror or error}; is a sidecar running (inspan run)?\n")
        return 1
    finally:
        connection.close()
    if arguments.json:
        say_json({"status": answer.status, "reason": answer.reason, "answer": _said(words)})
    else:
        say(f"{answer.status} {answer.reason}")
        if words:
            from inspan_collector.formats.otlp_answer import said  # here: who is taken has no use for protobuf

            say(safe_lines(said(answer.headers.get("content-type", ""), words)))
    return 0 if answer.status < 300 else 1


def _said(words: bytes) -> Any:
    """What the sidecar answered: JSON as it is, else as text; None for nothing."""
    try:
        return json.loads(words) if words else None
    except ValueError:
        return words.decode("utf-8", "backslashreplace")
