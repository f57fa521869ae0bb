"""Translation: spans in our own JSON become OTLP, so that agents that post one can feed an upstream that reads the
other.

Pure: bytes in, bytes out. What has one meaning is translated, however it is written; what OTLP has no word for is kept
under `inspan.`; and what OTLP cannot do without (ids and times) is asked for by name.
"""

from inspan_collector.translate.body import GROWTH, faults, request, slices

__all__ = ["GROWTH", "faults", "request", "slices"]
