"""From the SDK to a client: every span is taken, or counted with a reason; nothing waits, and nothing is raised."""

import os
from typing import TypedDict

from opentelemetry.sdk.trace import ReadableSpan

from inspan.client import PATIENCE, Client
from inspan.dialects import Entry
from inspan.encoding import TooLarge, Unencodable
from inspan.otel.encoding import Encoder


class Arguments(TypedDict, total=False):
    """Of `inspan.Client`, as far as they concern encoded spans."""

    socket: str | os.PathLike[str] | None
    service: str | None
    max_bytes: int
    linger: float


class Sending:
    """Spans of the SDK on their way to a client: the given one, or one of its own, made with the arguments.

    Its own is not closed by the exit of the process, but by `close`: the SDK's provider hands over its last spans when
    it is shut down, which is after our own exit where inspan was imported after the provider was made. Raises TypeError
    where both a client and arguments are given.
    """

    __slots__ = ("_encoder", "_own", "client")

    def __init__(self, client: Client | None, arguments: Arguments) -> None:
        if client is not None and arguments:
            raise TypeError(f"a client has its own {', '.join(arguments)}")
        self._own = client is None
        self.client = Client(close_at_exit=False, **arguments) if client is None else client
        self._encoder = Encoder()

    def __repr__(self) -> str:
        return f"<Sending to {self.client!r}>"

    def keep(self, span: ReadableSpan) -> bool:
        """Encode and keep one span, on the caller's thread. False: dropped, and counted by reason."""
        life = self.client.life
        try:
            try:
                entry = self._encoder.encode(span)
            except Unencodable as error:
                return life.lose(error.reason, str(error))
            return keep(self.client, entry)
        except (RecursionError, MemoryError):  # no room for one more call on the stack: so this makes none
            life.buffer.aside += ("unencodable",)
            return False

    def flush(self, timeout_millis: float) -> bool:
        """Whether the sidecar has all that was kept before, after `timeout_millis` at most."""
        return self.client.flush(timeout_millis / 1000)

    def close(self) -> None:
        """Close the client if it is our own; else send what it has. PATIENCE at most."""
        if self._own:
            self.client.close(PATIENCE)
        else:
            self.client.flush(PATIENCE)


def keep(client: Client, entry: Entry) -> bool:
    """Give a client one encoded span. False: dropped, and counted; also one that no sidecar would take."""
    most = client.terms.max_span_bytes
    if entry[2] > most:
        return client.life.lose(TooLarge.reason, f"a span of {entry[2]} bytes, and a sidecar takes {most}")
    return client.offer(entry)
