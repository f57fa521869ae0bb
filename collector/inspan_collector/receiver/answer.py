"""HTTP answers, prebuilt: writing one is a single `transport.write`. And the answer that is not known yet."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final

import msgspec

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_BODILESS: Final = (204, 304)  # RFC 9110, 8.6: a 204 must not carry content-length
_STATUS_LINES: Final = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus}


class Answer(msgspec.Struct, frozen=True, gc=False):
    """One HTTP response as bytes, in both forms: one that keeps the connection, one that announces its end."""

    status: int
    keep: bytes
    close: bytes

    @classmethod
    def make(
        cls, status: int, body: bytes = b"", content_type: str = "text/plain", headers: Sequence[tuple[str, str]] = ()
    ) -> "Answer":
        """Build both forms. headers: extra ones, names and values in Latin-1 and without line breaks."""
        lines = [f"{name}: {value}\r\n" for name, value in headers]
        if status not in _BODILESS:
            lines.append(f"content-type: {content_type}\r\ncontent-length: {len(body)}\r\n")
        head = _STATUS_LINES[status] + "".join(lines).encode("latin-1")
        return cls(status, head + b"\r\n" + body, head + b"connection: close\r\n\r\n" + body)

    def close_without_body(self) -> bytes:
        """The closing form as HEAD wants it (RFC 9110, 9.3.2)."""
        return self.close.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


class Awaited:
    """An answer that comes later, on the loop: `give` it once. Until then `answer` is None."""

    __slots__ = ("_heard", "answer")

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self._heard: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return f"<Awaited {'nothing yet' if self.answer is None else self.answer.status}>"

    def give(self, answer: Answer) -> None:
        """Now it is known."""
        self.answer = answer
        if self._heard is not None:
            self._heard()

    def hear(self, heard: Callable[[], None] | None) -> None:
        """Call this when it is known; None where nobody is there any more to be answered."""
        self._heard = heard
