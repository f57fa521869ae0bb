"""SGP: spans upserted in batches, `PUT /v5/spans/batch`, and single ones ended, `PATCH /v5/spans/{id}`."""

from typing import Final

import msgspec
from yarl import URL

from inspan.wire import SGP_BATCH, SGP_SPANS
from inspan_collector.config.model import DestinationConfig
from inspan_collector.exporters.changes import ChangingExporter
from inspan_collector.exporters.connections import Answer
from inspan_collector.exporters.http import Shape
from inspan_collector.formats import span_json
from inspan_collector.receipt import Receipt

# What an upsert may name, of what a span has upstream. Source: scale_gp_beta 0.7.0, SpanUpsertBatchParams and Span.
NAMED: Final = (
    *("id", "trace_id", "parent_id", "group_id", "name", "type", "status", "start_timestamp", "end_timestamp"),
    *("input", "output", "expected", "metadata", "obs_trace_id", "obs_span_id"),
    *("application_interaction_id", "application_variant_id"),
)


class SgpExporter(ChangingExporter):
    """One SGP account. Accounts that write to the tracing service have upserts alone: a change is answered 501, and the
    span as it was read is written whole. Source: scale_gp_beta 0.7.0, the docstring of `spans.update`.
    """

    async def rewrite(self, span: dict[str, msgspec.Raw]) -> Answer | None:
        """See ChangingExporter.rewrite."""
        named = {name: span[name] for name in NAMED if name in span and bytes(span[name]) != b"null"}
        body = self.framed(span_json.array_of([msgspec.json.encode(named)]))
        return await self.ask(self.shape.method, URL(self.shape.url), body)


def sgp_exporter(config: DestinationConfig) -> SgpExporter:
    """`url` is the API's base, to which the paths are added."""
    base = (config.url or "").rstrip("/")
    shape = Shape(
        formats=frozenset({"span_json"}),
        upserts=True,
        method="PUT",
        url=base + SGP_BATCH,
        frame=lambda body: b'{"items":' + body + b"}",
        receipt=lambda content_type, words: Receipt(),  # noqa: ARG005  a batch is written whole or refused whole
    )
    return SgpExporter(config, shape, base + SGP_SPANS, start="start_timestamp", end="end_timestamp")
