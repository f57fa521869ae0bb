"""HTTP/1.1 on one socket: bytes to heads and bodies, and what becomes of a client that sends anything else.

The callbacks are httptools'. An exception out of one of them stops the parser, and `_stopped` decides what becomes of
the connection. A request that arrives in one piece is answered before `data_received` returns.
"""

import asyncio
from math import inf
from typing import cast

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

from inspan_collector.agents import Agent, peer
from inspan_collector.memory import Memory
from inspan_collector.receiver.connections import BODY, FORGETTING, HEAD, IDLE, PARTING, Connections
from inspan_collector.receiver.exchange import Exchange, Parted
from inspan_collector.receiver.head import MAX_HEAD_BYTES, BadRequest, read_head, repeat, weigh
from inspan_collector.receiver.line import FRESH
from inspan_collector.receiver.seam import Door


class Connection(Exchange):
    """One client."""

    __slots__ = ("_agent", "_headers", "_parser", "_repeats", "_url")

    _agent: Agent
    _parser: HttpRequestParser

    def __init__(self, table: Connections, door: Door, memory: Memory) -> None:
        super().__init__(table, door, memory)
        self._parser = HttpRequestParser(self)
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._repeats = 0  # headers folded into another of their name

    def __repr__(self) -> str:
        return f"<Connection {self._agent!r} stage {self.stage} size {self._size}>"

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        pid, uid = peer(transport.get_extra_info("socket"))
        self._agent = self._table.agents.arrive(pid, uid)
        refusal = self._table.enter(self)
        allowed = self._table.limits.allow_uids
        if refusal is not None:
            self._transport.write(refusal.close)
            self.hang_up()  # without lingering: it is not in the table, so nothing would end it
        elif allowed is not None and uid is not None and uid not in allowed:
            self.part(self._last_words(self._door.forbidden()))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's signature
        self.stage = PARTING
        self._forget_turns()
        self._let_go()
        del self._parser  # it holds our callbacks: a cycle, which only the garbage collector would find
        self._table.agents.leave(self._agent)
        self._table.leave(self)

    def data_received(self, data: bytes) -> None:
        if self.stage == PARTING:
            return
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except Exception as error:  # noqa: BLE001 -- a bug behind the door is among them, and booked
            self._stopped(error)
        else:
            if self.stage != IDLE:
                self._wait()
        if self._due:
            self._hold()

    # httptools

    def on_message_begin(self) -> None:
        self.stage = HEAD
        self.since = FRESH
        self._url = b""
        self._headers = {}

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in self._headers:
            self._repeats += 1
            repeat(self._headers, name, value)
        else:
            self._headers[name] = value

    def on_headers_complete(self) -> None:
        parser, headers = self._parser, self._headers
        self._headers = {}  # trailers land here and are forgotten: nobody has checked them
        keep = parser.should_keep_alive()
        version = "1.1" if keep and b"connection" not in headers else parser.get_http_version()
        # Weighed where it may be too heavy: it came in several pieces, behind another request, or in a large piece.
        if not 0 < self._fed <= MAX_HEAD_BYTES or self.since != FRESH or self._repeats:
            weigh(self._url, headers, self._repeats)
            self._repeats = 0
        if b"upgrade" in headers and parser.should_upgrade():
            raise BadRequest("no upgrade is possible: use HTTP/1.1")
        head = read_head(parser.get_method(), self._url, headers, version, self._agent)
        self._keep = keep and version == "1.1" and head.method != "HEAD"
        self.begin(head)

    def overdue(self) -> None:
        """The deadline of this stage has passed."""
        if self.stage == PARTING or self.stuck != inf:
            self.drop()
        elif self.stage in (HEAD, BODY):
            self.part(self._last_words(self._door.timed_out()))
        else:
            self.hang_up()

    def _wait(self) -> None:
        """The request did not come in one piece: from now on it has a deadline, and its framing a limit."""
        if self.since == FRESH:
            self.since = self._time()
        self._join_some()
        if self._fed > MAX_HEAD_BYTES:
            self._malformed(f"over {MAX_HEAD_BYTES} bytes of head, chunk extension or trailers")

    def _stopped(self, error: Exception) -> None:
        """We hung up, or the client sent what is not HTTP, or we have a bug."""
        cause = error.__context__ if isinstance(error, HttpParserCallbackError) else error
        if isinstance(cause, Parted) or self.stage == PARTING:
            return
        if cause is None or isinstance(cause, (BadRequest, HttpParserError, HttpParserUpgrade)):
            self._malformed(str(cause))
        elif isinstance(cause, Exception):
            self.part(self._last_words(self._door.bug(cause)))
        else:
            raise cause  # KeyboardInterrupt and its like are not ours to answer

    def _malformed(self, why: str) -> None:
        # A refused request has had its answer; a second one would be taken for that of the next request.
        self.part(b"" if self.stage == FORGETTING else self._last_words(self._door.malformed(why)))
