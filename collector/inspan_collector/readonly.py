"""The admin address is for reading, and not by somebody's page: which requests pass, and what every answer says."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import hdrs, web

from inspan_collector.hosts import Hosts

READING: Final = ("GET", "HEAD")
# Whoever probes knows us by whatever name, is restarted or restarts us by the answer, and learns no more than that.
PROBES: Final = ("/livez", "/readyz")
# Beside these no header lets another origin read an answer, which is what CORS would be.
SAID: Final = {
    "x-content-type-options": "nosniff",  # words of an agent that is no friend are never taken for a page
    "cache-control": "no-store",  # what is true now
    "cross-origin-resource-policy": "same-origin",  # not as a picture or script of another page either
    "content-security-policy": "frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def readonly(hosts: Hosts) -> web.Application:
    """An application that is read, and called by names that are ours. What it answers may say more of SAID itself."""

    @web.middleware
    async def pass_readers(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method not in READING:
            return _refusal(405, "here is nothing but to read\n", {"allow": ", ".join(READING)})
        if request.body_exists or hdrs.CONTENT_ENCODING in request.headers:
            return _refusal(413, "no body is read here\n")
        called = request.headers.getall(hdrs.HOST, [])
        if request.path not in PROBES and not all(map(hosts.know, called)):
            return _refusal(403, _stranger(", ".join(called)))
        return await handler(request)

    app = web.Application(middlewares=[pass_readers])
    app.on_response_prepare.append(_say)
    return app


def _stranger(called: str) -> str:
    return f"this is not called {called[:80]!r}: call it by its address, or add the name to admin.allow_hosts\n"


def _refusal(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """The last answer of its connection: the body that may follow is not waited for."""
    refusal = web.Response(status=status, text=text, headers=headers)
    refusal.force_close()
    return refusal


async def _say(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in SAID.items():
        response.headers.setdefault(name, value)
