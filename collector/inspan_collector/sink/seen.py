"""A request as a sink saw it."""

from collections.abc import Mapping

from aiohttp import web


class Seen:
    """One request. headers: their names in any case. body: inflated. status: answered, None if it was not."""

    __slots__ = ("accepted", "body", "headers", "method", "path", "status")

    def __init__(self, request: web.BaseRequest) -> None:
        self.method = request.method
        self.path = request.path
        self.headers: Mapping[str, str] = request.headers
        self.body = b""
        self.status: int | None = None
        self.accepted = False

    def __repr__(self) -> str:
        return f"<Seen {self.method} {self.path} {len(self.body)} bytes, answered {self.status}>"
