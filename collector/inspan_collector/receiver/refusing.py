"""Every answer that leaves the spans with the agent: booked, noted, in the dialect's own shape, and with what to do."""

import logging
from collections.abc import Callable, Collection, Sequence
from typing import Final

import msgspec

from inspan.wire import AGENT, CUSTODY, QUEUE_FILL, SEQUENCE
from inspan_collector.ledger import QueueRefusal, Reception
from inspan_collector.receiver.answer import Answer
from inspan_collector.receiver.dialects import NAMES, ROUTES, Dialect, Refusal, liveness, refusing
from inspan_collector.receiver.dialects import spans as spans_dialect
from inspan_collector.receiver.seam import Head

RETRY: Final = (("retry-after", "1"), ("retry-after-ms", "500"))  # SDKs give up after 10 s: far below that

_KNOWN: Final = {spoken.encode(): spoken for dialect in ROUTES.values() for spoken in dialect.formats}

log = logging.getLogger("inspan.receiver")


class Limits(msgspec.Struct, frozen=True):
    """Bytes."""

    max_request_bytes: int
    max_span_bytes: int


class Refusing:
    """How a request is refused. For the arguments see `Door`."""

    def __init__(
        self,
        limits: Limits,
        *,
        takes: Collection[str],
        fill: Callable[[], float],
        note: Callable[[str, str, str], None],
    ) -> None:
        self.limits = limits
        self.takes = takes
        self.fill = fill
        self.note = note
        self.receptions = {name: Reception(name) for name in NAMES}

    def too_large(self, head: Head) -> Answer:
        """The body is over the limit of a request, as sent or inflated."""
        message = f"the body is over {self.limits.max_request_bytes} bytes; send fewer spans in a request"
        return self._refuse(head, Refusal(413, "too_large", message))

    def no_memory(self, head: Head) -> Answer | None:
        """The byte budget is spent. None for what agents tell of themselves."""
        # They lose spans just then, and some end: with 16 KiB on each connection they are heard.
        small = head.body_size is not None and liveness.read_path(head.path) is not None
        return None if small else self._no_room(head)

    def _no_room(self, head: Head) -> Answer:
        return self._full(head, "queue_full", 0)

    def malformed(self, why: str) -> Answer:
        """Not HTTP."""
        return self._refuse(None, Refusal(400, "malformed", why))

    def timed_out(self) -> Answer:
        """Bytes that did not come."""
        return self._refuse(None, Refusal(408, "timeout", "the request did not arrive in time; send it in one go"))

    def too_many(self) -> Answer:
        """Connections."""
        message = "too many connections, all of them busy; keep one open for each process"
        return self._refuse(None, Refusal(503, "too_many_connections", message))

    def forbidden(self) -> Answer:
        """A stranger."""
        return self._refuse(None, Refusal(403, "not_allowed", "this user may not post here; see socket.allow_uids"))

    def bug(self, error: BaseException) -> Answer:
        """We failed."""
        log.error("a defect of inspan, please report it", exc_info=error)
        return self._refuse(None, Refusal(503, "bug", "inspan failed on this request; it was logged"))

    def _unsupported(self, dialect: Dialect, content_type: str) -> Refusal:
        spoken = [spoken for spoken, form in dialect.formats.items() if form in self.takes]
        ways = [
            f"{path} with {spoken}"
            for path, other in ROUTES.items()
            for spoken, form in other.formats.items()
            if form in self.takes
        ]
        if content_type in dialect.formats or not spoken:
            message = f"no destination takes this; what would work: {'; '.join(ways)}"
        else:
            message = f"content-type {content_type[:80] or 'missing'!r}: use {' or '.join(spoken)}"
        return Refusal(415, "unsupported", message)

    def _full(self, head: Head, reason: QueueRefusal, spans: int) -> Answer:
        if reason == "too_large":
            message = "the request is larger than the whole queue; send fewer spans in a request"
            return self._refuse(head, Refusal(413, reason, message), spans=spans)
        message = {
            "queue_full": "the queue is full, or the memory budget; wait as retry-after says and send the same again",
            "fair_share": "this agent holds more than its share of a filling queue; wait and send the same again",
        }[reason]
        fill = (QUEUE_FILL.lower(), f"{self.fill():.2f}")
        return self._refuse(head, Refusal(429, reason, message), spans=spans, headers=[fill])

    def _only_accepted(self, head: Head, kept: bool | None, waited: float) -> Answer:
        """We have the spans, and not the promise that was wished for. kept: None where it may still come."""
        if kept is None:
            message = (
                f"held and sent, but not known to be on disk after {waited:g} s; with {AGENT} and {SEQUENCE} the same "
                "post may ask again, without them it would be taken twice"
            )
        else:
            message = (
                f"held and sent, but not on disk, so a crash would cost them; under a new {SEQUENCE} they are written, "
                "and may be delivered twice"
            )
        return self._refuse(head, Refusal(503, "not_durable", message), headers=[(CUSTODY.lower(), "accepted")])

    def _refuse(
        self, head: Head | None, refusal: Refusal, *, spans: int = 0, headers: Sequence[tuple[str, str]] = ()
    ) -> Answer:
        """Book a refusal and say it. spans: how many, where they were counted."""
        dialect = refusing(head.path) if head is not None else None
        reception = self.receptions[dialect.name if dialect is not None else "unknown"]
        reception.refuse_request(refusal.status, refusal.reason, spans)
        self.note(f"refused_{refusal.reason}", reception.dialect, f"{refusal.status}: {refusal.message}")
        content_type = "" if head is None else content_type_of(head)
        spoken, said = (dialect or spans_dialect).failure(content_type, refusal)
        if refusal.status in (429, 503):
            headers = [*RETRY, *headers]
        return Answer.make(refusal.status, said, spoken, headers)


def content_type_of(head: Head) -> str:
    """Without parameters: charset says nothing new of JSON, and nothing at all of protobuf."""
    value = head.headers.get(b"content-type", b"")
    return _KNOWN.get(value) or value.partition(b";")[0].strip().lower().decode("latin-1")
