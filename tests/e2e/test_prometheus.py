"""A real Prometheus scrapes a real sidecar to which everything happens, and every panel has something to show.

The sidecar has a life before, which was killed with spans in memory; an upstream that throttles and refuses some spans,
one that is slow and rejects some, one that is away and one that refuses everything; a spool; and an agent that makes
more than it may keep.
"""

import itertools
import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.collector.sink.posts import JSON, otlp, sgp_span
from tests.e2e.process import free_ports
from tests.e2e.prometheus import Prometheus
from tests.e2e.sink_process import SinkProcess
from tests.prometheus.boards import Shown, filled, queries
from tests.prometheus.programs import program
from tests.prometheus.rules import alerts
from tests.sidecar import Sidecar

import inspan

pytestmark = pytest.mark.e2e
PATIENCE = 150.0  # s; "when last" is told to the minute, so it takes one and some more
LABELS = {"namespace": "shop", "pod": "till-0", "node": "n1"}
NOW = {"$__rate_interval": "10s", "$__interval": "5s", "$__range_s": "300", "$__range": "5m"}
LOST = 7  # spans in memory alone when the life before was killed
# Those that need no long time to be sure.
AT_ONCE = {"InspanSpansDropped", "InspanCrashLosses", "InspanAgentsDropping", "InspanQuarantineGrowing"}


def upstream(name: str, url: str, **more: Any) -> dict[str, Any]:
    kind = more.pop("kind", "otlp")
    path = "/v1/traces" if kind == "otlp" else ""
    return {"name": name, "kind": kind, "url": url + path, "batch": {"linger": "50ms"}} | more


def config(home: Path, port: int, sinks: dict[str, SinkProcess]) -> dict[str, Any]:
    return {
        "socket": {"path": str(home / "inspan.sock")},
        "admin": {"listen": f"127.0.0.1:{port}"},
        "spool": {"path": str(home / "spool.db"), "mode": "overflow"},
        "drain": {"deadline": "1s"},
        "limits": {"max_span_bytes": "64KiB"},
        "destinations": [
            upstream("moody", sinks["moody"].url),
            upstream("sgp", sinks["moody"].url, kind="sgp", headers={"x-api-key": "k"}, upsert={"dedupe": {}}),
            upstream("slow", sinks["slow"].url, concurrency=1),
            upstream("away", f"http://127.0.0.1:{free_ports(1)[0]}"),
            upstream("refusing", sinks["refusing"].url),
        ],
    }


class Load:
    """Posts until it is told to stop: in each dialect, some that the upstream refuses, some that make no sense."""

    def __init__(self, sidecar: Sidecar) -> None:
        self.sidecar = sidecar
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.client = inspan.Client(sidecar.socket, service="planner", max_bytes=64 * 1024)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()
        self.client.close()

    def run(self) -> None:
        for number in itertools.count(1):
            if self.over.wait(0.1):
                return
            names = ["llm.chat"] * 20 + ["poison"] * (number % 10 == 0)
            self.sidecar.post("/v1/traces", otlp(*names, first=1000 * number))
            self.sidecar.post("/v1/spans", json.dumps([sgp_span(f"s{number // 2}")]).encode(), JSON)
            if number % 10 == 0:
                self.sidecar.post("/v1/traces", b"nonsense")
                large = sgp_span(f"l{number}", input={"text": "x" * 100_000})
                self.sidecar.post("/v1/spans", json.dumps([large]).encode(), JSON)
                for _ in range(100):
                    with self.client.span("step", input={"prompt": "x" * 4096}):
                        pass


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    program("prometheus")  # before anything is started
    home = tmp_path_factory.mktemp("prometheus")
    (port,) = free_ports(1)
    with ExitStack() as stack:
        sinks = {}
        for name, flags in {
            "moody": ("--delay", "2ms-20ms", "--status", "503", "--every", "7", "--reject-span", "poison"),
            "slow": ("--delay", "1s", "--partial", "1"),
            "refusing": ("--status", "401"),
        }.items():
            (home / name).mkdir()
            sinks[name] = stack.enter_context(SinkProcess(home / name, *flags))
        told = config(home, port, sinks)
        with Sidecar(told) as former:
            former.post("/v1/traces", otlp(*["lost"] * LOST))
            former.until('inspan_spans_enqueued_total{destination="away"}', LOST)
            former.signal(signal.SIGKILL)
            former.process.wait()
        found = stack.enter_context(Prometheus(home, {f"127.0.0.1:{port}": LABELS}))
        sidecar = stack.enter_context(Sidecar(told))
        with Load(sidecar):
            yield found


def silent(prometheus: Prometheus, asked: list[Shown]) -> list[Shown]:
    """Those that have nothing to show."""
    return [shown for shown in asked if not prometheus.ask(filled(shown.expression, NOW))]


def test_every_panel_has_something_to_show(prometheus: Prometheus) -> None:
    end = time.monotonic() + PATIENCE
    left = list(queries())
    while (left := silent(prometheus, left)) and time.monotonic() < end:
        time.sleep(1)
    assert not left, "\n".join(f"{shown}: {filled(shown.expression, NOW)}" for shown in left)


def asked(prometheus: Prometheus, panel: str, reference: str = "A") -> dict[tuple[str, ...], float]:
    """What a panel of the fleet shows, by the labels that tell rows apart."""
    (shown,) = [
        each for each in queries() if (each.board, each.panel, each.reference) == ("inspan-fleet", panel, reference)
    ]
    rows = prometheus.ask(filled(shown.expression, NOW))
    return {tuple(labels[name] for name in sorted(labels)): value for labels, value in rows}


def test_the_first_screen_says_what_was_lost_where_whose_and_when(prometheus: Prometheus) -> None:
    lost = asked(prometheus, "Lost, by sidecar, destination and reason")
    last = asked(prometheus, "Lost, by sidecar, destination and reason", "B")
    assert lost.keys() == last.keys()
    assert lost["away", "shop", "till-0", "crash"] == LOST
    assert lost["slow", "shop", "till-0", "rejected"] > 0
    for moment in last.values():
        assert 0 <= time.time() - moment / 1000 < PATIENCE + 60
    whose = asked(prometheus, "Lost before the socket, by service and reason")
    assert whose["shop", "till-0", "buffer_full", "planner"] > 0
    assert asked(prometheus, "Lost in 5 minutes")[()] >= lost["slow", "shop", "till-0", "rejected"]
    assert asked(prometheus, "Upstreams that refuse us")[()] == 1
    assert asked(prometheus, "Upstreams that are away")[()] >= 1
    assert asked(prometheus, "Books that do not balance")[()] == 0


def test_every_rule_is_evaluated_and_those_that_need_no_time_fire(prometheus: Prometheus) -> None:
    rules = prometheus.rules()
    assert {(rule["name"], rule["health"], rule.get("lastError", "")) for rule in rules} == {
        (rule["name"], "ok", "") for rule in rules
    }
    states = {rule["name"]: rule["state"] for rule in rules if rule["type"] == "alerting"}
    assert states.keys() == alerts().keys()
    assert {name for name, state in states.items() if state == "firing"} >= AT_ONCE
    assert states["InspanPaused"] in ("pending", "firing")
    assert states["InspanImbalance"] == states["InspanDiskTrouble"] == "inactive"
