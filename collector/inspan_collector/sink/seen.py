"""A request as a sink saw it."""

from collections.abc import Mapping

from aiohttp import web


class Seen:
    """One request. headers: their names in any case. body: inflated. status: answered, None if it was not.

    raw_path: with its escapes, among which a span's id may have slashes.
    """

    __slots__ = ("accepted", "body", "headers", "method", "path", "raw_path", "status")

    def __init__(self, request: web.BaseRequest) -> None:
        self.method = request.method
        self.path = request.path
        self.raw_path = request.rel_url.raw_path
        self.headers: Mapping[str, str] = request.headers
        self.body = b""
        self.status: int | None = None
        self.accepted = False

    def __repr__(self) -> str:
        return f"<Seen {self.method} {self.path} {len(self.body)} bytes, answered {self.status}>"
