"""Behind the HTTP: from a head and a body to an offer, and from its outcome to an answer in the dialect's own shape."""

from collections.abc import Callable, Collection
from typing import Final

from inspan.wire import CUSTODY
from inspan_collector.errors import InspanError, MalformedChunk, TooLarge, UnsupportedEncoding
from inspan_collector.formats import FORMATS
from inspan_collector.hosts import Hosts
from inspan_collector.inflate import inflate
from inspan_collector.ledger import QueueRefusal, Reception
from inspan_collector.liveness import Registry
from inspan_collector.memory import Memory
from inspan_collector.pledge import Pledge
from inspan_collector.receiver.admitting import Admitting
from inspan_collector.receiver.answer import Answer, Awaited
from inspan_collector.receiver.asks import Asks
from inspan_collector.receiver.browsers import Browsers
from inspan_collector.receiver.dialects import ROUTES, Dialect, Reading, Refusal, agentex, below, liveness
from inspan_collector.receiver.offer import Offer
from inspan_collector.receiver.posts import RECALLED, Posts
from inspan_collector.receiver.refusing import Limits, content_type_of
from inspan_collector.receiver.rollcall import Rollcall
from inspan_collector.receiver.seam import Head
from inspan_collector.receiver.singles import Singles
from inspan_collector.receiver.waits import ACCEPTED, DURABLE, Promise, Waits

__all__ = ["Door", "Limits"]

ACK_TIMEOUT: Final = 5.0  # s; half of what SDKs wait for an answer

NO_SPOOL: Final = "a durable acknowledgement needs a spool, and none is configured; ask for accepted"

_CUSTODY: Final = CUSTODY.lower()


class NoRoom(InspanError):
    """The byte budget has no room for what a body inflated to."""


class Door(Admitting):
    """Answers every request, at once where it asks for no more than to be taken, and books every one.

    takes: formats that some destination takes. accounts: SGP accounts that the destinations write to. fill: 0 to 1, how
    full the queue is. note: told of every refusal, with its kind, the dialect and the message. durable: None, or why no
    durable acknowledgement can be given now. ack_timeout: seconds that one is waited for. registry: the agents that
    named themselves. hosts: what we may be called over TCP, None for anything.
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
        registry: Registry | None = None,
        hosts: Hosts | None = None,
    ) -> None:
        super().__init__(limits, takes=takes, fill=fill, note=note)
        self.offer = offer
        self.memory = memory
        self.accounts = [account.encode() for account in accounts]
        self.browsers = Browsers(hosts)
        self.durable = durable
        self.waits = Waits(ack_timeout, self.bug)
        self.posts = Posts()
        self.singles = Singles(note)
        self.registry = Registry() if registry is None else registry
        self.rollcall = Rollcall(self.registry, self.receptions[liveness.name], self._refuse)
        self.draining = True  # until the service is ready
        self._prebuilt: tuple[dict[str, Answer], dict[str, Answer]] = ({}, {})  # accepted, durable; by content type

    def __repr__(self) -> str:
        return f"<Door {'shut' if self.draining else 'open'} {list(self.receptions.values())}>"

    # With the body

    def handle(self, head: Head, body: bytes) -> Answer | Awaited:
        """Read, offer, answer."""
        dialect = ROUTES.get(head.path) or below(head.path)
        if dialect is None:
            return self.rollcall.handle(head, body)
        self.receptions[dialect.name].bytes += len(body)
        content_type = content_type_of(head)
        try:
            if b"content-encoding" in head.headers:
                body = self._inflated(head, body)
            reading = self._single(head, body) if dialect is agentex else dialect.read(content_type, body)
        except MalformedChunk as error:
            return self._refuse(head, Refusal(dialect.malformed, "malformed", str(error)))
        except agentex.UnknownSpan as error:
            return self._refuse(head, Refusal(404, "not_found", str(error)), spans=1)
        except UnsupportedEncoding as error:
            return self._refuse(head, Refusal(415, "unsupported", str(error)))
        except TooLarge:
            return self.too_large(head) if self._room() == self.limits.max_request_bytes else self._no_room(head)
        except NoRoom:
            return self._no_room(head)
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

    def _single(self, head: Head, body: bytes) -> Reading:
        """One span, and all that is known of it: more than what came, and reserved like it."""
        reading = self.singles.read(head.path, body)
        more = max(0, len(reading.body) - head.budget)
        if not self.memory.reserve(more):
            raise NoRoom
        head.budget += more
        return reading

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
            return self._take_as_asked(head, asks, reading, culled, success, self.receptions[dialect.name])
        spans = reading.scan.spans
        if spans:
            refusal = self.offer(reading.format, reading.body, reading.scan, head.agent, head.budget, None)
            if refusal is not None:
                return self._full(head, refusal, spans + culled)
            head.budget = 0
            if reading.span:
                self.singles.keep(reading)
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
        self, head: Head, asks: Asks, reading: Reading, culled: int, success: Answer, reception: Reception
    ) -> Answer | Awaited:
        spans = reading.scan.spans
        promise = self.posts.find(asks.post) if asks.post is not None else None
        if promise is not None:
            self.posts.reposted += 1
            if promise is RECALLED and asks.post is not None:
                if reading.span:
                    self.singles.keep(reading)
                if head.known is not None:
                    head.known.arrived += spans  # its answer was lost with the sidecar of before
                    self.posts.take(asks.post, DURABLE)
            spans = culled = 0  # these were booked with the first
        elif not spans:
            promise = DURABLE  # there is nothing that could be lost
        else:
            offered = self._offer_as_asked(head, asks, reading)
            if isinstance(offered, str):
                return self._full(head, offered, spans + culled)
            promise = offered

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
        known = head.known
        who = head.agent if known is None else known
        refusal = self.offer(reading.format, reading.body, reading.scan, who, head.budget, pledge)
        if refusal is not None:
            return refusal
        head.budget = 0
        if known is not None:
            known.arrived += reading.scan.spans
        if reading.span:
            self.singles.keep(reading)
        if asks.post is not None:
            self.posts.take(asks.post, promise)
        if pledge is not None:
            pledge.close()
        return promise
