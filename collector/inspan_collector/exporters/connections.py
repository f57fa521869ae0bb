"""Pooled, kept-alive connections to one upstream, replaced when they are old."""

import asyncio
import random
import socket
import weakref
from collections.abc import Mapping, Sequence
from math import inf
from types import SimpleNamespace
from typing import Any, Final

import aiohttp
from aiohappyeyeballs import AddrInfoType
from aiohttp import hdrs
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload
from yarl import URL

from inspan_collector.config.destination import DestinationConfig, shown_url
from inspan_collector.errors import Later, Pause
from inspan_collector.exporters.forgetting import forget
from inspan_collector.exporters.masking import masked, secrets_sent
from inspan_collector.exporters.tls import Tls
from inspan_collector.exporters.troubles import later, tls_refusal
from inspan_collector.exporters.verdict import MAX_MESSAGE
from inspan_collector.exporters.written import MAX_TEXT
from inspan_collector.formats.otlp_answer import said

MAX_ANSWER: Final = 64 << 10  # bytes of an answer that are kept: a partial success and its message are far smaller
MAX_SPAN: Final = 8 << 20  # bytes of one span as an answer; twice the largest that is taken by default
MAX_READ: Final = 16 << 20  # bytes that are read: SGP echoes every span, and reading costs less than a new connection
UNCONNECTED: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
AGE_JITTER: Final = 0.2  # of the connection age: the pods of one rollout should not all move at once


class Answer(SimpleNamespace):
    """status: int; words: the beginning of the body; headers: by lower-case name."""

    status: int
    words: bytes
    headers: Mapping[str, str]


class Body(Payload):
    """Bytes of any size: aiohttp's own payload warns above 1 MiB, because it takes them for a mistake."""

    def __init__(self, value: bytes) -> None:
        super().__init__(value)
        self._size = len(value)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The bytes as text, for whoever debugs."""
        return bytes(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """All at once: in pieces it costs up to 45 times as much."""
        await writer.write(self._value)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """The length is known and was announced."""
        del content_length
        await self.write(writer)


class Connections:
    """At most `concurrency` connections, kept alive between requests."""

    def __init__(self, config: DestinationConfig) -> None:
        self.config = config
        self.opened = 0
        self.sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self.session: aiohttp.ClientSession | None = None
        self.in_use: dict[aiohttp.ClientSession, int] = {}
        self.replace_at = 0.0
        self.tls = Tls(config)

    def __repr__(self) -> str:
        return f"<Connections {self.config.name} {self.open_now()} open, {self.opened} opened>"

    def open_now(self) -> int:
        """Connections that are open."""
        return sum(1 for sock in self.sockets if sock.fileno() != -1)

    async def request(self, method: str, url: URL, payload: bytes, headers: Mapping[str, str]) -> Answer:
        """One request and its answer. Raises Later or Pause where there is no answer.

        An answer that is no success, or sends us elsewhere, has our secrets masked where it repeats them.
        """
        try:
            answer = await self._post(method, url, payload, headers)
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            trouble = self._trouble(error, url, headers)
            trouble.sent = not isinstance(error, UNCONNECTED)
            forget(error)
        else:
            return answer if 200 <= answer.status < 300 else _without(answer, secrets_sent(self.config, url, headers))
        try:
            raise trouble  # out here, where it has no context
        finally:
            del trouble  # or this frame and it would hold each other

    def _trouble(self, error: aiohttp.ClientError | OSError, url: URL, headers: Mapping[str, str]) -> Later | Pause:
        refusal = tls_refusal(error)
        if refusal is None:
            words = masked(str(error), secrets_sent(self.config, url, headers))[:MAX_MESSAGE]
            return later(error, url, self.config.timeout, words)
        hint = self.tls.trouble or "check the certificates and tls.ca_file"
        return Pause(f"TLS to {shown_url(str(url))} failed: {refusal}; {hint}")

    async def _post(self, *request: Any) -> Answer:
        session, trace = self._current(), SimpleNamespace(reused=False)
        try:
            return await self._once(session, trace, *request)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if not trace.reused or isinstance(error, aiohttp.ClientConnectorError):
                raise
        # The server closed the idle connection while we wrote to it. aiohttp repeats a PUT and never a POST. What ended
        # one idle connection has often ended all of them: the second try gets a new one.
        self._retire(session)
        return await self._once(self._current(), trace, *request)

    async def _once(
        self,
        session: aiohttp.ClientSession,
        trace: SimpleNamespace,
        method: str,
        url: URL,
        payload: bytes,
        headers: Mapping[str, str],
    ) -> Answer:
        self.in_use[session] = self.in_use.get(session, 0) + 1
        try:
            async with session.request(
                method, url, data=Body(payload), headers=headers, allow_redirects=False, trace_request_ctx=trace
            ) as response:
                return await _read(response, MAX_SPAN if method in ("GET", "PATCH") else MAX_ANSWER)
        finally:
            await self._done(session)

    def _current(self) -> aiohttp.ClientSession:
        now = asyncio.get_running_loop().time()
        renewed = self.tls.renewed()
        if self.session is not None and (renewed or now >= self.replace_at):
            self._retire(self.session)
        if self.session is None:
            self.session = self._make()
            age = self.config.max_connection_age
            self.replace_at = inf if age is None else now + age * random.uniform(1 - AGE_JITTER, 1)  # noqa: S311
        return self.session

    def _retire(self, session: aiohttp.ClientSession) -> None:
        """No request begins on its connections any more; those in hand finish, and the last one closes it."""
        if session is self.session:
            self.session = None
        self.in_use.setdefault(session, 0)

    async def _done(self, session: aiohttp.ClientSession) -> None:
        self.in_use[session] -= 1
        for old in [old for old, used in self.in_use.items() if used == 0 and old is not self.session]:
            await old.close()
            self.in_use.pop(old, None)  # after the await, so that `close` still finds it; another may have been faster

    def _make(self) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(self._created)
        trace.on_connection_reuseconn.append(_reused)
        connector = aiohttp.TCPConnector(
            limit=self.config.concurrency,
            keepalive_timeout=self.config.keepalive,
            ssl=self.tls.context,
            socket_factory=self._socket,
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=self.config.timeout),
            trace_configs=[trace],
            auto_decompress=True,
            skip_auto_headers=[hdrs.CONTENT_TYPE],
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def _socket(self, address: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, _ = address
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        self.sockets.add(sock)
        return sock

    async def _created(self, *_: object) -> None:
        self.opened += 1

    async def close(self) -> None:
        """Close every connection; attempts in hand fail."""
        for session in {*self.in_use, *([self.session] if self.session else [])}:
            await session.close()


async def _reused(_session: object, context: SimpleNamespace, _params: object) -> None:
    context.trace_request_ctx.reused = True


async def _read(response: aiohttp.ClientResponse, most: int) -> Answer:
    """The answer with so many bytes of its body at most."""
    words, size = b"", 0
    try:
        while size < MAX_READ and (more := await response.content.read(MAX_ANSWER)):
            words += more[: most - len(words)]
            size += len(more)
    except aiohttp.ClientPayloadError:
        if response.ok:
            raise  # what could not be read may have named spans that were rejected
    if not response.content.at_eof():
        response.close()  # an answer without end must not keep the slot, nor the connection
    return Answer(status=response.status, words=words, headers=response.headers)


def _without(answer: Answer, secrets: Sequence[str]) -> Answer:
    """The answer with its words masked, before anything is cut off: half a secret would not be known as one."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    beginning = answer.words[: 4 * MAX_TEXT + 4]  # bytes: four a character at most, and one character more
    words = masked(said(headers.get("content-type", ""), beginning), secrets).encode()
    return Answer(status=answer.status, words=words, headers=headers)
