"""`inspan quarantine` as it is typed, beside a real sidecar whose upstream refuses spans."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.collector.cli.typed import at_a_terminal, control_of, inspan
from tests.collector.sink.posts import otlp
from tests.e2e.sink_process import SinkProcess
from tests.sidecar import PATIENCE, Sidecar

JSON = {"content-type": "application/json"}
QUARANTINED = 'inspan_spans_quarantined_total{destination="up"}'
DELIVERED = 'inspan_spans_delivered_total{destination="up"}'


class Stage:
    """A sidecar and an upstream that refuses spans called poison."""

    def __init__(self, sidecar: Sidecar, sink: SinkProcess) -> None:
        self.sidecar = sidecar
        self.sink = sink
        self.control = control_of(sidecar.socket)

    def behave(self, **wish: Any) -> None:
        request = urllib.request.Request(self.sink.url + "/behave", json.dumps(wish).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=10):
            pass

    def refuse(self, *bodies: tuple[str, bytes, dict[str, str]]) -> None:
        """Post each, and wait until one span of each is in quarantine."""
        target = self.sidecar.metrics()[QUARANTINED] + len(bodies)
        for path, body, headers in bodies:
            assert self.sidecar.post(path, body, headers)[0] in (200, 202)
        end = time.monotonic() + PATIENCE
        while self.sidecar.metrics()[QUARANTINED] < target:
            assert time.monotonic() < end, self.sidecar.text()
            # A verdict needs a witness of the same format, taken after the refusal.
            assert self.sidecar.post("/v1/traces", otlp("fine"))[0] == 200
            assert self.sidecar.post("/v1/traces", otlp_json("fine"), JSON)[0] == 200
            time.sleep(0.02)

    def ids(self) -> list[str]:
        return [entry["id"] for entry in inspan("quarantine", "ls", "--json", *self.control).json]


def otlp_json(name: str) -> bytes:
    span = {"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1", "name": name}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}, ensure_ascii=False).encode()


POISON = ("/v1/traces", otlp("poison"), {"content-type": "application/x-protobuf"})
POISON_JSON = ("/v1/traces", otlp_json("poison"), JSON)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    up = {"name": "up", "kind": "otlp", "batch": {"linger": "1ms"}, "retry": {"initial": "10ms", "max": "20ms"}}
    with SinkProcess(tmp_path, "--reject-span", "poison", "--reject-status", "422") as sink:
        limits = {"max_span_bytes": "5MiB"}
        config = {"destinations": [up | {"url": f"{sink.url}/v1/traces"}], "limits": limits}
        with Sidecar(config | {"drain": {"deadline": "500ms"}}) as sidecar:
            yield Stage(sidecar, sink)


def test_refused_listed_shown_and_replayed_once_the_upstream_takes_it(stage: Stage) -> None:
    empty = inspan("quarantine", "ls", *stage.control)
    assert (empty.code, empty.out) == (0, "")
    stage.refuse(POISON, POISON_JSON)
    listed = inspan("quarantine", "ls", *stage.control)
    assert listed.code == 0
    heading, first, second = listed.out.splitlines()
    assert heading.split() == ["id", "age", "destination", "status", "spans", "size", "message"]
    assert (first.split()[2:5], second.split()[2:5]) == (["up", "422", "1"], ["up", "422", "1"])
    ids = stage.ids()
    for number in ids:
        shown = inspan("quarantine", "show", number, *stage.control)
        assert shown.code == 0
        assert '"name": "poison"' in shown.out
        assert "refused at" in shown.out
    assert {inspan("quarantine", "show", each, "--json", *stage.control).json["format"] for each in ids} == {
        "otlp_protobuf",
        "otlp_json",
    }
    stage.behave()
    before = stage.sidecar.metrics()[DELIVERED]
    replayed = inspan("quarantine", "replay", *ids, *stage.control)
    assert (replayed.code, replayed.out) == (0, "replayed 2 entries\n")
    stage.sidecar.until(DELIVERED, before + 2)
    assert stage.ids() == []
    books = stage.sidecar.stop()["destinations"]["up"]
    assert (books["replayed"], books["quarantined"]) == (2, 2)


def test_entries_are_dropped_by_id_and_all_of_them_only_when_asked_twice(stage: Stage) -> None:
    stage.refuse(POISON, POISON, POISON)
    first, *_ = stage.ids()
    assert inspan("quarantine", "drop", first, *stage.control).out == "dropped 1 entry\n"
    again = inspan("quarantine", "drop", first, *stage.control)
    assert (again.code, first in again.err) == (1, True)
    unasked = inspan("quarantine", "drop", "--all", *stage.control)
    assert (unasked.code, "--yes" in unasked.err) == (2, True)
    assert at_a_terminal("quarantine", "drop", "--all", *stage.control, answer="no").code == 1
    assert len(stage.ids()) == 2
    agreed = at_a_terminal("quarantine", "drop", "--all", *stage.control, answer="y")
    assert (agreed.code, "dropped 2 entries" in agreed.out) == (0, True)
    assert stage.ids() == []
    assert inspan("quarantine", "drop", "--all", "--yes", "--json", *stage.control).json["dropped"] == 0


def test_hostile_content_does_not_reach_the_terminal_raw(stage: Stage) -> None:
    # C1 and direction marks need no escape in JSON, so a body may hold them raw; 0x9b begins a sequence as ESC [ does.
    name = "poison \x9b31m \u202egnp \x7f "
    stage.refuse(("/v1/traces", otlp_json(name), JSON), ("/v1/traces", otlp("poison \x1b]0;owned\x07"), POISON[2]))
    written = ""
    for number in stage.ids():
        for more in ((), ("--json",)):
            said = at_a_terminal("quarantine", "show", number, *more, *stage.control)
            assert said.code == 0
            written += said.out
    written += at_a_terminal("quarantine", "ls", *stage.control).out
    assert "poison" in written
    assert {char for char in written if not char.isprintable()} <= {"\r", "\n"}


def test_a_span_of_4_mb_and_bytes_that_are_no_text_are_shown(stage: Stage) -> None:
    stage.refuse(("/v1/traces", otlp_json("poison" + "x" * 4_000_000), JSON))
    shown = inspan("quarantine", "show", *stage.ids(), *stage.control)
    assert (shown.code, shown.out.count("x") >= 4_000_000) == (0, True)
    assert "3.8 MiB of otlp_json" in shown.out
    inspan("quarantine", "drop", "--all", "--yes", *stage.control)
    broken = otlp("poison").replace(b"poison", b"po\xffson")
    stage.behave(reject_span="po.son", reject_status=422)
    stage.refuse(("/v1/traces", broken, POISON[2]))
    shown = inspan("quarantine", "show", *stage.ids(), *stage.control)
    assert (shown.code, "in base64" in shown.out) == (0, True)


def test_a_table_is_cut_to_the_terminal(stage: Stage) -> None:
    stage.refuse(POISON)
    lines = at_a_terminal("quarantine", "ls", *stage.control, columns=40).out.splitlines()
    assert all(len(line) <= 40 for line in lines)


def test_what_is_not_there_or_makes_no_sense_has_its_exit_code(stage: Stage) -> None:
    missing = inspan("quarantine", "show", "m999999", *stage.control)
    assert (missing.code, "inspan quarantine ls" in missing.err) == (1, True)
    assert inspan("quarantine", "show", "../x", *stage.control).code == 1
    for verb in ("replay", "drop"):
        assert inspan("quarantine", verb, *stage.control).code == 2
        assert inspan("quarantine", verb, "--all", "1", *stage.control).code == 2
    assert inspan("quarantine", "ls", "--destination", "none", *stage.control).code == 1
    assert inspan("quarantine", "ls", "--limit", "0", *stage.control).code == 2
    assert inspan("quarantine").code == 2
    assert inspan("quarantine", "forget").code == 2


def test_only_so_many_are_listed_as_were_asked_for(stage: Stage) -> None:
    stage.refuse(POISON, POISON, POISON)
    listed = inspan("quarantine", "ls", "--limit", "2", *stage.control)
    assert (len(listed.out.splitlines()), "--limit" in listed.err) == (3, True)


def test_where_no_sidecar_is_the_command_says_where_it_looked_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    missing = inspan("quarantine", "ls", "--control", path)
    assert missing.code == 1
    assert str(path) in missing.err
    assert "inspan run" in missing.err
    assert "--control" in missing.err
    ruled = inspan("quarantine", "ls", env={"INSPAN_SOCKET": str(tmp_path / "inspan.sock")})
    assert (ruled.code, str(path) in ruled.err) == (1, True)
    path.touch()
    assert inspan("quarantine", "ls", "--control", path).code == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")
def test_another_user_is_kept_out_and_told_whom_to_be(stage: Stage) -> None:
    # Imported first: the checkout may not be for everybody to read.
    program = """
import os, sys
from inspan_collector.cli import main, quarantine
os.setuid(65534)
sys.exit(main(["quarantine", "ls", *sys.argv[1:]]))
"""
    stage.sidecar.home.chmod(0o755)
    said = subprocess.run([sys.executable, "-c", program, *stage.control], capture_output=True, check=False)
    assert (said.returncode, b"as the user that the sidecar runs as" in said.stderr) == (1, True)
