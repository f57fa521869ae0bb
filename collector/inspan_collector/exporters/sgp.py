"""SGP: spans upserted in batches, `PUT /v5/spans/batch`."""

from inspan.wire import SGP_BATCH
from inspan_collector.config.model import DestinationConfig
from inspan_collector.exporters.http import HttpExporter, Shape
from inspan_collector.receipt import Receipt


def sgp_exporter(config: DestinationConfig) -> HttpExporter:
    """One SGP account; `url` is the API's base, to which the batch path is added."""
    shape = Shape(
        formats=frozenset({"span_json"}),
        upserts=True,
        method="PUT",
        url=(config.url or "").rstrip("/") + SGP_BATCH,
        frame=lambda body: b'{"items":' + body + b"}",
        receipt=lambda content_type, words: Receipt(),  # noqa: ARG005  a batch is written whole or refused whole
    )
    return HttpExporter(config, shape)
