"""What gzip alone costs: no sidecar that compresses can be faster, whatever else it does."""

import time
from pathlib import Path
from typing import Final

import msgspec

from bench.bodies import Shape
from inspan_collector.exporters.compress import gzip

BATCH_SPANS: Final = 2000  # inspan's defaults: a batch ends at the first of the two
BATCH_BYTES: Final = 4 << 20
TIMES: Final = 5


class Floor(msgspec.Struct, frozen=True):
    """speed: spans per CPU-second of the compressor. ratio: compressed to plain. size: bytes of the batch."""

    shape: Shape
    speed: float
    ratio: float
    size: int


def gzip_alone(shape: Shape, path: Path) -> Floor:
    """Compress one full batch of the shape's bodies, as inspan does; the best of a few times."""
    bodies = msgspec.msgpack.decode(path.read_bytes(), type=list[bytes])
    most = min(BATCH_SPANS, BATCH_BYTES // shape.span_bytes) // shape.spans
    batch = b"".join(bodies[:most])
    best = min(_seconds(batch) for _ in range(TIMES))
    spans = len(bodies[:most]) * shape.spans
    return Floor(shape, spans / best, len(gzip(batch)) / len(batch), len(batch))


def _seconds(batch: bytes) -> float:
    before = time.thread_time()
    gzip(batch)
    return time.thread_time() - before
