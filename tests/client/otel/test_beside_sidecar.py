"""Each way in through a real sidecar: its upstream gets what the SDK's own encoder would have sent."""

import random
from collections.abc import Callable

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from tests.client.otel.odd_spans import Ended, make, provider
from tests.client.otel.scripted import Scripted
from tests.e2e.otel_spans import spans_in
from tests.sidecar import Sidecar

from inspan import otel
from inspan.otel.session import session

SPANS = 400  # of each of two providers
WAYS: dict[str, Callable[[], SpanProcessor]] = {
    "processor": otel.SpanProcessor,
    "batch": lambda: BatchSpanProcessor(otel.SpanExporter()),
    "simple": lambda: SimpleSpanProcessor(otel.SpanExporter()),
    "session": lambda: BatchSpanProcessor(OTLPSpanExporter(session=session())),
}


@pytest.mark.parametrize("way", WAYS)
def test_resources_scopes_and_all_of_a_span_arrive_unchanged(
    way: str, rng: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = Ended()
    with Scripted(None) as upstream:
        destination = {"name": "up", "kind": "otlp", "url": upstream.url, "compression": "none"}
        with Sidecar({"destinations": [destination], "spool": None}) as sidecar:
            monkeypatch.setenv("INSPAN_SOCKET", str(sidecar.socket))
            made = [provider(rng, ended, WAYS[way]()) for _ in range(2)]
            for _ in range(4):
                for each in made:
                    make(each, SPANS // 4, rng)
            for each in made:
                each.shutdown()
            ledger = sidecar.stop()
    assert ledger["dialects"]["otlp"] == {"received": 2 * SPANS, "accepted": 2 * SPANS, "refused": {}}
    assert ledger["imbalance"] == 0
    assert spans_in(upstream.taken.values()) == spans_in([encode_spans(ended.spans).SerializeToString()])
