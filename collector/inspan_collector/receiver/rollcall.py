"""Where agents register, beat and complete: answered also while the door is shut, since they end while a pod stops."""

from collections.abc import Sequence
from typing import Final, Protocol

from inspan.wire import COMPLETE
from inspan_collector.ledger import Reception
from inspan_collector.liveness import MalformedTelling, Registry, read_registration, read_report
from inspan_collector.liveness.told import MAX_BODY
from inspan_collector.receiver.answer import Answer
from inspan_collector.receiver.dialects import Refusal, liveness
from inspan_collector.receiver.dialects.liveness import REGISTER, Call
from inspan_collector.receiver.refusing import content_type_of
from inspan_collector.receiver.seam import Head

_TAKEN: Final = Answer.make(204)


class Refuse(Protocol):
    """How a request is refused: booked, noted, answered."""

    def __call__(self, head: Head, refusal: Refusal, *, headers: Sequence[tuple[str, str]] = ()) -> Answer: ...


class Rollcall:
    """From a call to the registry, and back to an answer. book: of its requests; there are no spans in it."""

    def __init__(self, registry: Registry, book: Reception, refuse: Refuse) -> None:
        self.registry = registry
        self.book = book
        self.refuse = refuse

    def __repr__(self) -> str:
        return f"<Rollcall {self.registry!r}>"

    def admit(self, head: Head, call: Call) -> Answer | None:
        """Refuse what the head alone shows to be hopeless."""
        # Whoever speaks lives, also where what it says is refused; and this is a connection of its own.
        head.agent.known = self.registry.hear(call.id)
        if head.method not in liveness.methods:
            # Without the path: who knows an agent's id could post in its name, and this is shown.
            refusal = Refusal(405, "not_found", f"{head.method} is not possible for agents; use POST")
            return self.refuse(head, refusal, headers=[("allow", "POST")])
        # A page in a browser cannot post this type to a listener on localhost without being asked first.
        if content_type_of(head) != liveness.JSON:
            return self.refuse(head, Refusal(415, "unsupported", f"agents tell of themselves in {liveness.JSON}"))
        if b"content-encoding" in head.headers:
            return self.refuse(head, Refusal(415, "unsupported", "send this without content-encoding: it is small"))
        return self._too_large(head) if (head.body_size or 0) > MAX_BODY else None

    def handle(self, head: Head, body: bytes) -> Answer:
        """Read, tell the registry, answer. head: of a request that was admitted."""
        call = liveness.read_path(head.path)
        if call is None:
            raise LookupError(head.path)
        self.book.bytes += len(body)
        if len(body) > MAX_BODY:  # it came in chunks
            return self._too_large(head)
        try:
            answer = self._register(head, body) if call.verb == REGISTER else self._report(call, body)
        except MalformedTelling as error:
            return self.refuse(head, Refusal(400, "malformed", str(error)))
        return answer

    def _register(self, head: Head, body: bytes) -> Answer:
        agent = self.registry.register(read_registration(body))
        if agent is None:
            message = (
                f"{self.registry.limit} agents are registered and running; go on posting, spans are taken as ever: "
                "only what is lost before the socket is not counted"
            )
            return self.refuse(head, Refusal(503, "too_many_agents", message))
        return self._book(Answer.make(201, liveness.registered(agent.id), liveness.JSON))

    def _report(self, call: Call, body: bytes) -> Answer:
        tell = self.registry.complete if call.verb == COMPLETE else self.registry.beat
        if tell(call.id, read_report(body)):
            return self._book(_TAKEN)
        # No refusal, and nothing to log: it is how every agent learns that the sidecar is a new one.
        refusal = Refusal(404, "not_found", "no agent has this id here; register again, with what was reported before")
        spoken, said = liveness.failure(liveness.JSON, refusal)
        return self._book(Answer.make(404, said, spoken))

    def _too_large(self, head: Head) -> Answer:
        return self.refuse(head, Refusal(413, "too_large", f"the body is over {MAX_BODY} bytes; a beat has 200"))

    def _book(self, answer: Answer) -> Answer:
        self.book.requests[answer.status] = self.book.requests.get(answer.status, 0) + 1
        return answer
