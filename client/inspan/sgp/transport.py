"""In place of the network, below SGP's client: what it posts is taken apart and recorded, and answered at once."""

from collections.abc import Sequence
from typing import Annotated, Final

import httpx
import msgspec

from inspan.client import Client
from inspan.dialects import JSON
from inspan.shared import shared
from inspan.wire import SGP_BATCH

ONE: Final = "/v5/spans"  # SGP's API, "Create a single span"
_NO_RETRY: Final = {"x-should-retry": "false"}  # the SDK heeds it, and would sleep and ask twice more without
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _Key(msgspec.Struct, gc=False):
    id: Annotated[str, msgspec.Meta(min_length=1)]
    trace_id: Annotated[str, msgspec.Meta(min_length=1)]


class _Batch(msgspec.Struct, gc=False):
    items: list[msgspec.Raw]


_read_key: Final = msgspec.json.Decoder(_Key).decode
_read_batch: Final = msgspec.json.Decoder(_Batch).decode


class Transport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """`SGPClient(http_client=httpx.Client(transport=Transport()), …)`, and the same with the two asynchronous clients.

    Serves any number of clients, threads and event loops, and forked processes. Closing it does nothing: spans are
    flushed by `client`, and when the process exits. Key and account are the sidecar's, whatever the SDK's client names.

    `PUT` and `POST …/v5/spans/batch` and `POST …/v5/spans` are answered 200 with the keys of the spans that are kept;
    what is dropped for want of room is missing there, and counted. A span without an `id` or `trace_id` makes it 422,
    which says which one; its neighbours are kept. All else is answered 501.

    client: default: one that all ways in of this process share.
    """

    def __init__(self, client: Client | None = None) -> None:
        self.client = shared() if client is None else client

    def __repr__(self) -> str:
        return f"<Transport {self.client!r}>"

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx.BaseTransport."""
        return self._answer(request, request.read())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx.AsyncBaseTransport. Awaits nothing but the body, which the SDK has whole."""
        return self._answer(request, await request.aread())

    def _answer(self, request: httpx.Request, body: bytes) -> httpx.Response:
        method, path = request.method, request.url.path
        try:
            if path.endswith(SGP_BATCH) and method in ("PUT", "POST"):
                kept, wrong = self._keep(_read_batch(body).items)
                return _refusal(422, wrong) if wrong else _success({"items": kept, "object": "list"})
            if path.endswith(ONE) and method == "POST":
                key = _read_key(body)
                self._offer(body)
                return _success(key)
        except _UNREADABLE as error:
            if path.endswith(ONE):
                self.client.life.lose("unencodable", str(error))
            return _refusal(422 if isinstance(error, msgspec.ValidationError) else 400, str(error))
        return _refusal(
            501,
            f"inspan takes spans and knows nothing else: PUT or POST {SGP_BATCH}, POST {ONE}. "
            f"For {method} {path} use an SGP client without its transport",
        )

    def _keep(self, spans: Sequence[msgspec.Raw]) -> tuple[list[_Key], str]:
        """(keys of those that are kept, what is wrong with others)."""
        kept, wrong = [], []
        for index, span in enumerate(spans):
            try:
                key = _read_key(span)
                taken = self._offer(bytes(span))  # bytes of its own: a part of the body would hold on to the whole
            except _UNREADABLE as error:
                self.client.life.lose("unencodable", str(error))
                wrong.append(f"items[{index}]: {error}")
                continue
            if taken:
                kept.append(key)
        return kept, "; ".join([*wrong, "the spans beside were taken"]) if wrong else ""

    def _offer(self, span: bytes) -> bool:
        if len(span) > self.client.terms.max_span_bytes:
            return self.client.record(msgspec.json.decode(span))  # which shortens its texts
        return self.client.offer((JSON, span, len(span)))


def _success(said: object) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "application/json"}, content=msgspec.json.encode(said))


def _refusal(status: int, message: str) -> httpx.Response:
    """In the words in which the sidecar refuses."""
    said = {"status_code": status, "message": message, "data": None}
    headers = {"content-type": "application/json", **_NO_RETRY}
    return httpx.Response(status, headers=headers, content=msgspec.json.encode(said))
