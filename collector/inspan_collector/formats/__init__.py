"""Formats: how spans are counted, joined and cut without being decoded."""

from typing import Final

from inspan_collector.formats import otlp_json, otlp_protobuf, span_json, span_patch
from inspan_collector.formats.format import Format, Head, Scan

__all__ = ["FORMATS", "Format", "Head", "Scan"]

FORMATS: Final[dict[str, Format]] = {
    otlp_protobuf.name: otlp_protobuf,
    otlp_json.name: otlp_json,
    span_json.name: span_json,
    span_patch.name: span_patch,
}
