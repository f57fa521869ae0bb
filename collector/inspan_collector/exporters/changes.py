"""Changes of single spans, one request each: `PATCH` to the path of the span."""

import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec.json import Decoder
from yarl import URL

from inspan_collector.config.model import DestinationConfig
from inspan_collector.exporters.connections import Answer
from inspan_collector.exporters.http import HttpExporter, Shape
from inspan_collector.exporters.verdict import MAX_MESSAGE, raise_for
from inspan_collector.formats import Format, json_text, span_patch
from inspan_collector.receipt import Receipt

MAX_ID: Final = 4000  # bytes of a path; half of the 8,000 that RFC 9110, section 4.1, wants taken of a whole URI
NOT_THERE: Final = 404

_DOTS: Final = frozenset({".", ".."})  # RFC 3986, section 5.2.4: taken out of a path on its way


class Target(msgspec.Struct):
    """Which span is changed."""

    id: str


_target: Final = Decoder(Target)
_encoder: Final = msgspec.json.Encoder()


class ChangingExporter(HttpExporter):
    """An HTTP upstream that takes changes of single spans too: the format `span_patch`.

    spans_url: below it are the spans. never: what answers to a change that no repetition will heal mean, in words, by
    status; such a change counts as rejected.
    """

    def __init__(self, config: DestinationConfig, shape: Shape, spans_url: str, never: Mapping[int, str]) -> None:
        super().__init__(config, shape)
        self.spans_url = str(URL(spans_url))
        self.never = never

    async def encode(self, format: Format, body: bytes) -> bytes:
        """See Exporter.encode. Changes are compressed one by one, when they are sent."""
        return body if format.name == span_patch.name else await super().encode(format, body)

    async def send(self, format: Format, payload: bytes, spans: int) -> Receipt:
        """Send encoded bytes. Raises Later, Isolate or Pause: then all are sent again, which changes nothing twice."""
        if format.name != span_patch.name:
            return await super().send(format, payload, spans)
        rejected, message = 0, ""
        for span in json_text.elements(payload):
            members = json_text.members(span)
            del members["id"], members["trace_id"]
            answer = await self.change(_target.decode(span).id, _encoder.encode(self.renamed(members)))
            why = self.never.get(answer.status)
            if why is None:
                raise_for(answer.status, answer.words, answer.headers, time.time())
            else:
                rejected += 1
                message = f"{answer.status}, {why}: {answer.words.decode('utf-8', 'replace')}"
        return Receipt(rejected, message[:MAX_MESSAGE])

    def renamed(self, members: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
        """The members of a change as this upstream calls them."""
        return members

    async def change(self, span_id: str, body: bytes) -> Answer:
        """Ask for one change. Raises Later or Pause where there is no answer."""
        path = span_id.replace(".", "%2E") if span_id in _DOTS else quote(span_id, safe="", errors="surrogatepass")
        if len(path) > MAX_ID:
            return Answer(status=NOT_THERE, words=b"its id is too long for a path", headers={})
        return await self.ask("PATCH", URL(f"{self.spans_url}/{path}", encoded=True), body)
