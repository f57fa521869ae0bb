"""Ends of single spans: each is looked at, `GET`, and where it is open, changed, `PATCH`, at its own path."""

import time
from datetime import UTC, datetime
from typing import Final, cast
from urllib.parse import quote

import msgspec
from msgspec.json import Decoder
from yarl import URL

from inspan_collector.config.model import DestinationConfig
from inspan_collector.errors import InspanError
from inspan_collector.exporters.connections import Answer
from inspan_collector.exporters.http import HttpExporter, Shape
from inspan_collector.exporters.verdict import LATER, MAX_MESSAGE, raise_for
from inspan_collector.formats import Format, json_text, span_patch
from inspan_collector.receipt import Receipt

MAX_ID: Final = 4000  # bytes of a path; half of the 8,000 that RFC 9110, section 4.1, wants taken of a whole URI
NOT_THERE: Final = 404

# 405 is what a gateway says that lets no PATCH through, 501 what SGP says to accounts that have upserts alone.
NEVER: Final = (405, 501)

END: Final = "end_timestamp"  # in span_patch
_DOTS: Final = frozenset({".", ".."})  # RFC 3986, section 5.2.4: taken out of a path on its way


class Target(msgspec.Struct):
    """Which span is changed."""

    id: str


_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # foreign words may nest at will
_target: Final = Decoder(Target)
_members: Final = Decoder(dict[str, msgspec.Raw])
_encoder: Final = msgspec.json.Encoder()


class _UnseenError(InspanError):
    """A span is there, and what it says cannot be read."""


class ChangingExporter(HttpExporter):
    """An HTTP upstream that takes ends of single spans too: the format `span_patch`.

    Who ended a span may not have told us, but another sidecar: so it is looked at first, and left alone where it has
    ended, or is not there.

    spans_url: below it are the spans. start, end: its members that say when a span has begun and ended.
    """

    def __init__(self, config: DestinationConfig, shape: Shape, spans_url: str, *, start: str, end: str) -> None:
        super().__init__(config, shape)
        self.spans_url = str(URL(spans_url))
        self.start = start
        self.end = end

    async def encode(self, format: Format, body: bytes) -> bytes:
        """See Exporter.encode. Changes are compressed one by one, when they are sent."""
        return body if format.name == span_patch.name else await super().encode(format, body)

    async def send(self, format: Format, payload: bytes, spans: int) -> Receipt:
        """Send encoded bytes. Raises Later, Isolate or Pause: then all are sent again, which changes nothing twice."""
        if format.name != span_patch.name:
            return await super().send(format, payload, spans)
        rejected, needless, message = 0, 0, ""
        for span in json_text.elements(payload):
            members = json_text.members(span)
            span_id = _target.decode(span).id
            del members["id"], members["trace_id"]
            try:
                there = await self._look(span_id)
            except _UnseenError as error:  # it may have ended, and would be overwritten
                rejected, message = rejected + 1, str(error)
                continue
            if there is None or self._has_ended(there):
                # Ours may be there already, where an attempt that failed further on has written it.
                needless += there is None or not _is_ours(there, members)
                continue
            self._end_not_before(there, members)
            answer = await self.change(span_id, _encoder.encode(self.renamed(members)))
            if answer.status in NEVER and there:
                answer = await self.rewrite(there | members) or answer
            if answer.status == NOT_THERE:
                needless += 1
            elif answer.status in NEVER:
                rejected += 1
                message = f"{answer.status}, it cannot be changed: {answer.words.decode('utf-8', 'replace')}"
            else:
                raise_for(answer.status, answer.words, answer.headers, time.time())
        return Receipt(rejected, message[:MAX_MESSAGE], needless)

    async def _look(self, span_id: str) -> dict[str, msgspec.Raw] | None:
        """The span as it is there: empty where we may not look, None where there is none. Raises _UnseenError where it
        is there and cannot be read."""
        answer = await self._one("GET", span_id)
        if answer.status == NOT_THERE:
            return None
        if answer.status in LATER or (answer.status >= 500 and answer.status not in NEVER):
            raise_for(answer.status, answer.words, answer.headers, time.time())
        try:
            return _members.decode(answer.words) if answer.status == 200 else {}
        except _UNREADABLE:  # longer than what is kept of an answer, or no span
            raise _UnseenError(f"{answer.status}: the answer that was to say whether it has ended is no span") from None

    def _end_not_before(self, there: dict[str, msgspec.Raw], members: dict[str, msgspec.Raw]) -> None:
        """Upstreams refuse a span that ends before it starts: clocks of agents may be ahead of ours."""
        start = _moment(there.get(self.start))
        if start is not None and start > cast(datetime, _moment(members[END])):
            members[END] = there[self.start]

    def _has_ended(self, there: dict[str, msgspec.Raw]) -> bool:
        return bytes(there.get(self.end, b"null")) != b"null"

    async def rewrite(self, span: dict[str, msgspec.Raw]) -> Answer | None:
        """Write the whole span, with its end; None where this upstream has no such thing."""
        del span
        return None

    def renamed(self, members: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
        """The members of a change as this upstream calls them."""
        return members

    async def change(self, span_id: str, body: bytes) -> Answer:
        """Ask for one change. Raises Later or Pause where there is no answer."""
        return await self._one("PATCH", span_id, body)

    async def _one(self, method: str, span_id: str, body: bytes | None = None) -> Answer:
        path = span_id.replace(".", "%2E") if span_id in _DOTS else quote(span_id, safe="", errors="surrogatepass")
        if len(path) > MAX_ID:
            return Answer(status=NOT_THERE, words=b"its id is too long for a path", headers={})
        return await self.ask(method, URL(f"{self.spans_url}/{path}", encoded=True), body)


def _moment(text: msgspec.Raw | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(msgspec.json.decode(text or b"", type=str))
    except (ValueError, msgspec.DecodeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _is_ours(there: dict[str, msgspec.Raw], members: dict[str, msgspec.Raw]) -> bool:
    """Whether a span has ended with the words that we would end it with."""
    try:
        return bool(msgspec.json.decode(there["output"]) == msgspec.json.decode(members["output"]))
    except (KeyError, *_UNREADABLE):
        return False
