"""AgentEx: spans created one by one, `POST /spans`, and changed, `PATCH /spans/{id}`."""

import time
from typing import Final

from msgspec import Raw
from yarl import URL

from inspan.wire import AGENTEX_SPANS
from inspan_collector.config.model import DestinationConfig
from inspan_collector.errors import Later
from inspan_collector.exporters import agentex_span
from inspan_collector.exporters.agentex_span import AS_AGENTEX, Creation
from inspan_collector.exporters.changes import NOT_THERE, ChangingExporter
from inspan_collector.exporters.connections import Answer
from inspan_collector.exporters.http import Shape
from inspan_collector.exporters.verdict import raise_for
from inspan_collector.formats import Format, json_text, span_json, span_patch
from inspan_collector.receipt import Receipt

TAKEN: Final = 400  # among others: its answer to an id that is there already
RUNNING: Final = 10_000  # ids, 1.5 MB; spans that run at the same time. One that was forgotten costs a request or two


class AgentexExporter(ChangingExporter):
    """An AgentEx upstream. It has no batches: a batch of several spans is so many requests, one after the other.

    It keeps the ids of spans that it created and left open: their next copy is a change. Any other is a creation, and
    becomes a change where the answer may mean that the id is taken.
    """

    def __init__(self, config: DestinationConfig) -> None:
        url = (config.url or "").rstrip("/") + AGENTEX_SPANS
        shape = Shape(
            formats=frozenset({span_json.name}),
            upserts=True,
            method="POST",
            url=url,
            frame=None,
            receipt=lambda content_type, words: Receipt(),  # noqa: ARG005  the answer is the span
        )
        super().__init__(config, shape, url, start="start_time", end="end_time")
        self.working = 3  # joined, its spans, and what creates them
        self.running: dict[str, None] = {}  # in the order of their last copy

    async def encode(self, format: Format, body: bytes) -> bytes:
        """See Exporter.encode. One creation as it is, several as an array; compressed when they are sent."""
        if format.name == span_patch.name:
            return body
        creations = [agentex_span.creation(span) for span in json_text.elements(body)]
        return creations[0] if len(creations) == 1 else span_json.array_of(creations)

    async def send(self, format: Format, payload: bytes, spans: int) -> Receipt:
        """Send encoded bytes. Raises Later, Isolate or Pause: then all are sent again, which changes nothing twice."""
        if format.name == span_patch.name:
            return await super().send(format, payload, spans)
        for body in [payload] if payload.startswith(b"{") else json_text.elements(payload):
            await self._write(body)
        return Receipt()

    def renamed(self, members: dict[str, Raw]) -> dict[str, Raw]:
        """See ChangingExporter.renamed. It has no status."""
        return {AS_AGENTEX.get(name, name): value for name, value in members.items() if name != "status"}

    async def _write(self, body: bytes) -> None:
        span = agentex_span.read(body)
        span_id = agentex_span.id_of(span)
        known = span_id in self.running
        if known and await self._changed(span_id, agentex_span.change(span)) is not None:
            left_open = not span.ended
        else:
            left_open = await self._created(span_id, span, body, known=known)
        self.running.pop(span_id, None)
        if left_open:
            self.running[span_id] = None
            if len(self.running) > RUNNING:
                del self.running[next(iter(self.running))]

    async def _created(self, span_id: str, span: Creation, body: bytes, *, known: bool) -> bool:
        """Create it, or change the one that is there. Returns whether it is open there now.

        known: it was there a moment ago.
        """
        answer = await self.ask("POST", URL(self.spans_url), body)
        if answer.status == TAKEN:
            left_open = await self._found(span_id, span)
            if left_open is not None:
                return left_open
            if known:
                raise Later(f"{TAKEN}: can neither be created nor changed", answer.words.decode("utf-8", "replace"))
        raise_for(answer.status, answer.words, answer.headers, time.time())
        return not span.ended

    async def _found(self, span_id: str, span: Creation) -> bool | None:
        """Change the one that is there, as after a lost answer or a restart: no upstream's words are relied on.

        An open copy changes only one that is open too: this one may be older than what is there. Returns whether it is
        open there now, None where there is none.
        """
        if not span.ended:
            probe = agentex_span.probe(span)
            answer = None if probe is None else await self._changed(span_id, probe)
            if answer is None or not agentex_span.is_open(answer.words):
                return None if answer is None else False
        changed = await self._changed(span_id, agentex_span.change(span))
        return None if changed is None else not span.ended

    async def _changed(self, span_id: str, change: bytes) -> Answer | None:
        """What was said to a change that was made, None where the span is not there."""
        answer = await self.change(span_id, change)
        if answer.status == NOT_THERE:
            self.running.pop(span_id, None)
            return None
        raise_for(answer.status, answer.words, answer.headers, time.time())
        return answer
