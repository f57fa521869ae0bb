"""SGP: spans upserted in batches, `PUT /v5/spans/batch`, and single ones changed, `PATCH /v5/spans/{id}`."""

from typing import Final

from inspan.wire import SGP_BATCH, SGP_SPANS
from inspan_collector.config.model import DestinationConfig
from inspan_collector.exporters.changes import NOT_THERE, ChangingExporter
from inspan_collector.exporters.http import Shape
from inspan_collector.receipt import Receipt

# Source: scale_gp_beta 0.7.0, the docstring of `spans.update`: accounts that write to the tracing service have upserts
# alone, and are answered 501. 405 is what a gateway says that lets no PATCH through.
NEVER: Final = {
    NOT_THERE: "the span is not there",
    405: "spans cannot be changed here",
    501: "the spans of this account cannot be changed",
}


def sgp_exporter(config: DestinationConfig) -> ChangingExporter:
    """One SGP account; `url` is the API's base, to which the paths are added."""
    base = (config.url or "").rstrip("/")
    shape = Shape(
        formats=frozenset({"span_json"}),
        upserts=True,
        method="PUT",
        url=base + SGP_BATCH,
        frame=lambda body: b'{"items":' + body + b"}",
        receipt=lambda content_type, words: Receipt(),  # noqa: ARG005  a batch is written whole or refused whole
    )
    return ChangingExporter(config, shape, base + SGP_SPANS, NEVER)
