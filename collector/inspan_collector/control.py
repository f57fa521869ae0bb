"""The control socket, the door of the commands: what shows the contents of spans, or changes what is kept.

Its file has the mode 0600: the kernel lets nobody connect but our own user and root.
"""

import asyncio
import base64
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar, cast

import msgspec
from aiohttp import web

from inspan_collector.errors import InspanError
from inspan_collector.quarantine import Entry, Quarantine, read_id, shown_id
from inspan_collector.row import Refused
from inspan_collector.sockets import BACKLOG, bound
from inspan_collector.tap import DIALECTS, MAX_RATE, RATE, Streams, Wish
from inspan_collector.tracing import Tracing

MODE: Final = 0o600
STOP: Final = 0.5  # s for a command in hand at the end; what it has not asked for yet stays where it is
LIMIT: Final = 100  # entries of a list where nobody says
MAX_LIMIT: Final = 1000  # of an answer: a megabyte, with the longest messages
PORTION: Final = 32  # entries that are replayed or dropped at once: their bodies are in memory meanwhile
NO_SPOOL: Final = "this sidecar has no spool: configure `spool`, as docs/configuration.md says"
PROTOBUF: Final = "otlp_protobuf"  # the format that is no text

NONE: Final = Tracing(dict, time.monotonic)

Answer = Mapping[str, Any]
Act = Callable[[Quarantine, Sequence[int]], Awaitable[list[int]]]
S = TypeVar("S")


class Spool(Protocol):
    """What the commands ask of a spool. Both raise InspanError, with what to do."""

    async def show(self) -> Answer:
        """What is in it by destination, and its state: for JSON."""
        ...

    async def replay(self, source: str, target: str) -> Answer:
        """Give the rows of a destination that is not configured (any more) to one that is. How many, for JSON."""
        ...


class Selection(msgspec.Struct, forbid_unknown_fields=True):
    """Which entries a command means. all: every one of the destination, or of all destinations where none is named."""

    ids: list[str] = []
    all: bool = False
    destination: str | None = None


class Change(msgspec.Struct, forbid_unknown_fields=True, rename={"source": "from", "target": "to"}):
    """Which rows are given to whom."""

    source: str
    target: str


class Unfit(InspanError):
    """What was asked for makes no sense here. status: of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Control:
    """Serves the commands.

    quarantines: of every destination, by name. spool: None without one. tracing: of trails. tapping: None where no
    agents post.
    """

    def __init__(
        self,
        quarantines: Callable[[], Mapping[str, Quarantine]],
        spool: Spool | None = None,
        tracing: Tracing = NONE,
        tapping: Streams | None = None,
    ) -> None:
        self.quarantines = quarantines
        self.spool = spool
        self.tracing = tracing
        self.tapping = tapping

    @contextlib.asynccontextmanager
    async def listening(self, path: Path) -> AsyncIterator[None]:
        """Serve while the context is open. Raises StartError. At the end a command in hand is cut off."""
        app = web.Application(middlewares=[_refusals])
        app.add_routes(
            [
                web.get("/quarantine", self._list),
                web.get("/quarantine/{id}", self._one),
                web.post("/quarantine/replay", self._replay),
                web.post("/quarantine/drop", self._drop),
                web.get(r"/trace/{trace_id:[\s\S]+}", self._trace),  # an id may hold any character
                web.get("/tap", self._tap),
                web.get("/spool", self._spool),
                web.post("/spool/replay", self._spool_replay),
            ]
        )
        with bound(path, MODE, remedy="put socket.path into a directory of its own") as sock:
            runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=STOP)
            await runner.setup()
            try:
                factory = cast("Callable[[], asyncio.Protocol]", runner.server)  # which `setup` has made
                server = await asyncio.get_running_loop().create_unix_server(factory, sock=sock, backlog=BACKLOG)
                try:
                    yield
                finally:
                    server.close()
                    if self.tapping is not None:
                        self.tapping.stop()
            finally:
                await runner.cleanup()

    # Quarantine

    async def _list(self, request: web.Request) -> web.Response:
        after, limit = _number(request, "after", 0), min(_number(request, "limit", LIMIT), MAX_LIMIT)
        found: list[Entry] = []
        for quarantine in self._chosen(request.query.get("destination")).values():
            found += await quarantine.entries(after, limit + 1)
        found.sort(key=lambda entry: entry.id)
        shown = found[:limit]
        more = shown_id(shown[-1].id) if shown and len(found) > limit else None
        return _json({"entries": [_entry(entry) for entry in shown], "next": more})

    async def _one(self, request: web.Request) -> web.Response:
        number = _id(request.match_info["id"])
        for quarantine in self.quarantines().values():
            refused = await quarantine.one(number)
            if refused is not None:
                return _json(_entry(Entry.of(refused)) | _body(refused))
        raise Unfit(404, f"nothing in quarantine has the id {shown_id(number)}: see `inspan quarantine ls`")

    async def _replay(self, request: web.Request) -> web.Response:
        return await self._change(request, "replayed", lambda quarantine, numbers: quarantine.replay(numbers))

    async def _drop(self, request: web.Request) -> web.Response:
        return await self._change(request, "dropped", lambda quarantine, numbers: quarantine.drop(numbers))

    async def _change(self, request: web.Request, verb: str, act: Act) -> web.Response:
        selection = await _read(request, Selection)
        if selection.all == bool(selection.ids):
            raise Unfit(400, "name some ids, or all: one of the two")
        chosen = self._chosen(selection.destination)
        if selection.all:
            counts = [await _change_all(quarantine, act) for quarantine in chosen.values()]
            done, left = (sum(column) for column in zip(*counts, strict=True))
            return _json({verb: done, "left": left, "unknown": []})
        asked = list(dict.fromkeys(_id(text) for text in selection.ids))
        changed = {number for quarantine in chosen.values() for number in await act(quarantine, asked)}
        left = [number for number in asked if number not in changed]
        unknown = [shown_id(number) for number in left if await _nowhere(chosen, number)]
        return _json({verb: len(changed), "left": len(left) - len(unknown), "unknown": unknown})

    def _chosen(self, name: str | None) -> Mapping[str, Quarantine]:
        """The one of this destination, or all of them."""
        quarantines = self.quarantines()
        if name is None:
            return quarantines
        if name not in quarantines:
            raise Unfit(404, f"no destination is called {name}: there is {', '.join(quarantines)}")
        return {name: quarantines[name]}

    async def _trace(self, request: web.Request) -> web.Response:
        return _json(await self.tracing.trace(request.match_info["trace_id"], request.query.get("id")))

    async def _tap(self, request: web.Request) -> web.StreamResponse:
        rate = _number(request, "rate", RATE)
        if not 1 <= rate <= MAX_RATE:
            raise Unfit(400, f"rate: expected 1 to {MAX_RATE} spans a second")
        dialect, service = request.query.get("dialect"), request.query.get("service")
        if dialect is not None and dialect not in DIALECTS:
            raise Unfit(400, f"no dialect is called {dialect}: there is {', '.join(DIALECTS)}")
        if self.tapping is None:
            raise Unfit(404, "nothing passes here")
        return await self.tapping.answer(request, Wish(rate, dialect, service))

    # Spool

    async def _spool(self, _: web.Request) -> web.Response:
        if self.spool is None:
            raise Unfit(404, NO_SPOOL)
        return _json(await self.spool.show())

    async def _spool_replay(self, request: web.Request) -> web.Response:
        change = await _read(request, Change)
        if self.spool is None:
            raise Unfit(404, NO_SPOOL)
        destinations = self.quarantines()
        if change.target not in destinations:
            raise Unfit(404, f"no destination is called {change.target}: there is {', '.join(destinations)}")
        if change.source in destinations:
            raise Unfit(409, f"{change.source} is configured, and sends its own spans")
        return _json(await self.spool.replay(change.source, change.target))


async def _change_all(quarantine: Quarantine, act: Act) -> tuple[int, int]:
    """(entries of which it was done, entries left). What comes in meanwhile is left out: it may be the same again."""
    started = time.time()
    after = done = left = 0
    while portion := [entry.id for entry in await quarantine.entries(after, PORTION) if entry.at <= started]:
        changed = len(await act(quarantine, portion))
        done += changed
        left += len(portion) - changed
        after = portion[-1]
        await asyncio.sleep(0)  # in memory nothing else gives the agents a turn
    return done, left


async def _nowhere(quarantines: Mapping[str, Quarantine], number: int) -> bool:
    return not any([await quarantine.one(number) is not None for quarantine in quarantines.values()])


@web.middleware
async def _refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """What went wrong, as JSON."""
    try:
        return await handler(request)
    except Unfit as error:
        return _json({"error": str(error)}, error.status)
    except web.HTTPException as error:
        return _json({"error": f"{request.method} {request.path}: {error.reason}"}, error.status)
    except InspanError as error:
        return _json({"error": str(error)}, 503)


async def _read(request: web.Request, shape: type[S]) -> S:
    try:
        return msgspec.json.decode(await request.read(), type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unfit(400, f"the body does not fit: {error}") from None


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    number = read_id(text)
    if number is None:
        raise Unfit(400, f"{name}: expected a number")
    return number


def _id(text: str) -> int:
    number = read_id(text)
    if number is None:
        raise Unfit(400, "an id is a number, or a number behind an m: `inspan quarantine ls` shows it")
    return number


def _entry(entry: Entry) -> dict[str, Any]:
    return msgspec.structs.asdict(entry) | {"id": shown_id(entry.id)}


def _body(refused: Refused) -> dict[str, str]:
    """encoding: text or base64."""
    if refused.format != PROTOBUF:
        with contextlib.suppress(UnicodeDecodeError):
            return {"encoding": "text", "body": refused.body.decode()}
    return {"encoding": "base64", "body": base64.b64encode(refused.body).decode()}


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
