"""Spans in our own JSON over the unix socket, into Datadog's test agent as OTLP: it reads the tree that was posted."""

import base64
import gzip
import json
import random
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from scale_gp_beta import SGPClient
from tests.e2e.ddapm import decoded, forget, running_ddapm
from tests.e2e.json_tree import Seen, in_ids_of_the_agent, known, make_tree, written
from tests.sidecar import Sidecar

TREES = 12
JSON = {"content-type": "application/json"}


@pytest.fixture
def ddapm(running: str) -> str:
    forget(running)
    return running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_ddapm(tmp_path_factory.mktemp("ddapm")) as url:
        yield url


def read(url: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(the resource's attributes, the span) of everything that the test agent has decoded, in its own JSON."""
    return [
        (attributes(resource["resource"]), span)
        for request in decoded(url)
        for resource in request["resource_spans"]
        for scope in resource["scope_spans"]
        for span in scope["spans"]
    ]


def attributes(holder: dict[str, Any]) -> dict[str, Any]:
    return {each["key"]: each["value"].get("string_value") for each in holder["attributes"]}


def digits(encoded: str) -> str:
    return base64.b64decode(encoded).hex()


def seen(span: dict[str, Any]) -> Seen:
    said, status = attributes(span), span.get("status", {})
    # A UUID is its trace's 16 bytes, and so it is kept: the ids are written in two ways.
    assert said["inspan.trace_id"].replace("-", "") == digits(span["trace_id"])
    return Seen(
        trace=said["inspan.trace_id"],
        own=said["inspan.span_id"],
        parent=None,
        name=span["name"],
        kind=said["openinference.span.kind"],
        status=status.get("code", "STATUS_CODE_UNSET").removeprefix("STATUS_CODE_"),
        message=status.get("message", ""),
        start=int(span["start_time_unix_nano"]) // 1000,
        end=int(span["end_time_unix_nano"]) // 1000,
        input=said["input.value"],
        output=said["output.value"],
    )


def tree_in(taken: list[tuple[dict[str, Any], dict[str, Any]]]) -> list[Seen]:
    return in_ids_of_the_agent(
        (digits(span["span_id"]), digits(span.get("parent_span_id", "")), seen(span)) for _, span in taken
    )


def test_the_tree_that_the_upstream_reads_is_the_one_that_was_posted(ddapm: str, rng: random.Random) -> None:
    trees = [make_tree(rng, rng.randrange(1, 60)) for _ in range(TREES)]
    spans = [span for tree in trees for span in tree]
    odd = {**spans[0], "id": "odd", "start_timestamp": "the day before"}
    started = {**spans[0], "id": "started", "end_timestamp": None}
    destination = {
        "name": "ddapm",
        "kind": "otlp",
        "url": ddapm + "/v1/traces",
        "compression": "gzip",
        "batch": {"linger": "200ms"},
    }
    with Sidecar({"destinations": [destination]}) as sidecar:
        for number, tree in enumerate(trees):
            posted = [*tree, odd, started] if number == 0 else tree
            rng.shuffle(posted)
            body = written(posted).encode()
            headers = JSON if number % 2 else {**JSON, "content-encoding": "gzip"}
            status, _, answer = sidecar.post("/v1/spans", body if number % 2 else gzip.compress(body), headers)
            assert (status, json.loads(answer)) == (202, {"accepted": len(posted)})
        sidecar.until('inspan_spans_delivered_total{destination="ddapm"}', len(spans))
        sidecar.until('inspan_spans_quarantined_total{destination="ddapm"}', 1)
        events = json.loads(sidecar.get("/events?after=0")[2])["events"]
        log = sidecar.text()
        ledger = sidecar.stop()
    taken = read(ddapm)
    assert tree_in(taken) == known(spans)
    agents = {span["id"]: span["metadata"]["__agent_name__"] for span in spans}
    for resource, span in taken:
        assert resource == {"service.name": agents[attributes(span)["inspan.span_id"]], "service.version": "1.0"}
    assert [event["kind"] for event in events] == ["quarantined"]
    assert "the day before" in log, "nobody is told which span it was, and why"
    assert ledger["destinations"] == {"ddapm": {"enqueued": len(spans) + 1, "delivered": len(spans), "quarantined": 1}}
    assert ledger["imbalance"] == 0


def test_the_unmodified_sgp_client_feeds_an_otlp_backend(ddapm: str, rng: random.Random) -> None:
    spans = make_tree(rng, 50)
    destination = {"name": "ddapm", "kind": "otlp", "url": ddapm + "/v1/traces"}
    with (
        Sidecar({"destinations": [destination]}) as sidecar,
        httpx.Client(transport=httpx.HTTPTransport(uds=str(sidecar.socket))) as http,
        SGPClient(api_key="none", account_id="any", base_url="http://sidecar", http_client=http) as client,
    ):
        answer = client.spans.upsert_batch(items=spans)
        assert [each.id for each in answer.items] == [span["id"] for span in spans]
        sidecar.until('inspan_spans_delivered_total{destination="ddapm"}', len(spans))
        sidecar.stop()
    assert tree_in(read(ddapm)) == known(spans)
