"""Starts and ends of the real process: what a person or Kubernetes sees of it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.collector.sink.posts import JSON, otlp, sgp_span
from tests.e2e.process import being_read
from tests.sidecar import PATIENCE, NotStarted, Sidecar

NOWHERE = "http://127.0.0.1:9/v1/traces"  # discard's port: nobody listens


def to_files(home: Path, **sections: Any) -> dict[str, Any]:
    return {"destinations": [{"name": "file", "kind": "file", "path": str(home / "spans")}], **sections}


def to_nowhere(**sections: Any) -> dict[str, Any]:
    return {"destinations": [{"name": "up", "kind": "otlp", "url": NOWHERE}], **sections}


def test_with_no_configuration_it_works_and_says_where_socket_and_files_are() -> None:
    with Sidecar() as sidecar:
        files = sidecar.home / "spans"
        assert sidecar.wait_for("default")["message"].endswith(f"files in {files}")
        assert sidecar.wait_for("ready")["socket"] == str(sidecar.home / "inspan.sock")
        assert sidecar.post("/v1/traces", otlp("a", "b"))[0] == 200
        span = sgp_span(end_timestamp="2026-11-21T01:09:42Z")
        assert sidecar.post("/v1/spans", json.dumps([span]).encode(), JSON)[0] == 202
        ledger = sidecar.stop()
        assert ledger["destinations"] == {"file": {"enqueued": 3, "delivered": 3}}
        assert ledger["imbalance"] == 0
        assert json.loads((files / "spans.jsonl").read_text()) == span
        assert b"a" in (files / "otlp.pb").read_bytes()
        assert not sidecar.socket.exists()


def test_sigterm_sends_what_lingers_and_ends(tmp_path: Path) -> None:
    config = to_files(tmp_path)
    config["destinations"][0]["batch"] = {"linger": "1h"}
    with Sidecar(config) as sidecar:
        sidecar.post("/v1/traces", otlp("a"))
        assert sidecar.metrics()['inspan_queue_spans{destination="file"}'] == 1
        began = time.monotonic()
        assert sidecar.stop()["destinations"]["file"] == {"enqueued": 1, "delivered": 1}
        assert time.monotonic() - began < 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_left_at_the_deadline_is_booked_as_shutdown(number: int) -> None:
    with Sidecar(to_nowhere(drain={"deadline": "500ms"})) as sidecar:
        sidecar.post("/v1/traces", otlp("a", "b"))
        began = time.monotonic()
        sidecar.signal(number)
        ledger = sidecar.ended()
        assert 0.4 < time.monotonic() - began < 2.5
        assert ledger["destinations"]["up"] == {"enqueued": 2, "dropped_shutdown": 2}
        assert ledger["imbalance"] == 0


def test_a_request_that_never_ends_does_not_hold_the_drain_past_its_deadline() -> None:
    with Sidecar(to_nowhere(drain={"deadline": "300ms"})) as sidecar, socket.socket(socket.AF_UNIX) as agent:
        agent.connect(str(sidecar.socket))
        agent.sendall(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n")
        agent.sendall(b"content-length: 100\r\n\r\nbeginning")
        sidecar.until("inspan_memory_bytes", 100)
        began = time.monotonic()
        sidecar.stop()
        assert time.monotonic() - began < 1.5


def test_a_second_signal_ends_the_drain_even_with_a_request_in_hand() -> None:
    with Sidecar(to_nowhere(drain={"deadline": "60s"})) as sidecar, socket.socket(socket.AF_UNIX) as agent:
        sidecar.post("/v1/traces", otlp("a"))
        agent.connect(str(sidecar.socket))
        agent.sendall(b"POST /v1/traces HTTP/1.1\r\n")
        sidecar.until_status("connections", 1)
        sidecar.signal()
        sidecar.wait_for("draining")
        began = time.monotonic()
        sidecar.signal()
        assert sidecar.ended()["destinations"]["up"] == {"enqueued": 1, "dropped_shutdown": 1}
        assert time.monotonic() - began < 1.5


def test_while_it_lingers_it_is_alive_and_not_ready_and_takes_spans(tmp_path: Path) -> None:
    with Sidecar(to_files(tmp_path, drain={"deadline": "20s", "linger": "10s"})) as sidecar:
        sidecar.signal()
        sidecar.wait_for("draining")
        assert sidecar.get("/readyz")[0] == 503
        assert sidecar.get("/livez")[0] == 200
        assert sidecar.post("/v1/traces", otlp("late"))[0] == 200
        sidecar.signal()
        ledger = sidecar.ended()
        assert ledger["dialects"]["otlp"]["accepted"] == ledger["destinations"]["file"]["enqueued"] == 1


def test_a_drain_keeps_livez_up_and_answers_a_half_sent_request_with_503() -> None:
    with Sidecar(to_nowhere(drain={"deadline": "20s"})) as sidecar, socket.socket(socket.AF_UNIX) as agent:
        sidecar.post("/v1/traces", otlp("a"))
        agent.connect(str(sidecar.socket))
        agent.sendall(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\n")
        sidecar.until_status("connections", 1)
        sidecar.signal()
        sidecar.wait_for("draining")
        while sidecar.socket.exists():
            time.sleep(0.005)
        agent.sendall(b"content-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")
        answer = agent.recv(4096).decode()
        assert answer.startswith("HTTP/1.1 503") and "retry-after: 1" in answer and "connection: close" in answer
        assert agent.recv(10) == b""
        assert sidecar.get("/livez")[0] == 200
        assert sidecar.metrics()['inspan_requests_refused_total{dialect="otlp",reason="draining"}'] == 1
        sidecar.signal()
        sidecar.ended()


def test_the_termination_message_is_the_closing_ledger(tmp_path: Path) -> None:
    message = tmp_path / "termination-log"
    with Sidecar(to_nowhere(drain={"deadline": "60s", "termination_message": str(message)})) as sidecar:
        sidecar.post("/v1/traces", otlp("a"))
        sidecar.until('inspan_queue_spans{destination="up"}', 0)
        sidecar.signal()
        while not message.exists():  # written while it still drains: Kubernetes may end it at any moment
            time.sleep(0.005)
        sidecar.wait_for("draining")
        early = json.loads(message.read_bytes())["destinations"]["up"]
        assert early["enqueued"] == 1 and "dropped_shutdown" not in early
        sidecar.signal()
        ledger = sidecar.ended()
        assert json.loads(message.read_bytes()) == ledger


def test_after_kill_9_the_next_start_takes_the_stale_socket(tmp_path: Path) -> None:
    place = {"socket": {"path": str(tmp_path / "i.sock")}}
    with Sidecar(to_files(tmp_path, **place)) as first:
        first.signal(signal.SIGKILL)
        first.process.wait(5)
    assert Path(place["socket"]["path"]).is_socket()
    with Sidecar(to_files(tmp_path, **place)) as second:
        assert second.post("/v1/traces", otlp("a"))[0] == 200


def test_two_on_one_socket_is_a_clear_error_and_the_first_lives_on(tmp_path: Path) -> None:
    place = {"socket": {"path": str(tmp_path / "i.sock")}}
    with Sidecar(to_files(tmp_path, **place)) as first:
        with pytest.raises(NotStarted) as second, Sidecar(to_files(tmp_path, **place)):
            pass
        assert second.value.code == 2
        assert str(first.socket) in second.value.text and "Traceback" not in second.value.text
        assert first.post("/v1/traces", otlp("a"))[0] == 200


@pytest.mark.parametrize("key", ["listen", "admin"])
def test_a_port_in_use_is_a_clear_error(tmp_path: Path, key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        section = {"listen": address} if key == "listen" else {"admin": {"listen": address}}
        with pytest.raises(NotStarted) as error, Sidecar(to_files(tmp_path, **section)):
            pass
    assert error.value.code == 2
    assert address in error.value.text and "in use" in error.value.text and "Traceback" not in error.value.text


def test_a_configuration_with_an_error_names_file_and_key(tmp_path: Path) -> None:
    with pytest.raises(NotStarted) as error, Sidecar(to_files(tmp_path, limits={"max_spam": 1})):
        pass
    assert error.value.code == 2
    assert "inspan.yaml: limits.max_spam" in error.value.text


def test_it_is_ready_within_the_time_that_a_startup_probe_gives(tmp_path: Path) -> None:
    """A bound against accidents (an import that costs a second); the figure itself is measured by the bench."""
    began = time.monotonic()
    with Sidecar(to_files(tmp_path)):
        assert time.monotonic() - began < 5


def test_the_module_is_the_command() -> None:
    run = subprocess.run([sys.executable, "-m", "inspan_collector", "--version"], capture_output=True, check=True)
    assert run.stdout.startswith(b"inspan ")


def test_process_1_ends_at_a_sigterm_that_comes_while_it_starts(tmp_path: Path) -> None:
    prefix = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("no process here can be process 1: unshare is missing, or user namespaces are not allowed")
    configuration = tmp_path / "inspan.yaml"
    os.mkfifo(configuration)
    command = [*prefix, sys.executable, "-m", "inspan_collector", "run", "-c", str(configuration)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            with being_read(configuration):
                [child] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                os.kill(int(child), signal.SIGTERM)
                assert process.wait(PATIENCE) == 128 + signal.SIGTERM
        finally:
            process.kill()
        assert process.stderr is not None
        assert process.stderr.read() == b""
