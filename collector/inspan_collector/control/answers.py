"""How the control socket reads what it is asked, and answers: JSON, and what went wrong as JSON too."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from aiohttp import web

from inspan_collector.errors import InspanError
from inspan_collector.quarantine import read_id

S = TypeVar("S")


class Unfit(InspanError):
    """What was asked for makes no sense here. status: of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def as_json(value: object, status: int = 200) -> web.Response:
    """The answer with this body."""
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


@web.middleware
async def refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """What went wrong, as JSON."""
    try:
        return await handler(request)
    except Unfit as error:
        return as_json({"error": str(error)}, error.status)
    except web.HTTPException as error:
        return as_json({"error": f"{request.method} {request.path}: {error.reason}"}, error.status)
    except InspanError as error:
        return as_json({"error": str(error)}, 503)


async def read(request: web.Request, shape: type[S]) -> S:
    """The body. Raises Unfit."""
    try:
        return msgspec.json.decode(await request.read(), type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unfit(400, f"the body does not fit: {error}") from None


def number(request: web.Request, name: str, default: int) -> int:
    """A number of the query. Raises Unfit."""
    text = request.query.get(name)
    if text is None:
        return default
    found = read_id(text)
    if found is None:
        raise Unfit(400, f"{name}: expected a number")
    return found
