"""The sink on its socket: reads requests, lets the behaviour have its way, answers, counts."""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from aiohttp import web

from inspan_collector.errors import MalformedChunk, StartError, TooLarge, UnsupportedEncoding
from inspan_collector.formats.otlp_answer import JSON
from inspan_collector.inflate import inflate
from inspan_collector.sink.behaviour import Behaviour
from inspan_collector.sink.connections import Connections, read_body, reset
from inspan_collector.sink.dialects import Upstream, refusal
from inspan_collector.sink.mischief import Deed, Met, Mischief
from inspan_collector.sink.seen import Seen
from inspan_collector.sink.tally import Count, Tally
from inspan_collector.sink.verdict import Verdict, raw_answer

LARGEST_BODY: Final = 256 << 20  # bytes inflated; four times the largest body that an OpenTelemetry SDK makes
STOP: Final = 1.0  # s for answers in hand when the sink stops; only a delay takes so long
DROPS: Final = 8  # pieces of an answer that drips: the head alone arrives in several
DRIP: Final = 0.02  # s between them, so that no two arrive together
GARBAGE: Final = b'\xff\xfe<html>{"items": nonsense'  # neither protobuf, nor JSON, nor UTF-8


class Sink:
    """An upstream that accepts every dialect, counts, and misbehaves as told. `async with` opens it.

    address: host and port, port 0 for any; or a path, for a unix socket. api_key: what SGP posts have to bring.
    unique: count distinct spans, at about 100 bytes each. texts: keep all that SGP's spans say, for `/rows`. keep: keep
    every request, for tests, and texts.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        unix: Path | str | None = None,
        *,
        api_key: str | None = None,
        unique: bool = True,
        texts: bool = False,
        keep: bool = False,
    ) -> None:
        self.host = host
        self.port = port
        self.unix = None if unix is None else Path(unix)
        self.requests: list[Seen] = []
        self._keep = keep
        self._upstream = Upstream(api_key=api_key, unique=unique, texts=texts or keep)
        self._tally = Tally(unique=unique)
        self._mischief = Mischief(behaviour or Behaviour())

    def __repr__(self) -> str:
        return f"<Sink {self.url} {self._tally!r}>"

    async def __aenter__(self) -> Self:
        """Listen.

        Errors: StartError where the address cannot be had.
        """
        self._stopping = asyncio.Event()
        self._connections = Connections(self._answer)
        self._connections.idle = self._mischief.idle
        loop = asyncio.get_running_loop()
        try:
            if self.unix:
                self._server = await loop.create_unix_server(self._connections, str(self.unix))
            else:
                self._server = await loop.create_server(self._connections, self.host, self.port)
                self.port = self._server.sockets[0].getsockname()[1]
        except OSError as why:
            raise StartError(f"the sink cannot listen on {self.unix or f'{self.host}:{self.port}'}: {why}") from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening, close every connection. The counts stay."""
        self._server.close()
        self._stopping.set()
        self._connections.pre_shutdown()
        await self._connections.shutdown(STOP)
        await self._server.wait_closed()
        if self.unix:
            self.unix.unlink(missing_ok=True)

    @property
    def url(self) -> str:
        """Where to post, without a path. On a unix socket every name would do."""
        if self.unix:
            return "http://localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def bodies(self) -> list[bytes]:
        """The bodies taken, inflated, in order; empty unless `keep`."""
        return [seen.body for seen in self.requests if seen.accepted]

    @property
    def behaviour(self) -> Behaviour:
        """The behaviour in force."""
        return self._mischief.behaviour

    def behave(self, behaviour: Behaviour) -> None:
        """Misbehave so from the next request on; "each Nth" counts anew. Who hangs already hangs on."""
        self._mischief = Mischief(behaviour)
        self._connections.idle = self._mischief.idle

    def count(self) -> Count:
        """The numbers so far."""
        connections = self._connections
        return self._tally.count(
            rows=len(self._upstream.rows),
            running=self._upstream.rows.running,
            connections=connections.opened - self._tally.connections_before,
            connections_open=len(connections.connections),
        )

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Every span as it was written last, by dialect: `sgp` (where texts are kept) and `agentex`."""
        found: dict[str, list[dict[str, Any]]] = msgspec.json.decode(self._upstream.spans_there())
        return found

    def reset(self) -> None:
        """Forget every count, row and request. Connections stay open, the behaviour stays in force."""
        self._upstream.forget()
        self._tally = Tally(unique=self._upstream.unique, connections_before=self._connections.opened)
        self.requests.clear()

    async def _answer(self, request: web.BaseRequest) -> None:
        match request.method, request.path:
            case "GET", "/count":
                self._write(request, self._say_count())
            case "GET", "/ids":
                self._write(request, Verdict(200, msgspec.json.encode(self._tally.ids()), JSON))
            case "GET", "/rows":
                self._write(request, Verdict(200, self._upstream.spans_there(), JSON))
            case "POST", "/reset":
                self.reset()
                self._write(request, self._say_count())
            case "POST", "/behave":
                self._write(request, self._say_behave(await read_body(request)))
            case _:
                await self._answer_post(request)

    async def _answer_post(self, request: web.BaseRequest) -> None:
        mischief, tally = self._mischief, self._tally
        tally.requests += 1
        met = mischief.next()
        deed = met.deed
        seen = Seen(request)
        if self._keep:
            self.requests.append(seen)
        sent = await read_body(request)
        tally.bytes += len(sent)
        delay = mischief.delay()
        if delay:
            await asyncio.sleep(delay)
        if deed is Deed.HANG:
            tally.hung += 1
            await self._stopping.wait()  # or until the sender leaves, which cancels us
            return
        verdict = self._judge(seen, sent, mischief, met)
        tally.plain_bytes += len(seen.body)
        if deed is Deed.RESET or verdict.reset:
            self._break_off(request, verdict)
        elif deed is Deed.SWALLOW:
            tally.swallow(verdict)
            self._break_off(request, None)
        elif deed is Deed.DRIP:
            await self._drip(request, verdict)
        elif self._write(request, verdict):
            seen.status, seen.accepted = verdict.status, verdict.accepted
            tally.settle(verdict)
            if deed is Deed.LEAVE and request.transport is not None:
                request.transport.close()  # after what is written

    def _judge(self, seen: Seen, sent: bytes, mischief: Mischief, met: Met) -> Verdict:
        try:
            limit = mischief.behaviour.max_bytes or LARGEST_BODY
            seen.body = inflate(seen.headers.get("content-encoding", ""), sent, limit)
        except TooLarge as why:
            return refusal(seen, 413, str(why))
        except UnsupportedEncoding as why:
            return refusal(seen, 415, str(why))
        except MalformedChunk as why:
            return refusal(seen, 400, str(why))
        if met.deed is Deed.STATUS:
            return refusal(seen, met.status, "misbehaving as asked")
        verdict = self._upstream.judge(seen, mischief)
        if met.deed is Deed.GARBAGE and verdict.accepted:
            verdict.body = GARBAGE
        return verdict

    def _write(self, request: web.BaseRequest, verdict: Verdict) -> bool:
        transport = request.transport
        if transport is None or transport.is_closing():
            return False
        wait = self._mischief.behaviour.retry_after
        transport.write(raw_answer(verdict, keep_alive=request.keep_alive, retry_after=wait))
        return True

    async def _drip(self, request: web.BaseRequest, verdict: Verdict) -> None:
        """The answer in drops. Who leaves before the last cancels us, and has lost the answer."""
        wait = self._mischief.behaviour.retry_after
        whole = raw_answer(verdict, keep_alive=request.keep_alive, retry_after=wait)
        size = -(-len(whole) // DROPS)
        heard = False
        try:
            for start in range(0, len(whole), size):
                await asyncio.sleep(DRIP)
                if request.transport is None:
                    return
                request.transport.write(whole[start : start + size])
            heard = True
        finally:
            (self._tally.settle if heard else self._tally.swallow)(verdict)

    def _break_off(self, request: web.BaseRequest, verdict: Verdict | None) -> None:
        """Reset the connection; after half of the answer, where there is a verdict."""
        self._tally.resets += 1
        if request.transport is not None:
            if verdict is not None:
                whole = raw_answer(verdict, keep_alive=request.keep_alive, retry_after=None)
                request.transport.write(whole[: len(whole) // 2])
            reset(request.transport)

    def _say_count(self) -> Verdict:
        return Verdict(200, msgspec.json.encode(self.count()), JSON)

    def _say_behave(self, body: bytes) -> Verdict:
        try:
            self.behave(msgspec.json.decode(body, type=Behaviour))
        except (msgspec.DecodeError, UnicodeDecodeError) as why:
            return Verdict(400, msgspec.json.encode({"error": str(why)}), JSON)
        return Verdict(200, msgspec.json.encode(self.behaviour), JSON)
