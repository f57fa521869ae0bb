"""An agent in a process of its own: the unmodified OpenTelemetry SDK. Its last line says what was taken of it.

With --socket its exporter is given a session on that socket, else it is configured by its environment alone.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

sys.path.insert(
    0, str(Path(__file__).parents[2])
)  # it is run as a file, so that it needs nothing installed but the SDK
from tests.e2e.otel_spans import make_spans, provider
from tests.e2e.unix_session import ENDPOINT, UnixAdapter, unix_session


class Counted(SpanExporter):
    """Counts what the exporter says it got rid of, and what it lost."""

    def __init__(self, inner: SpanExporter) -> None:
        self.inner = inner
        self.counts = {"taken": 0, "lost": 0}

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self.inner.export(spans)
        self.counts["taken" if result is SpanExportResult.SUCCESS else "lost"] += len(spans)
        return result

    def shutdown(self) -> None:
        self.inner.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=Path)
    parser.add_argument("--spans", type=int, default=0, help="as many")
    parser.add_argument("--seconds", type=float, default=0.0, help="for so long")
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    counted = Counted(_exporter(arguments.socket))
    made = provider(f"otel-{arguments.seed}", BatchSpanProcessor(counted, max_export_batch_size=rng.randint(20, 200)))
    make_spans(made, arguments.spans, rng)
    end = time.monotonic() + arguments.seconds
    while time.monotonic() < end:
        make_spans(made, rng.randint(1, 120), rng)
        time.sleep(rng.random() * 0.1)
    made.shutdown()
    print(json.dumps(counted.counts))


def _exporter(socket: Path | None) -> OTLPSpanExporter:
    if socket is None:
        return OTLPSpanExporter()
    session = unix_session(UnixAdapter(socket))
    return OTLPSpanExporter(ENDPOINT, session=session, compression=Compression.Gzip)


if __name__ == "__main__":
    main()
