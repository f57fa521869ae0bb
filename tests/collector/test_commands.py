"""`inspan check` and `inspan send`, as they are typed."""

import io
import json
import os
from pathlib import Path

import pytest
import yaml
from tests.sidecar import Sidecar

from inspan_collector.cli.main import main

SPAN = '{"trace_id": "t", "id": "%d", "end_timestamp": "2026-01-01T00:00:00Z"}'


def test_check_prints_what_the_configuration_comes_to_without_its_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "hunter2")
    file = tmp_path / "inspan.yaml"
    file.write_text(
        "destinations: [{name: up, kind: otlp, url: 'http://up.example/', headers: {authorization: '${TOKEN}'}}]"
    )
    assert main(["check", "-c", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "max_spans: 2000" in shown
    assert "***" in shown
    assert "hunter2" not in shown


def test_check_prints_the_same_for_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "hunter2")
    file = tmp_path / "inspan.yaml"
    file.write_text(
        "destinations: [{name: up, kind: otlp, url: 'http://up.example/', headers: {authorization: '${TOKEN}'}}]"
    )
    assert main(["check", "--json", "-c", str(file)]) == 0
    out = capsys.readouterr().out
    assert "hunter2" not in out
    said = json.loads(out)
    assert main(["check", "-c", str(file)]) == 0
    assert said["config"] == yaml.safe_load(capsys.readouterr().out)
    assert said["config"]["destinations"][0]["headers"] == {"authorization": "***"}
    file.write_text("no: such")
    assert main(["check", "--json", "-c", str(file)]) == 2
    assert capsys.readouterr().out == ""


def test_check_says_what_is_wrong_and_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "inspan.yaml"
    file.write_text("destinations: [{name: up, kind: otlp, url: 'http://up.example/', concurrencyy: 3}]")
    assert main(["check", "-c", str(file)]) == 2
    said = capsys.readouterr().err
    assert str(file) in said
    assert "concurrencyy" in said
    assert "concurrency" in said


UP = "destinations: [{name: up, kind: otlp, url: 'http://up.example/', timeout: %s}]"


def test_a_variable_may_hold_the_configuration_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSPAN_CONFIG_YAML", UP % "11s")
    assert main(["check"]) == 0
    assert "timeout: 11s" in capsys.readouterr().out

    monkeypatch.setenv("INSPAN_DESTINATIONS__UP__TIMEOUT", "12s")  # a key's own variable wins over it, as over a file
    assert main(["check"]) == 0
    assert "timeout: 12s" in capsys.readouterr().out

    file = tmp_path / "inspan.yaml"
    file.write_text(UP.replace("up", "other") % "13s")
    monkeypatch.delenv("INSPAN_DESTINATIONS__UP__TIMEOUT")
    assert main(["check", "-c", str(file)]) == 0  # what is typed wins over both
    assert "timeout: 13s" in capsys.readouterr().out


def test_an_error_in_a_variable_that_holds_the_configuration_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSPAN_CONFIG_YAML", UP % "soon")
    assert main(["check"]) == 2
    assert "INSPAN_CONFIG_YAML: destinations[0].timeout" in capsys.readouterr().err

    monkeypatch.setenv("INSPAN_CONFIG", str(tmp_path / "inspan.yaml"))
    assert main(["check"]) == 2
    assert "INSPAN_CONFIG and INSPAN_CONFIG_YAML are both set" in capsys.readouterr().err


def test_check_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--schema"]) == 0
    assert '"destinations"' in capsys.readouterr().out


def test_send_posts_a_file_and_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = tmp_path / "spans.jsonl"
    lines.write_text(SPAN % 1 + "\n" + SPAN % 2 + "\n")
    with Sidecar(None) as sidecar:
        assert main(["send", "--socket", str(sidecar.socket), str(lines)]) == 0
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"[{SPAN % 3}]".encode())))
        assert main(["send", "--socket", str(sidecar.socket), "-"]) == 0
        shown = capsys.readouterr().out
        assert shown.count("202 Accepted") == 2
        assert main(["send", "--socket", str(sidecar.socket), "--path", "/nowhere", str(lines)]) == 1
        ledger = sidecar.stop()
    assert ledger["dialects"]["spans"]["accepted"] == 3


def test_send_says_what_was_answered_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "spans.json"
    file.write_text(f"[{SPAN % 1}]")
    with Sidecar(None) as sidecar:
        assert main(["send", "--json", "--socket", str(sidecar.socket), str(file)]) == 0
        assert json.loads(capsys.readouterr().out) == {"status": 202, "reason": "Accepted", "answer": {"accepted": 1}}
        assert main(["send", "--json", "--socket", str(sidecar.socket), "--path", "/nowhere", str(file)]) == 1
        assert json.loads(capsys.readouterr().out)["status"] == 404


def test_send_says_that_no_sidecar_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "spans.json"
    file.write_text(f"[{SPAN % 1}]")
    assert main(["send", "--socket", str(tmp_path / "none.sock"), str(file)]) == 1
    assert "is a sidecar running" in capsys.readouterr().err
    assert main(["send", str(tmp_path / "none.json")]) == 2


def test_a_write_that_hangs_does_not_keep_the_process(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "spans.jsonl")  # opened for writing, it waits for a reader that never comes
    files = {"name": "f", "kind": "file", "path": str(tmp_path)}
    with Sidecar({"drain": {"deadline": "500ms"}, "destinations": [files]}) as sidecar:
        sidecar.post("/v1/spans", f"[{SPAN % 1}]".encode(), {"content-type": "application/json"})
        sidecar.until('inspan_in_flight_spans{destination="f"}', 1)
        ledger = sidecar.stop()
    assert ledger["destinations"]["f"] == {"enqueued": 1, "dropped_shutdown": 1}
