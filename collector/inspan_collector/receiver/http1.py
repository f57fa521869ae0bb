"""HTTP/1.1 on one socket: from bytes to `Door.handle` and back.

Nothing here awaits and no task is made: a request that arrives in one piece is answered before `data_received` returns.
That is also why pipelined requests are answered in order. The callbacks are httptools'; an exception out of one of them
stops the parser, and `_stopped` decides what becomes of the connection.
"""

import asyncio
from math import inf
from typing import Final, cast

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpRequestParser

from inspan_collector.agents import Agent, peer
from inspan_collector.memory import Memory
from inspan_collector.receiver.answer import CONTINUE, Answer
from inspan_collector.receiver.connections import BODY, FORGETTING, HEAD, IDLE, PARTING, Connections
from inspan_collector.receiver.head import MAX_HEAD_BYTES, BadRequest, read_head, repeat, weigh
from inspan_collector.receiver.line import FRESH, Line
from inspan_collector.receiver.seam import Door, Head
from inspan_collector.receiver.template import Template, learn

GROWTH: Final = 64 << 10  # bytes; a body of unknown size is reserved in such steps
MAX_FORGET: Final = 64 << 20  # bytes of a refused body that we read to keep its connection; 20 ms of work
MAX_LESSONS: Final = 3  # templates to try on one client; one whose heads all differ must not pay for ever
MAX_PIECES: Final = 1024  # a body sent two bytes at a time costs 50 bytes a piece, which no budget counts


class _Parted(Exception):
    """No error: it tells the parser that we have hung up."""


class Connection(Line):
    """One client."""

    __slots__ = (
        "_agent", "_door", "_fed", "_head", "_headers", "_joined", "_keep", "_lessons", "_max_body", "_memory",
        "_parsed", "_parser", "_pieces", "_repeats", "_size", "_table", "_template", "_url",
    )  # fmt: skip

    _agent: Agent
    _parser: HttpRequestParser

    def __init__(self, table: Connections, door: Door, memory: Memory) -> None:
        super().__init__(table.time)
        self._table = table
        self._door = door
        self._memory = memory
        self._max_body = table.limits.max_request_bytes
        self._parser = HttpRequestParser(self)
        self._head: Head | None = None  # of the request whose body is being read, unless it is refused
        self._headers: dict[bytes, bytes] = {}
        self._repeats = 0
        self._url = b""
        self._keep = True
        self._pieces: list[bytes] = []
        self._joined = 0  # how many of the pieces are themselves joined
        self._size = 0  # bytes of body so far
        self._parsed: Head | None = None  # the last one
        self._template: Template | None = None
        self._lessons = MAX_LESSONS
        self._fed = 0  # bytes since a head ended or a body grew: what framing alone may cost

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
        self._let_go()
        del self._parser  # it holds our callbacks: a cycle, which only the garbage collector would find
        self._table.agents.leave(self._agent)
        self._table.leave(self)

    def data_received(self, data: bytes) -> None:
        if self.stage == PARTING:
            return
        afresh = self.stage == IDLE and not self._fed  # else the parser has the beginning already
        self._fed += len(data)
        try:
            known = self._template.match(data) if afresh and self._template is not None else None
            if known is not None:
                self._take_known(*known)
            else:
                self._parser.feed_data(data)
        except Exception as error:  # noqa: BLE001 -- a bug behind the door, too: its fate is decided there
            self._stopped(error)
        else:
            if self.stage != IDLE:
                self._wait()
            elif known is None and afresh and self._lessons:
                self._learn(data)

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
        self._begin(head)

    def on_body(self, piece: bytes) -> None:
        self._fed = 0
        self._size += len(piece)
        head = self._head
        if head is None:
            if self._size > MAX_FORGET:
                self.part(b"")
                raise _Parted
            return
        self._pieces.append(piece)
        if self._size > head.budget:  # only where it was not announced: the parser ends a body at its content-length
            most = self._max_body - head.budget  # so that growing past the limit is always noticed here
            refusal = self._reserve(head, self._size, min(most, max(GROWTH, self._size - head.budget)))
            if refusal is not None:
                self._refuse(head, refusal)

    def on_message_complete(self) -> None:
        head = self._head
        if head is not None:
            pieces = self._pieces
            body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            if head.body_size is None:
                self._memory.release(head.budget - len(body))
                head.budget = len(body)
            answer = self._door.handle(head, body)
            if head.budget:
                self._memory.release(head.budget)
                head.budget = 0
            if not self._keep or self._table.closing:
                self._transport.write(self._last_words(answer))
                self.hang_up()
                raise _Parted
            self._head = None
            self._transport.write(answer.keep)
        elif self._table.closing:
            self.hang_up()
            raise _Parted
        self.stage = IDLE
        self.since = self._time()
        self._fed = self._joined = 0

    # how a connection ends

    def overdue(self) -> None:
        if self.stage == PARTING or self.stuck != inf:
            self.drop()
        elif self.stage in (HEAD, BODY):
            self.part(self._last_words(self._door.timed_out()))
        else:
            self.hang_up()

    # inside

    def _begin(self, head: Head) -> None:
        self._head = self._parsed = head
        self.stage = BODY
        self.since = FRESH
        self._size = self._fed = 0
        size = head.body_size
        refusal = self._door.admit(head)
        if refusal is None and size:
            refusal = self._reserve(head, size, size)
        if refusal is not None:
            self._refuse(head, refusal)
        elif head.expect and size != 0:
            self._transport.write(CONTINUE)

    def _take_known(self, head: Head, body: bytes) -> None:
        """What the parser would call back for, at once."""
        self._begin(head)
        self._pieces.append(body)
        self.on_message_complete()

    def _learn(self, data: bytes) -> None:
        self._lessons -= 1
        if self._keep and self._parsed is not None:
            self._template = learn(data, self._parsed)

    def _reserve(self, head: Head, size: int, more: int) -> Answer | None:
        """Reserve `more` bytes for a body that has, or is known to get, `size`; an answer is a refusal."""
        if size > self._max_body:
            return self._door.too_large(head)
        if not self._memory.reserve(more):
            return self._door.no_memory(head)
        head.budget += more
        return None

    def _refuse(self, head: Head, answer: Answer) -> None:
        """Answer now. The rest of the body is read and forgotten if that saves the connection."""
        if not self._keep or head.expect or self._table.closing or (head.body_size or 0) > MAX_FORGET:
            self.part(self._last_words(answer))
            raise _Parted
        self._let_go()
        self._size = 0
        self.stage = FORGETTING
        self._transport.write(answer.keep)

    def _stopped(self, error: Exception) -> None:
        """The parser went no further: we hung up, or the client sent what is not HTTP, or we have a bug."""
        cause = error.__context__ if isinstance(error, HttpParserCallbackError) else error
        if self.stage == PARTING:
            return
        if cause is None or isinstance(cause, (BadRequest, HttpParserError, HttpParserUpgrade)):
            self._malformed(str(cause))
        elif isinstance(cause, Exception):
            self.part(self._last_words(self._door.bug(cause)))
        else:
            raise cause  # KeyboardInterrupt and its like are not ours to answer

    def _wait(self) -> None:
        """The request did not come in one piece: from now on it has a deadline, and its framing a limit."""
        if self.since == FRESH:
            self.since = self._time()
        if self._fed > MAX_HEAD_BYTES:
            self._malformed(f"over {MAX_HEAD_BYTES} bytes of head, chunk extension or trailers")
        elif len(self._pieces) > self._joined + MAX_PIECES:
            self._pieces[self._joined :] = [b"".join(self._pieces[self._joined :])]
            self._joined += 1

    def _malformed(self, why: str) -> None:
        # A refused request has had its answer; a second one would be taken for that of the next request.
        self.part(b"" if self.stage == FORGETTING else self._last_words(self._door.malformed(why)))

    def _last_words(self, answer: Answer) -> bytes:
        head = self._head
        return answer.close if head is None or head.method != "HEAD" else answer.close_without_body()

    def _let_go(self) -> None:
        """Give back what the request in hand holds."""
        if self._head is not None:
            self._memory.release(self._head.budget)
            self._head.budget = 0
            self._head = None
        self._pieces.clear()
        self._joined = 0
