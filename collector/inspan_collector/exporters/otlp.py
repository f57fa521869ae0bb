"""OTLP over HTTP: protobuf and JSON, as the chunks came."""

from inspan_collector.config.model import DestinationConfig
from inspan_collector.exporters.http import HttpExporter, Shape
from inspan_collector.formats.otlp_answer import receipt


def otlp_exporter(config: DestinationConfig) -> HttpExporter:
    """One OTLP/HTTP endpoint; `url` is used as it is."""
    shape = Shape(
        formats=frozenset({"otlp_protobuf", "otlp_json"}),
        upserts=False,
        method="POST",
        url=config.url or "",
        frame=None,
        receipt=receipt,
    )
    return HttpExporter(config, shape)
