"""What commands see of quarantine, and do with it."""

import asyncio
import base64
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from inspan_collector.control.answers import Unfit, as_json, number, read
from inspan_collector.quarantine import Entry, Quarantine, read_id, shown_id
from inspan_collector.row import Refused

LIMIT: Final = 100  # entries of a list where nobody says
MAX_LIMIT: Final = 1000  # of an answer: a megabyte, with the longest messages
PORTION: Final = 32  # entries that are replayed or dropped at once: their bodies are in memory meanwhile
PROTOBUF: Final = "otlp_protobuf"  # the format that is no text

Act = Callable[[Quarantine, Sequence[int]], Awaitable[list[int]]]


class Selection(msgspec.Struct, forbid_unknown_fields=True):
    """Which entries a command means. all: every one of the destination, or of all destinations where none is named."""

    ids: list[str] = []
    all: bool = False
    destination: str | None = None


class Quarantines:
    """Serves them. by_name: of every destination."""

    def __init__(self, by_name: Callable[[], Mapping[str, Quarantine]]) -> None:
        self.by_name = by_name

    def routes(self) -> list[web.RouteDef]:
        """What is served, and where."""
        return [
            web.get("/quarantine", self._list),
            web.get("/quarantine/{id}", self._one),
            web.post("/quarantine/replay", self._replay),
            web.post("/quarantine/drop", self._drop),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        after, limit = number(request, "after", 0), min(number(request, "limit", LIMIT), MAX_LIMIT)
        found: list[Entry] = []
        for quarantine in self._chosen(request.query.get("destination")).values():
            found += await quarantine.entries(after, limit + 1)
        found.sort(key=lambda entry: entry.id)
        shown = found[:limit]
        more = shown_id(shown[-1].id) if shown and len(found) > limit else None
        return as_json({"entries": [_entry(entry) for entry in shown], "next": more})

    async def _one(self, request: web.Request) -> web.Response:
        number = _id(request.match_info["id"])
        for quarantine in self.by_name().values():
            refused = await quarantine.one(number)
            if refused is not None:
                return as_json(_entry(Entry.of(refused)) | _body(refused))
        raise Unfit(404, f"nothing in quarantine has the id {shown_id(number)}: see `inspan quarantine ls`")

    async def _replay(self, request: web.Request) -> web.Response:
        return await self._change(request, "replayed", lambda quarantine, numbers: quarantine.replay(numbers))

    async def _drop(self, request: web.Request) -> web.Response:
        return await self._change(request, "dropped", lambda quarantine, numbers: quarantine.drop(numbers))

    async def _change(self, request: web.Request, verb: str, act: Act) -> web.Response:
        selection = await read(request, Selection)
        if selection.all == bool(selection.ids):
            raise Unfit(400, "name some ids, or all: one of the two")
        chosen = self._chosen(selection.destination)
        if selection.all:
            counts = [await _change_all(quarantine, act) for quarantine in chosen.values()]
            done, left = (sum(column) for column in zip(*counts, strict=True))
            return as_json({verb: done, "left": left, "unknown": []})
        asked = list(dict.fromkeys(_id(text) for text in selection.ids))
        changed = {number for quarantine in chosen.values() for number in await act(quarantine, asked)}
        left = [number for number in asked if number not in changed]
        unknown = [shown_id(number) for number in left if await _nowhere(chosen, number)]
        return as_json({verb: len(changed), "left": len(left) - len(unknown), "unknown": unknown})

    def _chosen(self, name: str | None) -> Mapping[str, Quarantine]:
        """The one of this destination, or all of them."""
        quarantines = self.by_name()
        if name is None:
            return quarantines
        if name not in quarantines:
            raise Unfit(404, f"no destination is called {name}: there is {', '.join(quarantines)}")
        return {name: quarantines[name]}


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
