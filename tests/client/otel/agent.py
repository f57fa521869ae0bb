"""An agent in a process of its own, with one of our ways in. It never shuts anything down; its last line, written when
all else has ended, is the account of its client.

With --fork it forks after the first half of its spans, and the child makes as many of its own.
"""

import argparse
import atexit
import json
import os
import sys
from pathlib import Path

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from inspan import otel

WAYS = {"processor": otel.SpanProcessor, "batch": otel.SpanExporter}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=WAYS)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--spans", type=int, default=100)
    parser.add_argument("--fork", action="store_true")
    arguments = parser.parse_args()
    way = WAYS[arguments.kind](socket=arguments.socket)
    atexit.register(_say, way)  # before the provider's own, which therefore comes first
    made = TracerProvider()
    sink: SpanProcessor = way if isinstance(way, otel.SpanProcessor) else BatchSpanProcessor(way)
    made.add_span_processor(sink)
    half = arguments.spans // 2
    _trace(made, "parent", range(half))
    if arguments.fork and os.fork() == 0:
        _trace(made, "child", range(arguments.spans))
        return
    _trace(made, "parent", range(half, arguments.spans))
    if arguments.fork:
        os.wait()


def _trace(made: TracerProvider, who: str, numbers: range) -> None:
    for number in numbers:
        made.get_tracer("t").start_span(f"{who} {number}").end()


def _say(way: otel.SpanProcessor | otel.SpanExporter) -> None:
    stats = way.client.stats()
    kept = {"recorded": stats.recorded, "accepted": stats.accepted, "left": stats.queued + stats.in_flight}
    print(json.dumps({**kept, "dropped": {reason: count for reason, count in stats.dropped.items() if count}}))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
