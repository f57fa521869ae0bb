"""What agents hold: it takes spans and goes on with nobody waiting."""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from inspan import leaving
from inspan.dialects import JSON, Entry
from inspan.encoding import Unencodable
from inspan.life import Life, Terms
from inspan.span import Span
from inspan.spanning import Spanning
from inspan.version import __version__
from inspan.wire import MAX_SOCKET_PATH, places

MAX_BYTES: Final = 8 * 1024 * 1024  # half a minute of a busy agent's spans, and nothing in a pod of 512 MiB
MAX_SPAN_BYTES: Final = 4 * 1024 * 1024  # the sidecar's own limit, limits.max_span_bytes
LINGER: Final = 0.02  # s; a sidecar lingers longer, and 50 posts a second cost an agent 3 ms
PATIENCE: Final = 2.0  # s that a flush or a close takes at most


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a client's spans, at one moment: recorded = accepted + queued + in_flight + the sum of dropped.

    accepted: the sidecar has them. queued, in_flight: kept here, `held_bytes` in all. dropped: by reason. replaced,
    shortened: how many values could not be encoded, and spans were too large, and went with less. posts, reposts:
    requests, and how many of them came again after a lost answer. socket: the sidecar's, None while not connected.
    """

    recorded: int
    accepted: int
    queued: int
    in_flight: int
    dropped: dict[str, int]
    held_bytes: int
    max_bytes: int
    replaced: int
    shortened: int
    posts: int
    reposts: int
    socket: Path | None


class Client:
    """Takes spans from any thread, task or signal handler, and has a thread of its own send them to the sidecar.

    socket: the sidecar's; default: `INSPAN_SOCKET`, else `/run/inspan/inspan.sock`, else the socket of an `inspan run`
    of this user. It need not be there yet. service: what this agent is called; default: `OTEL_SERVICE_NAME`, else the
    program's name. max_bytes: of spans kept here while the sidecar cannot take them; past it new ones are dropped, and
    counted. linger: seconds that a span waits for others, to share a request. starts: whether `span` also records when
    one starts, so that it is seen while it runs, and if it never ends. close_at_exit: False where something else closes
    it when the process exits; it is flushed then all the same.

    Nothing here raises but this constructor, for a socket path or sizes that can never work (ValueError), and nothing
    waits but `flush` and `close`. A forked process has an empty client of its own, with which it goes on under the same
    name; what was recorded before is the parent's.
    """

    def __init__(
        self,
        socket: str | os.PathLike[str] | None = None,
        *,
        service: str | None = None,
        max_bytes: int = MAX_BYTES,
        linger: float = LINGER,
        starts: bool = True,
        close_at_exit: bool = True,
    ) -> None:
        self.starts = starts
        self.terms = Terms(
            places=places() if socket is None else [_place(socket)],
            service=_named(service or os.environ.get("OTEL_SERVICE_NAME") or Path([*sys.argv, ""][0] or "python").name),
            version=__version__,
            max_bytes=max_bytes,
            max_span_bytes=min(MAX_SPAN_BYTES, max_bytes // 2),
            linger=linger,
        )
        self.life = Life(self.terms)
        self._close_at_exit = close_at_exit
        self._metadata = {"__agent_name__": self.terms.service}
        leaving.join(self)

    def __repr__(self) -> str:
        return f"<Client {self.terms.service} {self.life.buffer!r}>"

    def __del__(self) -> None:
        if leaving.is_here and hasattr(self, "life"):
            self.life.end(time.monotonic() + PATIENCE)
            leaving.depart(self.life)

    # Recording

    def record(self, span: Span | Mapping[str, Any] | msgspec.Struct) -> bool:
        """Keep one copy of a span, as it is now. False: dropped, and counted by reason in `stats`.

        span: a `Span`, or an object with the members of one, of which `id` and `trace_id` must be texts. A value that
        has no JSON is replaced by its type's name; texts are shortened in a span over 4 MiB, or half of `max_bytes`.
        """
        life = self.life
        try:
            try:
                encoded = life.encode(span)
            except Unencodable as error:
                return life.lose(error.reason, str(error))
            if not life.started:
                life.start()
            return life.put((JSON, encoded, len(encoded)))
        except (RecursionError, MemoryError):  # no room for one more call on the stack: so this makes none
            life.buffer.aside += ("unencodable",)
            return False

    def span(
        self,
        name: str,
        *,
        type: str | None = None,  # noqa: A002  SGP's word
        input: Any = None,  # noqa: A002  SGP's word
        metadata: Mapping[str, Any] | None = None,
        parent: Span | str | None = None,
        trace_id: str | None = None,
    ) -> Spanning:
        """A span round a block (`with`, `async with`) or, as a decorator, round each call of a function.

        It is current inside, and the parent of those begun there, in tasks too; threads take `parent`, or
        `contextvars.copy_context().run`. An exception makes it ERROR, with type, message and place; a cancelled task
        CANCELED. parent: a span, or the id of one elsewhere, with its `trace_id`; default: the current one, if it is of
        `trace_id`. trace_id: default: the parent's, or a new one. input, output: objects; anything else becomes
        `{"value": ...}`.
        """
        words = self._metadata
        if metadata is not None:
            words = {**words, **(metadata if isinstance(metadata, Mapping) else {"value": metadata})}
        return Spanning(self, (name, type, input, words), parent, trace_id)

    def offer(self, entry: Entry) -> bool:
        """Keep a span that is encoded already; see `inspan.dialects`. False: dropped, and counted."""
        return self.life.keep(entry)

    # Waiting

    def flush(self, timeout: float = PATIENCE) -> bool:
        """Wait until the sidecar has what was recorded so far, `timeout` seconds at most. Whether it has all of it:
        False also where a span was dropped since the flush before, for whatever reason.

        Blocks: from asyncio, `await asyncio.to_thread(client.flush)`.
        """
        return self.life.flush(timeout)

    def close(self, timeout: float = PATIENCE) -> bool:
        """Take no more, send what there is, tell the sidecar the counts. Whether nothing was given up.

        What could not be sent in `timeout` seconds is dropped as `exit`. Happens by itself when the process exits.
        """
        self.life.end(time.monotonic() + timeout)
        self.life.wait()
        counts = self.life.buffer.counts()
        return not (counts.dropped["exit"] or counts.queued or counts.in_flight)

    def stats(self) -> Stats:
        """The account of this client in this process."""
        life = self.life
        counts = life.buffer.counts()
        delivery, connection = life.sender.delivery, life.sender.connection
        return Stats(
            recorded=counts.recorded,
            accepted=counts.accepted,
            queued=counts.queued,
            in_flight=counts.in_flight,
            dropped=counts.dropped,
            held_bytes=counts.held_bytes,
            max_bytes=self.terms.max_bytes,
            replaced=life.noted["replaced"],
            shortened=life.noted["shortened"],
            posts=delivery.posts,
            reposts=delivery.reposts,
            socket=connection.at if connection.is_open else None,
        )

    # See leaving.Leaver

    def begin_anew(self) -> None:
        """In a forked child."""
        before, self.life = self.life, Life(self.terms)
        before.forget_parent()

    def end(self, deadline: float) -> None:
        """The process exits."""
        if self._close_at_exit:
            self.life.end(deadline)
        else:
            self.life.sender.hasten()

    def wait(self, deadline: float) -> None:
        """Until it may."""
        if self._close_at_exit:
            self.life.wait()
        else:
            self.life.flush(deadline - time.monotonic())


def _named(service: str) -> str:
    """As JSON can say it: a program's file, or a variable, may have any bytes for its name."""
    return str(service).encode("utf-8", "replace").decode()


def _place(socket: str | os.PathLike[str]) -> Path:
    """Absolute, since the agent may change its directory. Raises ValueError for one that no socket can have: what the
    environment says is not worth ending an agent for, and is logged."""
    path = Path(socket).absolute()
    if len(os.fsencode(path)) > MAX_SOCKET_PATH or "\0" in str(path):
        raise ValueError(f"socket: {str(path)!r} is no path that a socket can have; at most {MAX_SOCKET_PATH} bytes")
    return path
