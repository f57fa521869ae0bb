"""Serves the files of the page, as they lie in `assets/`: there is no step between what is written and what is sent."""

import hashlib
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

TYPES: Final = {"css": "text/css", "html": "text/html", "js": "text/javascript", "svg": "image/svg+xml"}
INDEX: Final = "index.html"
ASSETS: Final = Path(__file__).with_name("assets")

# Foreign names are shown as text alone. Should one ever get to be markup, it still runs nothing and asks nobody.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",  # kept, and asked for by its tag: after an upgrade nobody sees the page of before
}


class _File(msgspec.Struct, frozen=True):
    body: bytes
    content_type: str
    tag: str


class Page:
    """All files, read when it is made."""

    def __init__(self) -> None:
        self.files = {path.name: _read(path.read_bytes(), path.name) for path in ASSETS.iterdir()}

    def __repr__(self) -> str:
        return f"<Page {len(self.files)} files, {sum(len(file.body) for file in self.files.values())} bytes>"

    def routes(self) -> list[web.RouteDef]:
        """Of everything but `/` itself. What they answer is no one's secret, and changes nothing."""
        return [web.get("/page/{name}", self._asset)]

    def index(self, request: web.Request) -> web.Response:
        """The page."""
        return self._answer(request, INDEX)

    async def _asset(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.files:
            raise web.HTTPNotFound
        return self._answer(request, name)

    def _answer(self, request: web.Request, name: str) -> web.Response:
        file = self.files[name]
        known = request.if_none_match
        headers = HEADERS | {"etag": f'"{file.tag}"', "vary": "accept"}
        if known is not None and any(tag.value == file.tag for tag in known):
            return web.Response(status=304, headers=headers)
        return web.Response(body=file.body, content_type=file.content_type, charset="utf-8", headers=headers)


def _read(body: bytes, name: str) -> _File:
    return _File(body, TYPES[name.rpartition(".")[2]], hashlib.sha256(body).hexdigest()[:16])
