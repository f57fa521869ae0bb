"""The one seam between HTTP and what it is used for: a `Head`, a body, an `Answer`, now or later."""

from typing import Protocol

import msgspec

from inspan_collector.agents import Agent
from inspan_collector.liveness import Registered
from inspan_collector.receiver.answer import Answer, Awaited
from inspan_collector.receiver.asks import Asks


class Head(msgspec.Struct, gc=False):
    """A request before its body.

    path: without the query, and not percent-decoded, so that `%2F` is no slash. headers: names in lower case.
    body_size: bytes, None while unknown (chunked). expect: the client waits for `100 Continue`.
    budget: bytes of custody reserved for the body. Whoever keeps the body sets it to 0 and owes the bytes from then on.
    asks: what it wants beyond being taken; None for most. known: who posts, where it names a registered agent.
    """

    method: str
    path: str
    headers: dict[bytes, bytes]
    body_size: int | None
    expect: bool
    agent: Agent
    budget: int = 0
    asks: Asks | None = None
    known: Registered | None = None


class Door(Protocol):
    """What HTTP asks. All but `handle` answer at once; an exception out of any of these is a bug, and goes to `bug`."""

    def admit(self, head: Head) -> Answer | None:
        """Called with the head alone, before memory is reserved; an answer is a refusal."""

    def handle(self, head: Head, body: bytes) -> Answer | Awaited:
        """Called with the whole body, of which `head.budget` bytes are reserved."""

    def too_large(self, head: Head) -> Answer:
        """The body is, or has grown, over the limit of a request."""

    def no_memory(self, head: Head) -> Answer | None:
        """The byte budget has no room for this body now. None: it is so small that it is held all the same."""

    def malformed(self, why: str) -> Answer:
        """Not HTTP that we understand. The connection ends with this answer, as with all below."""

    def timed_out(self) -> Answer:
        """A head or a body took too long."""

    def too_many(self) -> Answer:
        """Every connection is busy with a request."""

    def forbidden(self) -> Answer:
        """The peer's uid may not post here."""

    def bug(self, error: Exception) -> Answer:
        """We failed, not the request: never a 500, after which SDKs throw the batch away."""
