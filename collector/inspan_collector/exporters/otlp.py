"""OTLP over HTTP: protobuf and JSON as the chunks came, and spans of our own JSON translated into protobuf."""

import asyncio

from inspan_collector.config.model import DestinationConfig
from inspan_collector.errors import UNSENT, Isolate, MalformedChunk, Untranslatable
from inspan_collector.exporters.http import HttpExporter, Shape
from inspan_collector.formats import Format, otlp_protobuf, span_json
from inspan_collector.formats.otlp_answer import receipt
from inspan_collector.receipt import Receipt


class OtlpExporter(HttpExporter):
    """An OTLP upstream that takes our own JSON too.

    It is translated at the attempt, so that the queue holds what the agent sent, and quarantine shows that. What
    translates is imported when there is something to translate: where agents speak OTLP that saves memory at rest.
    """

    def room(self, format: Format, size: int, spans: int) -> int:
        """See Exporter.room. Translated: the JSON, its OTLP in slices, and those joined, or compressed."""
        if format.name != span_json.name:
            return super().room(format, size, spans)
        from inspan_collector.translate import GROWTH

        return size + 2 * (size + spans * GROWTH)

    def faults(self, format: Format, body: bytes) -> list[tuple[int, str]]:
        """See Exporter.faults. Of what is translated: the spans for which that is not possible."""
        if format.name != span_json.name:
            return super().faults(format, body)
        from inspan_collector.translate import faults

        return faults(body)

    async def encode(self, format: Format, body: bytes) -> bytes:
        """Translated where it must be, and compressed. Raises Isolate where a span cannot be translated."""
        return await super().encode(format, await _translated(body) if format.name == span_json.name else body)

    async def send(self, format: Format, payload: bytes, spans: int) -> Receipt:
        """Send encoded bytes. Raises Later, Isolate or Pause."""
        return await super().send(otlp_protobuf if format.name == span_json.name else format, payload, spans)


def otlp_exporter(config: DestinationConfig) -> OtlpExporter:
    """One OTLP/HTTP endpoint; `url` is used as it is."""
    shape = Shape(
        formats=frozenset({"otlp_protobuf", "otlp_json", "span_json"}),
        upserts=False,
        method="POST",
        url=config.url or "",
        frame=None,
        receipt=receipt,
    )
    return OtlpExporter(config, shape)


async def _translated(body: bytes) -> bytes:
    """Slice by slice, with a turn for the others on the loop after each: 2,000 spans take 50 ms."""
    from inspan_collector.translate import request, slices

    parts: list[bytes] = []
    try:
        for spans in slices(body):
            parts.append(request(spans))
            await asyncio.sleep(0)
    except (Untranslatable, MalformedChunk) as error:
        raise Isolate(UNSENT, f"cannot be translated to OTLP: {error}") from None
    return b"".join(parts)
