"""What a head alone decides: what is hopeless costs no memory and no reading."""

from collections.abc import Callable, Sequence
from typing import Final

from inspan.wire import ACCOUNT
from inspan_collector.inflate import ENCODINGS
from inspan_collector.liveness import Registry
from inspan_collector.receiver.answer import Answer
from inspan_collector.receiver.asks import ACK_KEY, AGENT_KEY, SEQUENCE_KEY, MalformedAsk, read_asks
from inspan_collector.receiver.browsers import Browsers
from inspan_collector.receiver.dialects import ROUTES, Dialect, Refusal, agentex, below, liveness
from inspan_collector.receiver.posts import Posts
from inspan_collector.receiver.refusing import Refusing, content_type_of
from inspan_collector.receiver.rollcall import Rollcall
from inspan_collector.receiver.seam import Head

_ACCOUNT: Final = ACCOUNT.lower().encode()


class Admitting(Refusing):
    """Who may go on to their body. For the attributes see `Door`, which sets them."""

    accounts: Sequence[bytes]
    browsers: Browsers
    draining: bool
    durable: Callable[[], str | None]
    posts: Posts
    registry: Registry
    rollcall: Rollcall

    def admit(self, head: Head) -> Answer | None:
        """Refuse what the head alone shows to be hopeless."""
        if head.agent.uid is None:  # over TCP; no browser speaks over a unix socket
            why = self.browsers.refuse(head.headers)
            if why is not None:
                return self._refuse(head, Refusal(403, "not_allowed", why))
        return self._admit_agent(head)

    def _admit_agent(self, head: Head) -> Answer | None:
        dialect = ROUTES.get(head.path)
        if dialect is not None:
            methods = dialect.methods
        else:
            dialect, methods = below(head.path), agentex.updates
            if dialect is None:
                return self._admit_other(head)
        if head.method not in methods:
            return self._refuse_method(head, dialect, ", ".join(sorted(methods)))
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

    def _refuse_method(self, head: Head, dialect: Dialect, allowed: str) -> Answer:
        if dialect is agentex and head.method in agentex.reads:
            message = "spans are not read here: inspan hands them on; ask the upstream, where they are kept"
            return self._refuse(head, Refusal(501, "not_found", message))
        where = head.path if head.path in ROUTES else "the path of one span"  # whose id it ends with
        refusal = Refusal(405, "not_found", f"{head.method} is not possible on {where}; use {allowed}")
        return self._refuse(head, refusal, headers=[("allow", allowed)])

    def _admit_other(self, head: Head) -> Answer | None:
        call = liveness.read_path(head.path)
        if call is not None:
            return self.rollcall.admit(head, call)
        paths = ", ".join(ROUTES)
        return self._refuse(head, Refusal(404, "not_found", f"no such path here; spans go to {paths}"))

    def _heed(self, head: Head) -> Answer | None:
        """Read what the request asks beyond being taken."""
        try:
            head.asks = asks = read_asks(head.headers)
        except MalformedAsk as error:
            return self._refuse(head, Refusal(400, "malformed", str(error)))
        if asks is not None and asks.post is not None:
            head.known = head.agent.known = self.registry.hear(asks.post[0])
        # A post that we have had is answered from what we know of it, and asks nothing of the disk.
        if asks is not None and asks.durable and asks.post not in self.posts:
            why = self.durable()
            if why is not None:
                return self._refuse(head, Refusal(503, "not_durable", why))
        return None
