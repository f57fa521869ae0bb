import gzip
import random
from pathlib import Path

import pytest
import requests
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from tests.client.otel.odd_spans import Ended, make, provider
from tests.client.otel.scripted import Scripted
from tests.e2e.otel_spans import spans_in

from inspan import Client
from inspan.life import LEAST_BYTES
from inspan.otel.session import ClientAdapter, session

URL = "https://collector.example/v1/traces"
KIND = {"content-type": "application/x-protobuf"}


@pytest.fixture(autouse=True)
def _to(socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSPAN_SOCKET", str(socket))


def client_of(made: requests.Session) -> Client:
    adapter = made.get_adapter(URL)
    assert isinstance(adapter, ClientAdapter)
    return adapter.client


@pytest.mark.parametrize("compression", list(Compression), ids=lambda each: each.value)
def test_the_sdks_own_exporter_delivers_through_it_whatever_its_endpoint(
    compression: Compression, sidecar: Scripted, rng: random.Random
) -> None:
    used, ended = session(), Ended()
    exporter = OTLPSpanExporter(rng.choice([URL, "http://127.0.0.1:1/x"]), session=used, compression=compression)
    made = provider(rng, ended, BatchSpanProcessor(exporter, max_export_batch_size=100))
    make(made, 300, rng)
    made.shutdown()
    assert spans_in(sidecar.taken.values()) == spans_in([encode_spans(ended.spans).SerializeToString()])
    assert client_of(used).stats().accepted == 300


def test_an_exporter_is_answered_200_where_there_is_no_sidecar_and_where_there_is_no_room(rng: random.Random) -> None:
    ended = Ended()
    make(provider(rng, ended), 100, rng)
    client = Client(max_bytes=LEAST_BYTES, close_at_exit=False)
    used = requests.Session()
    used.mount("https://", ClientAdapter(client))
    body = encode_spans(ended.spans).SerializeToString()
    for _ in range(5):
        answer = used.post(URL, body, headers=KIND)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-protobuf")
    said = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert said.rejected_spans > 0
    assert "dropped" in said.error_message
    stats = client.stats()
    assert stats.recorded == 500
    assert stats.queued + stats.in_flight + stats.dropped["buffer_full"] + stats.dropped["too_large"] == 500
    assert OTLPSpanExporter(URL, session=used).export(ended.spans) is SpanExportResult.SUCCESS
    client.close(0)


@pytest.mark.parametrize(
    ("body", "encoding"), [(b"<html>", "none"), (b"plain", "gzip"), (gzip.compress(b"<", mtime=0), "gzip")]
)
def test_what_is_no_export_is_answered_400_which_nobody_tries_again_and_counted(body: bytes, encoding: str) -> None:
    used = session()
    answer = used.post(URL, body, headers={**KIND, "content-encoding": encoding})
    assert (answer.status_code, answer.reason) == (400, "Bad Request")
    assert "Error" in answer.text or "error" in answer.text
    stats = client_of(used).stats()
    assert (stats.recorded, stats.dropped["unencodable"]) == (1, 1)
    client_of(used).close(0)


@pytest.mark.parametrize("path", ["/v1/metrics", "/v1/logs?x=1"])
def test_metrics_and_logs_go_where_their_url_says(path: str, rng: random.Random) -> None:
    used = session()
    used.trust_env = False
    with pytest.raises(requests.ConnectionError):  # port 1: nobody listens there
        used.post(f"http://127.0.0.1:1{path}", b"", headers=KIND)
    assert client_of(used).stats().recorded == 0


def test_closing_the_session_sends_what_there_is(sidecar: Scripted, rng: random.Random) -> None:
    used, ended = session(), Ended()
    make(provider(rng, ended), 30, rng)
    body = encode_spans(ended.spans).SerializeToString()
    used.post(URL, body, headers=KIND)
    used.close()
    assert spans_in(sidecar.taken.values()) == spans_in([body])
    used.post(URL, body, headers=KIND)
    stats = client_of(used).stats()
    assert (stats.accepted, stats.dropped["closed"]) == (30, 30)
