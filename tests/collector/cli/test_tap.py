"""`inspan tap` as it is typed, beside a real sidecar."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from tests.collector.cli.typed import PATIENCE, control_of, inspan
from tests.sidecar import Sidecar

from inspan_collector.cli.main import main
from inspan_collector.cli.sighted import Sighting, part
from inspan_collector.cli.tap import as_json

SECRET = "hunter2"
SPAN = {"trace_id": "t", "id": "s", "name": "llm.chat", "end_timestamp": "2026-01-01T00:00:00Z"}
BODY = json.dumps([SPAN | {"output": {"text": SECRET}}]).encode()
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Sidecar]:
    with Sidecar(None) as running:
        yield running


class Tapping:
    """The command in a process, posted to until it has said something: it waits for what passes."""

    def __init__(self, sidecar: Sidecar, *argv: str) -> None:
        self.sidecar = sidecar
        self.argv = argv

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "inspan_collector", "tap", *self.argv, *control_of(self.sidecar.socket)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:
            self.process.kill()

    def post_until(self, *, shown: int = 0) -> str:
        """Post until the command has written so many lines, or has ended where none are asked for."""
        assert self.process.stdout is not None
        said, end = b"", time.monotonic() + PATIENCE
        while self.process.poll() is None and (not shown or said.count(b"\n") < shown):
            assert time.monotonic() < end
            self.sidecar.post("/v1/spans", BODY, JSON)
            if shown:
                said += self.process.stdout.read() or b""
            time.sleep(0.02)
        return said.decode()

    def ended(self) -> tuple[int, str, str]:
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), True)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out.decode(), err.decode()


def test_it_shows_names_and_sizes_and_no_value_and_ends_after_a_count(sidecar: Sidecar) -> None:
    with Tapping(sidecar, "--count", "2") as tapping:
        tapping.post_until()
        code, out, err = tapping.ended()
    assert code == 0
    assert out.count("llm.chat") == 2
    assert "output.text  text, 7 B" in out
    assert SECRET not in out
    assert "2 of them shown" in err


def test_it_shows_values_where_they_are_asked_for(sidecar: Sidecar) -> None:
    with Tapping(sidecar, "--count", "1", "--values") as tapping:
        tapping.post_until()
        assert f"output.text  {SECRET}" in tapping.ended()[1]


@pytest.mark.parametrize("value", [True, False, 7, 123.25, None])
def test_no_size_tells_what_a_boolean_or_a_number_is(value: object) -> None:
    told = {"at": 0.0, "dialect": "spans", "format": "span_json", "agent": "", "service": ""}
    seen = Sighting(100, parts=[part("sick", value)])
    assert as_json(told, seen, values=False)["parts"] == [{"key": "sick", "type": part("sick", value).type}]
    assert as_json(told, seen, values=True)["parts"][0]["value"] == value


def test_json_is_a_line_a_span_and_the_last_line_says_how_many_passed(sidecar: Sidecar) -> None:
    with Tapping(sidecar, "--json", "--rate", "1", "--count", "2") as tapping:
        tapping.post_until()
        *spans, last = [json.loads(line) for line in tapping.ended()[1].splitlines()]
    assert [span["name"] for span in spans] == ["llm.chat"] * 2
    assert spans[0]["parts"] == [{"key": "output.text", "type": "text", "bytes": 7}]
    assert last["shown"] == 2
    assert last["passed"] > 2


def test_it_ends_when_its_time_is_over_although_nothing_passes(sidecar: Sidecar) -> None:
    begun = time.monotonic()
    said = inspan("tap", "--seconds", "0.3", "--dialect", "agentex", *control_of(sidecar.socket))
    assert time.monotonic() - begun < PATIENCE
    assert (said.code, said.out) == (0, "")
    assert said.err == "0 spans passed, 0 of them shown\n"


def test_ctrl_c_ends_it_with_what_there_was(sidecar: Sidecar) -> None:
    with Tapping(sidecar) as tapping:
        tapping.post_until(shown=1)
        tapping.process.send_signal(signal.SIGINT)
        code, _, err = tapping.ended()
    assert code == 130
    assert "of them shown" in err
    assert "Traceback" not in err


def test_who_reads_it_may_go_and_nobody_complains(sidecar: Sidecar) -> None:
    with Tapping(sidecar, "--json") as tapping:
        tapping.post_until(shown=1)
        assert tapping.process.stdout is not None
        assert tapping.process.stderr is not None
        tapping.process.stdout.close()
        tapping.post_until()
        assert tapping.process.stderr.read() == b""
        assert tapping.process.returncode == 1


def test_it_says_when_the_sidecar_ends() -> None:
    with Sidecar(None) as sidecar, Tapping(sidecar) as tapping:
        tapping.post_until(shown=1)
        sidecar.stop()
        code, _, err = tapping.ended()
    assert code == 1
    assert "the sidecar has ended" in err


def test_it_says_that_no_sidecar_is_there(tmp_path: Path) -> None:
    said = inspan("tap", "--control", tmp_path / "control.sock")
    assert said.code == 1
    assert "is a sidecar running" in said.err


@pytest.mark.parametrize(
    "argv", [("--rate", "0"), ("--rate", "101"), ("--count", "0"), ("--seconds", "nan"), ("--dialect", "x")]
)
def test_what_makes_no_sense_is_refused_before_anybody_is_asked(argv: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["tap", *argv])


def test_what_was_tapped_is_in_no_log(sidecar: Sidecar) -> None:
    assert SECRET not in sidecar.text()
