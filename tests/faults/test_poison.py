"""One span of ten thousand that the upstream refuses, and an upstream that refuses them all."""

import math
import time
from pathlib import Path
from typing import Any, Final

import pytest
from tests.collector.pipeline.upstream import otlp_spans
from tests.e2e.sink_process import SinkProcess
from tests.faults.rig import LONG, Agents, Watch, add_up, behave, config
from tests.sidecar import Sidecar

SPANS: Final = 10_000
POST: Final = 100
BATCH: Final = 1000
BAD: Final = 4_321
REFUSED_FOR: Final = 60.0 if LONG else 4.0  # s
A_MINUTE: Final = 20  # requests in which an upstream that refuses everything is asked

# A connection may break once by itself; twice, while others are served, makes the spans suspect.
DETECTING: Final = {"400": 1, "413": 1, "422": 1, "reset": 2}
# A span alone that nobody blamed in words is sent until bad luck is out of the question, one in 1e9.
CONDEMNING: Final = {"400": 0, "413": 0, "422": 0, "reset": 10}
# After a 413 batches are half as large for a while, so there are twice as many.
BESIDE: Final = CONDEMNING | {"413": SPANS // BATCH}


def destination(url: str, **more: Any) -> dict[str, Any]:
    """Batches that are always full: the linger is longer than it takes to post everything."""
    batch = {"max_spans": BATCH, "linger": "1s"}
    retry = {"initial": "20ms", "max": "100ms"}
    return {"name": "up", "kind": "otlp", "url": url + "/v1/traces", "batch": batch, "retry": retry} | more


def post_all(sidecar: Sidecar) -> None:
    for first in range(0, SPANS, POST):
        good = [number for number in range(first, first + POST) if number != BAD]
        body = otlp_spans(good) + (otlp_spans([BAD], b"poison") if len(good) < POST else b"")
        assert sidecar.post("/v1/traces", body)[0] == 200


@pytest.mark.parametrize("answer", ["400", "413", "422", "reset"])
def test_one_poisoned_span_of_ten_thousand_is_quarantined_alone_and_soon(tmp_path: Path, answer: str) -> None:
    with (
        SinkProcess(tmp_path, "--reject-span", "poison", "--reject-status", answer) as sink,
        Sidecar(config(destination(sink.url))) as sidecar,
    ):
        post_all(sidecar)
        began = time.monotonic()
        metrics = Watch(sidecar).until_delivered()
        took = time.monotonic() - began
        ledger = sidecar.stop()
        count = sink.count()
    add_up([{"acked": SPANS, "unknown": 0}], ledger, count)
    refusals = count["resets"] if answer == "reset" else count["answered"][answer]
    print(f"{answer}: {count['requests']} requests, {refusals} refused, in {took:.1f} s")
    assert ledger["destinations"]["up"] == {"enqueued": SPANS, "delivered": SPANS - 1, "quarantined": 1}
    assert metrics['inspan_quarantine_spans{destination="up"}'] == 1
    # Each level of the search is two requests: the half with the span in it, and the other one.
    assert count["requests"] <= SPANS // BATCH + DETECTING[answer] + 2 * math.log2(BATCH) + 2 + BESIDE[answer]
    assert refusals <= DETECTING[answer] + math.log2(BATCH) + 1 + CONDEMNING[answer]


def test_an_upstream_that_refuses_everything_is_left_alone_and_nothing_is_quarantined(
    tmp_path: Path, seed: int
) -> None:
    with (
        SinkProcess(tmp_path, "--status", "400") as sink,
        Sidecar(config(destination(sink.url), drain={"deadline": "5s"})) as sidecar,
    ):
        watch = Watch(sidecar)
        flags = ("--rate", "50", "--spans", "20", "--connections", "4", "--kinds", "otlp", "--retry")
        with Agents(tmp_path, sidecar.socket, seed, *flags) as agents:
            watch.during(REFUSED_FOR)
            asked = sink.count()["requests"]
            metrics = watch.look()
            agents.enough()
            counted = agents.count()
        assert asked <= A_MINUTE
        assert metrics['inspan_gate_state{destination="up",state="paused"}'] == 1
        assert metrics['inspan_spans_quarantined_total{destination="up"}'] == 0
        behave(sink)
        ledger = sidecar.stop()
        count = sink.count()
    print(f"{asked} requests in {REFUSED_FOR:.0f} s")
    add_up([counted], ledger, count)
    assert ledger["destinations"]["up"].keys() == {"enqueued", "delivered"}
