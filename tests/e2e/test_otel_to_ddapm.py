"""The unmodified OpenTelemetry SDK over the unix socket, into Datadog's test agent: an upstream that is not ours."""

import base64
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from tests.client.otel.test_examples import ZERO_CODE, instrumented, run
from tests.e2e.ddapm import forget, requests, running_ddapm
from tests.e2e.otel_spans import make_spans, names_in, plain, provider, spans_in
from tests.e2e.unix_session import ENDPOINT, UnixAdapter, unix_session
from tests.sidecar import Sidecar

SPANS = 300  # of each of the two services


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_ddapm(tmp_path_factory.mktemp("ddapm")) as url:
        yield url


@pytest.fixture
def ddapm(running: str) -> str:
    forget(running)
    return running


def taken_by(url: str) -> list[tuple[dict[str, str], bytes]]:
    """(headers, inflated body) of every post."""
    return [
        (each["headers"], base64.b64decode(each["body"]))
        for each in requests(url)
        if each["url"].endswith("/v1/traces")
    ]


def export(socket: Path, compression: Compression, rng: random.Random) -> list[bytes]:
    """Send two services' spans as agents do. Returns the bodies that were taken, inflated."""
    adapters = []
    for service in ("planner", "writer"):
        adapter = UnixAdapter(socket)
        exporter = OTLPSpanExporter(ENDPOINT, session=unix_session(adapter), compression=compression)
        made = provider(service, BatchSpanProcessor(exporter, max_export_batch_size=40), team=f"{service}s")
        make_spans(made, SPANS, rng)
        made.shutdown()
        adapters.append(adapter)
    taken = [each for adapter in adapters for each in adapter.taken]
    assert {headers.get("Content-Encoding", "none") for headers, _ in taken} == {compression.value}
    return [plain(headers, body) for headers, body in taken]


@pytest.mark.parametrize("upstream", ["none", "gzip"])
@pytest.mark.parametrize("agent", [Compression.NoCompression, Compression.Gzip], ids=lambda each: each.value)
def test_the_upstream_gets_exactly_the_spans_that_the_sdk_sent_in_fewer_and_fuller_requests(
    ddapm: str, rng: random.Random, agent: Compression, upstream: str
) -> None:
    destination = {
        "name": "ddapm",
        "kind": "otlp",
        "url": ddapm + "/v1/traces",
        "compression": upstream,
        "batch": {"max_spans": 130, "linger": "200ms"},  # neither a multiple of the agents' batches nor of all
    }
    with Sidecar({"destinations": [destination]}) as sidecar:
        sent = export(sidecar.socket, agent, rng)
        sidecar.until('inspan_spans_delivered_total{destination="ddapm"}', 2 * SPANS)
        ledger = sidecar.stop()
    taken = taken_by(ddapm)
    got = spans_in(body for _, body in taken)
    assert got == spans_in(sent)
    assert got.total() == 2 * SPANS
    assert len(taken) < len(sent)
    assert {headers.get("Content-Encoding", "none") for headers, _ in taken} == {upstream}
    assert ledger == {
        "dialects": {
            "otlp": {"received": 2 * SPANS, "accepted": 2 * SPANS, "refused": {}},
            "spans": {"received": 0, "accepted": 0, "refused": {}},
            "sgp": {"received": 0, "accepted": 0, "refused": {}},
            "agentex": {"received": 0, "accepted": 0, "refused": {}},
            "liveness": {"received": 0, "accepted": 0, "refused": {}},
            "unknown": {"received": 0, "accepted": 0, "refused": {}},
        },
        "destinations": {"ddapm": {"enqueued": 2 * SPANS, "delivered": 2 * SPANS}},
        "imbalance": 0,
    }


def test_a_program_that_knows_nothing_of_inspan_is_traced_by_its_environment_alone(ddapm: str) -> None:
    with Sidecar({"destinations": [{"name": "ddapm", "kind": "otlp", "url": ddapm + "/v1/traces"}]}) as sidecar:
        run(instrumented(), "zero_code.py", sidecar.socket, ZERO_CODE)
        ledger = sidecar.stop()
    names = [name for _, _, name in names_in(body for _, body in taken_by(ddapm))]
    assert names == ["llm.chat", "agent.turn"]
    assert ledger["destinations"] == {"ddapm": {"enqueued": 2, "delivered": 2}}
