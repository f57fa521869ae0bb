"""OTLP over TCP loopback, for programs that can do no more than read their environment."""

import json
import sys
from pathlib import Path

from tests.e2e.process import Process, free_ports
from tests.e2e.sink_process import SinkProcess
from tests.sidecar import Sidecar

AGENT = Path(__file__).with_name("otel_agent.py")


def test_an_unmodified_program_reaches_the_sidecar_by_its_environment_alone(tmp_path: Path, seed: int) -> None:
    [port] = free_ports(1)
    with SinkProcess(tmp_path) as sink:
        destination = {"name": "up", "kind": "otlp", "url": sink.url + "/v1/traces"}
        with Sidecar({"listen": f"127.0.0.1:{port}", "destinations": [destination]}) as sidecar:
            environ = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{port}/v1/traces"}
            argv = [sys.executable, str(AGENT), "--spans", "700", "--seed", str(seed)]
            with Process(argv, tmp_path / "agent.log", environ) as agent:
                assert agent.wait(30) == 0, agent.said()
            assert json.loads(agent.said().splitlines()[-1]) == {"taken": 700, "lost": 0}
            sidecar.until('inspan_spans_delivered_total{destination="up"}', 700)
            ledger = sidecar.stop()
        count = sink.count()
    assert (count["spans"], count["unique"]) == (700, 700)
    assert ledger["dialects"]["otlp"] == {"received": 700, "accepted": 700, "refused": {}}
    assert ledger["destinations"] == {"up": {"enqueued": 700, "delivered": 700}}
