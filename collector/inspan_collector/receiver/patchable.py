"""The spans that a PATCH may name: what it leaves unsaid is taken from here."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

# bytes; 6,000 open spans of 1 KB, where the largest agents measured have 500 open at a time. Beside the byte budget,
# which is for spans that somebody else has not yet: of these the upstream was told, or will be.
MAX_BYTES: Final = 8 << 20
OVERHEAD: Final = 256  # bytes of an entry beside its span: 206 were measured, and ids may be longer than a UUID


class Patchable:
    """Spans as they were written last, by id, in `max_bytes`. All of them were taken; none has a meaning for the books.

    Those that have ended make room first, the oldest first, then the oldest of those that have not.

    forgotten: spans without an end that had to go; forgot is told of each.
    """

    def __init__(self, forgot: Callable[[], None], max_bytes: int = MAX_BYTES) -> None:
        self.forgot = forgot
        self.max_bytes = max_bytes
        self.bytes = 0
        self.forgotten = 0
        # In the order in which they were last kept. A dict would be searched from its front for the oldest.
        self.open: OrderedDict[str, bytes] = OrderedDict()
        self.ended: OrderedDict[str, bytes] = OrderedDict()

    def __repr__(self) -> str:
        return (
            f"<Patchable {len(self.open)} open {len(self.ended)} ended {self.bytes} of {self.max_bytes} bytes, "
            f"{self.forgotten} forgotten>"
        )

    def find(self, span_id: str) -> bytes | None:
        """The span with this id, as it was kept last."""
        return self.open.get(span_id) or self.ended.get(span_id)

    def keep(self, span_id: str, span: bytes, *, ended: bool) -> None:
        """Remember a span that was taken. One that has ended is not opened again, as in a queue."""
        if not ended and span_id in self.ended:
            return
        self._drop(self.open, span_id)
        self._drop(self.ended, span_id)
        if len(span) + OVERHEAD > self.max_bytes:  # it would drive out all others, and then itself
            if not ended:
                self._forget()
            return
        (self.ended if ended else self.open)[span_id] = span
        self.bytes += len(span) + OVERHEAD
        while self.bytes > self.max_bytes:
            self._make_room()

    def _make_room(self) -> None:
        if self.ended:
            self._drop(self.ended, next(iter(self.ended)))
        else:
            self._drop(self.open, next(iter(self.open)))
            self._forget()

    def _forget(self) -> None:
        self.forgotten += 1
        self.forgot()

    def _drop(self, spans: OrderedDict[str, bytes], span_id: str) -> None:
        span = spans.pop(span_id, None)
        if span is not None:
            self.bytes -= len(span) + OVERHEAD
