"""Behind the HTTP: from a head and a body to an offer, and from its outcome to an answer in the dialect's own shape."""

from collections.abc import Callable, Collection, Hashable
from typing import Final, Protocol

from inspan.wire import ACCOUNT, CUSTODY
from inspan_collector.errors import InspanError, MalformedChunk, TooLarge, UnsupportedEncoding
from inspan_collector.formats import FORMATS, Scan
from inspan_collector.inflate import ENCODINGS, inflate
from inspan_collector.ledger import QueueRefusal
from inspan_collector.memory import Memory
from inspan_collector.pledge import Pledge
from inspan_collector.receiver.answer import Answer, Awaited
from inspan_collector.receiver.asks import ACK_KEY, AGENT_KEY, SEQUENCE_KEY, Asks, MalformedAsk, read_asks
from inspan_collector.receiver.dialects import ROUTES, Dialect, Reading, Refusal
from inspan_collector.receiver.posts import Posts
from inspan_collector.receiver.refusing import Limits, Refusing, content_type_of
from inspan_collector.receiver.seam import Head
from inspan_collector.receiver.waits import ACCEPTED, DURABLE, Promise, Waits

__all__ = ["Door", "Limits"]

ACK_TIMEOUT: Final = 5.0  # s; half of what SDKs wait for an answer

NO_SPOOL: Final = "a durable acknowledgement needs a spool, and none is configured; ask for accepted"

_ACCOUNT: Final = ACCOUNT.lower().encode()
_CUSTODY: Final = CUSTODY.lower()


class Offer(Protocol):
    """How spans are taken: None, or why not. `reserved` bytes of custody go with them where they are taken.

    pledge: None, or told of every write that must be durable. One that was refused is not heard any more.
    """

    def __call__(
        self, format: str, body: bytes, scan: Scan, agent: Hashable, reserved: int, pledge: Pledge | None
    ) -> QueueRefusal | None: ...


class NoRoom(InspanError):
    """The byte budget has no room for what a body inflated to."""


class Door(Refusing):
    """Answers every request, at once where it asks for no more than to be taken, and books every one.

    takes: formats that some destination takes. accounts: SGP accounts that the destinations write to. fill: 0 to 1, how
    full the queue is. note: told of every refusal, with its kind, the dialect and the message. durable: None, or why no
    durable acknowledgement can be given now. ack_timeout: seconds that one is waited for.
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
        durable: Callable[[], str | None] = lambda: NO_SPOOL,
        ack_timeout: float = ACK_TIMEOUT,
    ) -> None:
        super().__init__(limits, takes=takes, fill=fill, note=note)
        self.offer = offer
        self.memory = memory
        self.accounts = [account.encode() for account in accounts]
        self.durable = durable
        self.waits = Waits(ack_timeout, self.bug)
        self.posts = Posts()
        self.draining = True  # until the service is ready
        self._prebuilt: tuple[dict[str, Answer], dict[str, Answer]] = ({}, {})  # accepted, durable; by content type

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
        content_type = content_type_of(head)
        if dialect.formats.get(content_type) not in self.takes:
            return self._refuse(head, self._unsupported(dialect, content_type))
        headers = head.headers
        if b"content-encoding" in headers and headers[b"content-encoding"].lower() not in ENCODINGS:
            known = ", ".join(name.decode() for name in ENCODINGS)
            return self._refuse(head, Refusal(415, "unsupported", f"content-encoding must be one of {known}"))
        if _ACCOUNT in headers and self.accounts and headers[_ACCOUNT] not in self.accounts:
            message = "spans are written to the sidecar's own account; send them without another one's id"
            return self._refuse(head, Refusal(403, "tenant", message))
        if ACK_KEY in headers or AGENT_KEY in headers or SEQUENCE_KEY in headers:
            return self._heed(head)
        return None

    def _heed(self, head: Head) -> Answer | None:
        """Read what the request asks beyond being taken."""
        try:
            head.asks = asks = read_asks(head.headers)
        except MalformedAsk as error:
            return self._refuse(head, Refusal(400, "malformed", str(error)))
        # A post that we have had is answered from what we know of it, and asks nothing of the disk.
        if asks is not None and asks.durable and asks.post not in self.posts:
            why = self.durable()
            if why is not None:
                return self._refuse(head, Refusal(503, "not_durable", why))
        return None

    # With the body

    def handle(self, head: Head, body: bytes) -> Answer | Awaited:
        """Read, offer, answer."""
        dialect = ROUTES[head.path]
        self.receptions[dialect.name].bytes += len(body)
        content_type = content_type_of(head)
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

    def _take_culled(self, head: Head, dialect: Dialect, content_type: str, reading: Reading) -> Answer | Awaited:
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
    ) -> Answer | Awaited:
        asks = head.asks
        if asks is not None:
            success = self._success(dialect, content_type, reading, culled, message, durable=asks.durable)
            return self._take_as_asked(head, asks, reading, culled, success)
        spans = reading.scan.spans
        if spans:
            refusal = self.offer(reading.format, reading.body, reading.scan, head.agent, head.budget, None)
            if refusal is not None:
                return self._full(head, refusal, spans + culled)
            head.budget = 0
        reception = self.receptions[dialect.name]
        reception.accept(spans)
        if culled:
            reception.refuse(culled, "too_large")
        answer = self._success(dialect, content_type, reading, culled, message, durable=False)
        reception.requests[answer.status] = reception.requests.get(answer.status, 0) + 1
        return answer

    def _success(
        self, dialect: Dialect, content_type: str, reading: Reading, culled: int, message: str, *, durable: bool
    ) -> Answer:
        """What is said of spans taken. One that is the same for every request is built once."""
        prebuilt = self._prebuilt[durable]
        constant = dialect.constant and not culled
        answer = prebuilt.get(content_type) if constant else None
        if answer is None:
            status, spoken, said = dialect.success(content_type, reading, culled, message)
            answer = Answer.make(status, said, spoken, [(_CUSTODY, "durable")] if durable else [])
            if constant:
                prebuilt[content_type] = answer
        return answer

    # What was asked for beyond being taken

    def _take_as_asked(
        self, head: Head, asks: Asks, reading: Reading, culled: int, success: Answer
    ) -> Answer | Awaited:
        spans = reading.scan.spans
        promise = self.posts.find(asks.post) if asks.post is not None else None
        if promise is not None:
            self.posts.reposted += 1
            spans = culled = 0  # these were booked with the first
        elif not spans:
            promise = DURABLE  # there is nothing that could be lost
        else:
            offered = self._offer_as_asked(head, asks, reading)
            if isinstance(offered, str):
                return self._full(head, offered, spans + culled)
            promise = offered
        reception = self.receptions[ROUTES[head.path].name]

        def compose(kept: bool | None) -> Answer:  # not with `reading`: its body may be gone
            reception.accept(spans)
            reception.refuse(culled, "too_large")
            if not kept and asks.durable:
                return self._only_accepted(head, kept, self.waits.timeout)
            reception.requests[success.status] = reception.requests.get(success.status, 0) + 1
            return success

        return self.waits.answer(promise, compose) if asks.durable else compose(None)

    def _offer_as_asked(self, head: Head, asks: Asks, reading: Reading) -> Promise | QueueRefusal:
        promise = Promise() if asks.durable else ACCEPTED
        pledge = Pledge(promise.settle, asks.post) if asks.durable else None
        refusal = self.offer(reading.format, reading.body, reading.scan, head.agent, head.budget, pledge)
        if refusal is not None:
            return refusal
        head.budget = 0
        if asks.post is not None:
            self.posts.take(asks.post, promise)
        if pledge is not None:
            pledge.close()
        return promise
