"""arize-phoenix as the upstream: it answers 503 by itself when its queue is full, and we see it through."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from tests.e2e.json_tree import Seen, in_ids_of_the_agent, known, make_tree, written
from tests.e2e.otel_spans import Name, make_spans, names_in, provider
from tests.e2e.process import Process, answers, found, free_ports, get, wait_until
from tests.e2e.unix_session import ENDPOINT, UnixAdapter, unix_session
from tests.sidecar import Sidecar

pytestmark = pytest.mark.e2e

SPANS = 3000
QUEUE = 200  # spans; phoenix stores some 240 a second, so 3,000 overrun it
START = 120.0  # s; it migrates a new database first
STORING = 120.0  # s
PROJECT = "inspan"
DEFAULT = "default"  # the project of spans that name none


class Phoenix:
    """A running phoenix, and the spans that it stored."""

    def __init__(self, url: str) -> None:
        self.url = url

    def stored(self) -> list[Name]:
        """The spans of the project, page by page; none while the project is not there."""
        if not any(each["name"] == PROJECT for each in self._get("/v1/projects")["data"]):
            return []
        spans: list[Name] = []
        cursor: str | None = ""
        while cursor is not None:
            page = self._get(f"/v1/projects/{PROJECT}/spans?limit=1000" + (f"&cursor={cursor}" if cursor else ""))
            spans += [(each["context"]["trace_id"], each["context"]["span_id"], each["name"]) for each in page["data"]]
            cursor = page["next_cursor"]
        return spans

    def read(self, project: str) -> list[Any]:
        """The spans of a project as phoenix has understood them; at most 1,000."""
        if not any(each["name"] == project for each in self._get("/v1/projects")["data"]):
            return []
        spans: list[Any] = self._get(f"/v1/projects/{project}/spans?limit=1000")["data"]
        return spans

    def _get(self, path: str) -> Any:
        return json.loads(get(self.url + path))


@pytest.fixture
def phoenix(tmp_path: Path) -> Iterator[Phoenix]:
    program = found("INSPAN_TEST_PHOENIX", "phoenix")
    assert program, "phoenix is not installed: `make e2e` does, and names it in INSPAN_TEST_PHOENIX"
    http, grpc = free_ports(2)
    environ = {
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(http),
        "PHOENIX_GRPC_PORT": str(grpc),
        "PHOENIX_WORKING_DIR": str(tmp_path),
        "PHOENIX_SQL_DATABASE_URL": f"sqlite:///{tmp_path}/phoenix.db",
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_MAX_SPANS_QUEUE_SIZE": str(QUEUE),
    }
    url = f"http://127.0.0.1:{http}"
    with Process([program, "serve"], tmp_path / "phoenix.log", environ) as process:
        process.until(lambda: answers(url + "/healthz"), START)
        yield Phoenix(url)


def test_every_span_is_stored_by_an_upstream_that_says_503_of_its_own_accord(
    phoenix: Phoenix, rng: random.Random
) -> None:
    destination = {
        "name": "phoenix",
        "kind": "otlp",
        "url": phoenix.url + "/v1/traces",
        "batch": {"max_spans": 100},
        "retry": {"max": "2s"},
    }
    delivered = 'inspan_spans_delivered_total{destination="phoenix"}'
    with Sidecar({"destinations": [destination]}) as sidecar:
        adapter = UnixAdapter(sidecar.socket)
        exporter = OTLPSpanExporter(ENDPOINT, session=unix_session(adapter))
        made = provider(
            "agent", BatchSpanProcessor(exporter, max_queue_size=SPANS), **{"openinference.project.name": PROJECT}
        )
        make_spans(made, SPANS, rng)
        made.shutdown()
        sent = names_in(body for _, body in adapter.taken)
        wait_until(lambda: sidecar.metrics()[delivered] == SPANS, STORING, why=lambda: str(sidecar.status()))
        metrics, events = sidecar.metrics(), json.loads(sidecar.get("/events?after=0")[2])["events"]
        ledger = sidecar.stop()
    wait_until(lambda: len(phoenix.stored()) >= SPANS, STORING, why=lambda: f"{len(phoenix.stored())} are stored")
    stored = phoenix.stored()
    put_off = metrics['inspan_attempt_duration_seconds_count{decision="later",destination="phoenix"}']
    print(f"{put_off:.0f} attempts put off; events {events}; ledger {ledger}")
    assert sorted(stored) == sorted(sent)
    assert len(sent) == len(set(sent)) == SPANS
    assert put_off > 0
    shut = [event["message"] for event in events if event["kind"] == "gate_shut"]
    assert shut
    assert all("503" in message for message in shut)
    assert ledger["dialects"]["otlp"] == {"received": SPANS, "accepted": SPANS, "refused": {}}
    assert ledger["destinations"] == {"phoenix": {"enqueued": SPANS, "delivered": SPANS}}
    assert ledger["imbalance"] == 0


def seen(span: Any) -> Seen:
    """A span as phoenix shows it."""
    said = span["attributes"]
    assert said["inspan.trace_id"].replace("-", "") == span["context"]["trace_id"]
    return Seen(
        trace=said["inspan.trace_id"],
        own=said["inspan.span_id"],
        parent=None,
        name=span["name"],
        kind=span["span_kind"],
        status=span["status_code"],
        message=span["status_message"],
        start=microseconds(span["start_time"]),
        end=microseconds(span["end_time"]),
        input=said["input.value"],
        output=said["output.value"],
    )


def microseconds(text: str) -> int:
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def test_a_trace_in_json_is_the_same_trace_in_phoenix(phoenix: Phoenix, rng: random.Random) -> None:
    spans = [span for _ in range(4) for span in make_tree(rng, 40)]
    usage = {"prompt_tokens": 12, "completion_tokens": 3}
    call = {**make_tree(rng, 1)[0], "type": "COMPLETION", "output": {"model": "m-1", "usage": usage}, "group_id": "g1"}
    spans.append(call)
    destination = {"name": "phoenix", "kind": "otlp", "url": phoenix.url + "/v1/traces", "retry": {"max": "2s"}}
    with Sidecar({"destinations": [destination]}) as sidecar:
        status, _, answer = sidecar.post("/v1/spans", written(spans).encode(), {"content-type": "application/json"})
        assert (status, json.loads(answer)) == (202, {"accepted": len(spans)})
        sidecar.until('inspan_spans_delivered_total{destination="phoenix"}', len(spans))
        ledger = sidecar.stop()
    wait_until(lambda: len(phoenix.read(DEFAULT)) >= len(spans), STORING, why=lambda: str(phoenix.read(DEFAULT))[:2000])
    stored = phoenix.read(DEFAULT)
    got = in_ids_of_the_agent((span["context"]["span_id"], span["parent_id"], seen(span)) for span in stored)
    assert got == known(spans)
    (said,) = [span["attributes"] for span in stored if span["attributes"]["inspan.span_id"] == call["id"]]
    assert (said["llm.model_name"], said["session.id"]) == ("m-1", "g1")
    assert [said[f"llm.token_count.{each}"] for each in ("prompt", "completion", "total")] == [12, 3, 15]
    assert ledger["destinations"] == {"phoenix": {"enqueued": len(spans), "delivered": len(spans)}}
