"""What the HTTP kinds share; what differs is a shape."""

import time
from collections.abc import Callable

import msgspec
from yarl import URL

from inspan_collector.config.destination import shown_url
from inspan_collector.config.model import DestinationConfig
from inspan_collector.exporters.compress import Compressor
from inspan_collector.exporters.connections import Answer, Connections
from inspan_collector.exporters.headers import request_headers
from inspan_collector.exporters.masking import masked, secrets_sent
from inspan_collector.exporters.verdict import raise_for
from inspan_collector.formats import Format, span_json
from inspan_collector.receipt import Receipt


class Shape(msgspec.Struct, frozen=True):
    """How one kind of upstream is spoken to.

    frame: a plain body as this upstream wants it, None where it is that already. receipt: what a 2xx answer says, from
    its content type and body.
    """

    formats: frozenset[str]
    upserts: bool
    method: str
    url: str
    frame: Callable[[bytes], bytes] | None
    receipt: Callable[[str, bytes], Receipt]


class HttpExporter:
    """One HTTP upstream over pooled connections."""

    def __init__(self, config: DestinationConfig, shape: Shape) -> None:
        self.config = config
        self.shape = shape
        self.formats = shape.formats
        self.upserts = shape.upserts
        self.working = 1 if config.compression == "none" and shape.frame is None else 2
        self.pool = Connections(config)
        self.compressor = Compressor(config.compression)

    def __repr__(self) -> str:
        return f"<HttpExporter {self.config.name} {shown_url(self.shape.url)} {self.pool!r}>"

    async def open(self) -> None:
        """Connections are made when there is something to send."""

    async def close(self) -> None:
        """Close every connection."""
        self.compressor.close()
        await self.pool.close()

    def room(self, format: Format, size: int, spans: int) -> int:
        """See Exporter.room."""
        del format, spans
        return size * self.working

    def faults(self, format: Format, body: bytes) -> list[tuple[int, str]]:
        """What no upstream can parse: it gets what the agent sent."""
        return format.faults(body)

    async def encode(self, format: Format, body: bytes) -> bytes:
        """The body framed and compressed."""
        del format
        return await self.compressor.compress(self.framed(body))

    def framed(self, body: bytes) -> bytes:
        """A plain body as this upstream wants it."""
        return body if self.shape.frame is None else self.shape.frame(body)

    async def send(self, format: Format, payload: bytes, spans: int) -> Receipt:
        """Send encoded bytes. Raises Later, Isolate or Pause."""
        del spans
        headers = request_headers(self.config, format.content_type)
        url = URL(self.shape.url)
        answer = await self.pool.request(self.shape.method, url, payload, headers)
        raise_for(answer.status, answer.words, answer.headers, time.time())
        receipt = self.shape.receipt(answer.headers.get("content-type", ""), answer.words)
        if not receipt.message:
            return receipt
        secrets = secrets_sent(self.config, url, headers)
        return msgspec.structs.replace(receipt, message=masked(receipt.message, secrets))

    async def ask(self, method: str, url: URL, body: bytes | None = None) -> Answer:
        """One request with a plain JSON body, or none, and its answer. Raises Later or Pause where there is none."""
        if body is None:
            return await self.pool.request(method, url, b"", request_headers(self.config, None))
        headers = request_headers(self.config, span_json.content_type)
        return await self.pool.request(method, url, await self.compressor.compress(body), headers)

    def connections(self) -> tuple[int, int]:
        """Connections open now, and opened since the start."""
        return self.pool.open_now(), self.pool.opened
