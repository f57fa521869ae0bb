"""An agent with the unmodified OpenTelemetry SDK: its batch processor, its OTLP exporter, over the unix socket."""

import argparse
import random
import socket
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

import requests
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

from inspan.wire import TRACES
from inspan_collector.demo.agents.report import Report, turns
from inspan_collector.demo.agents.story import Span, turn

TURNS: Final = 200.0  # a second; about 1,500 spans/s, which costs the SDK 8 % of a core
BATCH: Final = 64  # spans a request. The SDK's own 512 every 5 s would hide what happens in between
DELAY: Final = 100.0  # ms
BUFFER: Final = 16_384  # spans; the SDK drops past it without saying so, and here every span is to be seen


class UnixAdapter(HTTPAdapter):
    """Sends what `requests` would send to a host to a unix socket."""

    def __init__(self, path: str) -> None:
        self.pool = _Pool(path)
        super().__init__()

    def get_connection_with_tls_context(self, *_: object, **__: object) -> HTTPConnectionPool:
        """The pool, whatever the URL says."""
        return self.pool


class _Pool(HTTPConnectionPool):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self.path = path

    def _new_conn(self) -> "_Connection":
        return _Connection(self.path)


class _Connection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self.path = path

    def _new_conn(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(10)
        sock.connect(self.path)
        return sock


class Counted(SpanExporter):
    """The exporter, and how its exports ended."""

    def __init__(self, exporter: SpanExporter, report: Report) -> None:
        self.exporter = exporter
        self.report = report

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export, and count."""
        result = self.exporter.export(spans)
        self.report.requests += 1
        if result is SpanExportResult.SUCCESS:
            self.report.accepted += len(spans)
            self.report.ended += len(spans)
        return result

    def shutdown(self) -> None:
        """Close the exporter."""
        self.exporter.shutdown()


def main() -> int:
    """Trace until the seconds are over, then shut the SDK down. The last line says what became of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()
    report = Report(name=f"OpenTelemetry {version('opentelemetry-sdk')}")
    provider = _provider(arguments.socket, report)
    tracer = provider.get_tracer("inspan demo")
    chance = random.Random(arguments.seed)  # noqa: S311  # made-up spans, not secrets
    for _ in turns(report, arguments.seconds, TURNS):
        spans = turn(chance, time.time_ns())
        report.spans += len(spans)
        report.copies += len(spans)  # one of each: the SDK exports what has ended
        _trace(tracer, spans)
    provider.shutdown()
    report.lost = report.copies - report.accepted
    report.say()
    return 0


def _provider(path: str, report: Report) -> TracerProvider:
    """The SDK, as its documentation sets it up, but for the session."""
    session = requests.Session()
    session.trust_env = False  # a proxy of the environment has no business with a local socket
    session.mount("http://", UnixAdapter(path))
    exporter = OTLPSpanExporter(f"http://localhost{TRACES}", session=session, compression=Compression.Gzip)
    processor = BatchSpanProcessor(
        Counted(exporter, report), max_queue_size=BUFFER, schedule_delay_millis=DELAY, max_export_batch_size=BATCH
    )
    provider = TracerProvider(resource=Resource.create({"service.name": "demo-sdk"}))
    provider.add_span_processor(processor)
    return provider


def _trace(tracer: trace.Tracer, spans: Sequence[Span]) -> None:
    """The same turn as the SDK's spans, ended children first."""
    *children, whole = spans
    root = tracer.start_span(whole.name, start_time=whole.start, attributes={"output.value": whole.text})
    context = trace.set_span_in_context(root)
    for child in children:
        span = tracer.start_span(
            child.name,
            context,
            start_time=child.start,
            attributes={"inspan.type": child.type, "output.value": child.text},
        )
        span.end(child.end)
    root.end(whole.end)


if __name__ == "__main__":
    sys.exit(main())
