"""Behind the HTTP: from a head and a body to an offer, and from its outcome to an answer in the dialect's own shape."""

import logging
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Final, Protocol

import msgspec

from inspan.wire import ACCOUNT, ACK, QUEUE_FILL
from inspan_collector.errors import InspanError, MalformedChunk, TooLarge, UnsupportedEncoding
from inspan_collector.formats import FORMATS, Scan
from inspan_collector.inflate import ENCODINGS, inflate
from inspan_collector.ledger import QueueRefusal, Reception
from inspan_collector.memory import Memory
from inspan_collector.receiver.answer import Answer
from inspan_collector.receiver.dialects import NAMES, ROUTES, Dialect, Reading, Refusal
from inspan_collector.receiver.dialects import spans as spans_dialect
from inspan_collector.receiver.seam import Head

RETRY: Final = (("retry-after", "1"), ("retry-after-ms", "500"))  # SDKs give up after 10 s: far below that

_KNOWN: Final = {spoken.encode(): spoken for dialect in ROUTES.values() for spoken in dialect.formats}
_ACK: Final = ACK.lower().encode()
_ACCOUNT: Final = ACCOUNT.lower().encode()

log = logging.getLogger("inspan.receiver")


class Offer(Protocol):
    """How spans are taken: None, or why not. `reserved` bytes of custody go with them where they are taken."""

    def __call__(self, format: str, body: bytes, scan: Scan, agent: Hashable, reserved: int) -> QueueRefusal | None: ...


class NoRoom(InspanError):
    """The byte budget has no room for what a body inflated to."""


class Limits(msgspec.Struct, frozen=True):
    """Bytes."""

    max_request_bytes: int
    max_span_bytes: int


class Door:
    """Answers every request at once, and books every one.

    takes: formats that some destination takes. accounts: SGP accounts that the destinations write to. fill: 0 to 1, how
    full the queue is. note: told of every refusal, with its kind, the dialect and the message.
    """

    def __init__(
        self,
        offer: Offer,
        memory: Memory,
        limits: Limits,
        *,
        takes: Collection[str],
        accounts: Collection[str] = (),
        fill: Callable[[], float],
        note: Callable[[str, str, str], None],
    ) -> None:
        self.offer = offer
        self.memory = memory
        self.limits = limits
        self.takes = takes
        self.accounts = [account.encode() for account in accounts]
        self.fill = fill
        self.note = note
        self.draining = True  # until the service is ready
        self.receptions = {name: Reception(name) for name in NAMES}
        self._prebuilt: dict[str, Answer] = {}

    def __repr__(self) -> str:
        return f"<Door {'shut' if self.draining else 'open'} {list(self.receptions.values())}>"

    # Before the body

    def admit(self, head: Head) -> Answer | None:
        """Refuse what the head alone shows to be hopeless."""
        dialect = ROUTES.get(head.path)
        if dialect is None:
            paths = ", ".join(ROUTES)
            return self._refuse(head, Refusal(404, "not_found", f"no such path here; spans go to {paths}"))
        if head.method not in dialect.methods:
            allowed = ", ".join(sorted(dialect.methods))
            refusal = Refusal(405, "not_found", f"{head.method} is not possible on {head.path}; use {allowed}")
            return self._refuse(head, refusal, headers=[("allow", allowed)])
        if self.draining:
            return self._refuse(head, Refusal(503, "draining", "inspan is starting or stopping; try again"))
        content_type = _content_type(head)
        if dialect.formats.get(content_type) not in self.takes:
            return self._refuse(head, self._unsupported(dialect, content_type))
        headers = head.headers
        if b"content-encoding" in headers and headers[b"content-encoding"].lower() not in ENCODINGS:
            known = ", ".join(name.decode() for name in ENCODINGS)
            return self._refuse(head, Refusal(415, "unsupported", f"content-encoding must be one of {known}"))
        if _ACCOUNT in headers and self.accounts and headers[_ACCOUNT] not in self.accounts:
            message = "spans are written to the sidecar's own account; send them without another one's id"
            return self._refuse(head, Refusal(403, "tenant", message))
        if _ACK in headers and headers[_ACK].lower() != b"accepted":
            message = "a durable acknowledgement needs a spool, and none is configured; ask for accepted"
            return self._refuse(head, Refusal(503, "not_durable", message))
        return None

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
            message = f"content-type {content_type or 'missing'!r}: use {' or '.join(spoken)}"
        return Refusal(415, "unsupported", message)

    # With the body

    def handle(self, head: Head, body: bytes) -> Answer:
        """Read, offer, answer."""
        dialect = ROUTES[head.path]
        self.receptions[dialect.name].bytes += len(body)
        content_type = _content_type(head)
        try:
            if b"content-encoding" in head.headers:
                body = self._inflated(head, body)
            reading = dialect.read(content_type, body)
        except MalformedChunk as error:
            return self._refuse(head, Refusal(400, "malformed", str(error)))
        except UnsupportedEncoding as error:
            return self._refuse(head, Refusal(415, "unsupported", str(error)))
        except TooLarge:
            return self.too_large(head) if self._room() == self.limits.max_request_bytes else self.no_memory(head)
        except NoRoom:
            return self.no_memory(head)
        if len(reading.body) > self.limits.max_span_bytes:
            return self._take_culled(head, dialect, content_type, reading)
        return self._take(head, dialect, content_type, reading)

    def _inflated(self, head: Head, body: bytes) -> bytes:
        """The plain body, with its own reservation in place of that of the compressed one."""
        plain = inflate(head.headers[b"content-encoding"].decode("latin-1").lower(), body, self._room())
        if not self.memory.reserve(len(plain)):
            raise NoRoom
        self.memory.release(head.budget)
        head.budget = len(plain)
        return plain

    def _room(self) -> int:
        return min(self.limits.max_request_bytes, self.memory.custody_limit - self.memory.custody)

    def _take_culled(self, head: Head, dialect: Dialect, content_type: str, reading: Reading) -> Answer:
        """Take a large body without the spans that are over their limit."""
        form = FORMATS[reading.format]
        body, kept, culled = form.cull(reading.body, self.limits.max_span_bytes)
        if not culled:
            return self._take(head, dialect, content_type, reading)
        message = (
            f"spans over {self.limits.max_span_bytes} bytes were refused; raise limits.max_span_bytes or send less"
        )
        if not kept:
            return self._refuse(head, Refusal(413, "too_large", message), spans=culled)
        self.memory.release(head.budget - len(body))
        head.budget = len(body)
        rest = Reading(reading.format, body, form.scan(body))
        return self._take(head, dialect, content_type, rest, culled, message)

    def _take(
        self, head: Head, dialect: Dialect, content_type: str, reading: Reading, culled: int = 0, message: str = ""
    ) -> Answer:
        spans = reading.scan.spans
        if spans:
            refusal = self.offer(reading.format, reading.body, reading.scan, head.agent, head.budget)
            if refusal is not None:
                return self._full(head, refusal, spans + culled)
            head.budget = 0
        reception = self.receptions[dialect.name]
        reception.accept(spans)
        if culled:
            reception.refuse(culled, "too_large")
        elif dialect.constant:
            return self._constant(reception, dialect, content_type, reading)
        status, spoken, said = dialect.success(content_type, reading, culled, message)
        reception.requests[status] = reception.requests.get(status, 0) + 1
        return Answer.make(status, said, spoken)

    def _constant(self, reception: Reception, dialect: Dialect, content_type: str, reading: Reading) -> Answer:
        """A success that is the same for every request is built once."""
        answer = self._prebuilt.get(content_type)
        if answer is None:
            status, spoken, said = dialect.success(content_type, reading, 0, "")
            answer = self._prebuilt[content_type] = Answer.make(status, said, spoken)
        reception.requests[answer.status] = reception.requests.get(answer.status, 0) + 1
        return answer

    # Refusals

    def too_large(self, head: Head) -> Answer:
        """The body is over the limit of a request, as sent or inflated."""
        message = f"the body is over {self.limits.max_request_bytes} bytes; send fewer spans in a request"
        return self._refuse(head, Refusal(413, "too_large", message))

    def no_memory(self, head: Head) -> Answer:
        """The byte budget is spent."""
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

    def _refuse(
        self, head: Head | None, refusal: Refusal, *, spans: int = 0, headers: Sequence[tuple[str, str]] = ()
    ) -> Answer:
        """Book a refusal and say it. spans: how many, where they were counted."""
        dialect = ROUTES.get(head.path) if head is not None else None
        reception = self.receptions[dialect.name if dialect is not None else "unknown"]
        reception.refuse_request(refusal.status, refusal.reason, spans)
        self.note(f"refused_{refusal.reason}", reception.dialect, f"{refusal.status}: {refusal.message}")
        content_type = "" if head is None else _content_type(head)
        spoken, said = (dialect or spans_dialect).failure(content_type, refusal)
        if refusal.status in (429, 503):
            headers = [*RETRY, *headers]
        return Answer.make(refusal.status, said, spoken, headers)


def _content_type(head: Head) -> str:
    """Without parameters: charset says nothing new of JSON, and nothing at all of protobuf."""
    value = head.headers.get(b"content-type", b"")
    return _KNOWN.get(value) or value.partition(b";")[0].strip().lower().decode("latin-1")
