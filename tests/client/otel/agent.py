"""An agent in a process of its own, with one of our ways in. It never shuts anything down; its last line, written when
all else has ended, is the account of its client.

With --late inspan is imported when the provider has been made already, so that its exit comes first. With --fork it
forks after the first half of its spans, and the child makes as many of its own.
"""

import argparse
import atexit
import json
import os
import sys
from pathlib import Path

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

Account = dict[str, object]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["processor", "batch"])
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--spans", type=int, default=100)
    parser.add_argument("--late", action="store_true")
    parser.add_argument("--fork", action="store_true")
    arguments = parser.parse_args()
    account: Account = {}
    atexit.register(_say, account)  # before all others, and so behind them
    if not arguments.late:
        import inspan  # noqa: F401
    made = TracerProvider()
    made.add_span_processor(_way(arguments.kind, arguments.socket, account))
    half = arguments.spans // 2
    _trace(made, "parent", range(half))
    made.force_flush(1)  # a batch processor hands over what it has; one of ours need not wait for it
    if arguments.fork and os.fork() == 0:
        _trace(made, "child", range(arguments.spans))
        return
    _trace(made, "parent", range(half, arguments.spans))
    if arguments.fork:
        os.wait()


def _way(kind: str, socket: Path, account: Account) -> SpanProcessor:
    from inspan import otel

    way = otel.SpanProcessor(socket=socket) if kind == "processor" else otel.SpanExporter(socket=socket)
    account["client"] = way.client
    return BatchSpanProcessor(way) if isinstance(way, SpanExporter) else way


def _trace(made: TracerProvider, who: str, numbers: range) -> None:
    for number in numbers:
        made.get_tracer("t").start_span(f"{who} {number}").end()


def _say(account: Account) -> None:
    from inspan import Client

    client = account["client"]
    assert isinstance(client, Client)
    stats = client.stats()
    kept = {"recorded": stats.recorded, "accepted": stats.accepted, "left": stats.queued + stats.in_flight}
    print(json.dumps({**kept, "dropped": {reason: count for reason, count in stats.dropped.items() if count}}))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
