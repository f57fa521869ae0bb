"""Spans of agentex-sdk in every shape, and an upstream that catches what is made of them."""

# mypy: disable-error-code="import-not-found, misc"
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar

from agentex.lib.core.tracing.span_error import set_span_error
from agentex.types.span import Span


class Catching(BaseHTTPRequestHandler):
    """Answers as SGP does. bodies: of all that was put."""

    bodies: ClassVar[list[dict[str, Any]]] = []

    def do_PUT(self) -> None:
        self.bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"items": [], "object": "list"}')

    def log_message(self, *_: object) -> None: ...


def samples(*, ended: bool = False) -> Iterator[Span]:
    """Every shape of input, output and data, with errors, parents, observability ids."""
    start = datetime(2026, 5, 4, 3, 2, 1, 123456, tzinfo=UTC)
    data: list[Any] = [
        None,
        {},
        {"__span_type__": "COMPLETION", "k": [1, None, 2.5, "☃"]},
        {"obs_trace_id": "0" * 32, "obs_span_id": "1" * 16},
        [{"list": "shaped"}],
        [],
        {"__error__": {"type": "T", "message": "M", "category": "platform"}},
        {"__error__": {"type": "T", "message": ""}},
        {"__error__": "not an object", "__source__": "mine", "error": "mine"},
    ]
    for number, each in enumerate(data):
        span = Span(
            id=f"s{number}",
            name=f"n{number}",
            start_time=start,
            trace_id="task",
            data=each,
            input=(None, {}, {"i": "\n"}, [{"i": 1}], [])[number % 5],
            output=(None, {"o": {"deep": [{}]}}, [{"o": 1}])[number % 3] if ended else None,
            parent_id="p" if number % 2 else None,
            task_id="task",
            end_time=start + timedelta(milliseconds=number) if ended else None,
        )
        if number == 3:
            set_span_error(span, ValueError("raised"))
        yield span
