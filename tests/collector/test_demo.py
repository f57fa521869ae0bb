"""The demo as a person runs it, in real processes."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

MARK = "DEMO_TEST_MARK"
PLAIN_ONLY = "from inspan_collector.demo import scene; scene.has_sdk = lambda: False"


class Run:
    """A demo process, and every process that came of it."""

    def __init__(self, *arguments: str, first: str = "") -> None:
        self.mark = uuid.uuid4().hex
        code = f"{first}\nimport sys\nfrom inspan_collector.cli import main\nsys.exit(main(['demo', *sys.argv[1:]]))"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, MARK: self.mark, "INSPAN_SOCKET": "/nowhere/inspan.sock", "OTEL_SDK_DISABLED": "true"},
        )

    def wait_for(self, text: str) -> None:
        """Read what it says until the text has come."""
        assert self.process.stdout is not None
        said = ""
        while text not in said:
            line = self.process.stdout.readline()
            assert line, f"it ended: {said}"
            said += line

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err

    def alive(self, of: str = "") -> list[int]:
        """Processes with our mark whose command line contains the text."""
        found = []
        for directory in Path("/proc").iterdir():
            with suppress(OSError):
                ours = directory.name.isdigit() and self.mark.encode() in (directory / "environ").read_bytes()
                if ours and of.encode() in (directory / "cmdline").read_bytes():
                    found.append(int(directory.name))
        return found


@pytest.fixture
def demo() -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def start(*arguments: str, first: str = "") -> Run:
        runs.append(Run(*arguments, first=first))
        return runs[-1]

    yield start
    for run in runs:
        for pid in run.alive():
            os.kill(pid, signal.SIGKILL)
        run.process.communicate()


def test_the_numbers_of_two_agents_the_ledger_and_the_upstream_agree(demo: Callable[..., Run]) -> None:
    run = demo("--seconds", "3", "--seed", "5", "--json")
    code, out, err = run.end()
    assert code == 0, err
    outcome = json.loads(out)
    assert outcome["agrees"] and outcome["differs"] == []
    assert outcome["agents"]["otlp"]["name"].startswith("OpenTelemetry ")
    assert all(agent["spans"] > 1000 and agent["lost"] == 0 for agent in outcome["agents"].values())
    live = outcome["agents"]["sgp"]
    assert live["copies"] == 2 * live["spans"], "each is told of when it starts and when it ends"
    books = outcome["ledger"]["destinations"]["sgp"]
    assert books["merged"] > live["spans"] / 2, "most end while their start is held"
    assert outcome["sink"]["rows"] == live["spans"] < books["delivered"], "some are seen running"
    assert outcome["sink"]["running"] == 0
    assert outcome["sink"]["answered"]["503"] >= 1, "the upstream did not misbehave"
    assert outcome["sink"]["connections"] <= 2 * 4 + 1, "two destinations with 4 each, and the demo itself"
    assert "the closing ledger" in err
    assert run.alive() == []


def test_without_the_opentelemetry_sdk_a_plain_poster_takes_its_part_and_says_so(demo: Callable[..., Run]) -> None:
    run = demo("--seconds", "1", "--seed", "6", first=PLAIN_ONLY)
    code, out, err = run.end()
    assert code == 0, err
    assert "OpenTelemetry SDK is not installed" in out
    assert "plain OTLP posts: copies accepted = dialect's" in out
    assert "✗" not in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_every_process_of_the_demo(demo: Callable[..., Run], number: int) -> None:
    run = demo("--seconds", "60", "--seed", "7")
    run.wait_for("  1 s")
    assert len(run.alive()) == 5, "the demo, the sink, the sidecar and two agents"
    run.process.send_signal(number)
    code, _, err = run.end()
    assert (code, "its processes are ended" in err) == (130, True)
    assert run.alive() == []


def test_a_sidecar_that_dies_is_a_failure_with_its_name(demo: Callable[..., Run]) -> None:
    run = demo("--seconds", "60", "--seed", "8")
    run.wait_for("  1 s")
    (sidecar,) = run.alive("inspan.yaml")
    os.kill(sidecar, signal.SIGKILL)
    code, _, err = run.end()
    assert code == 1
    assert err.startswith("inspan demo: the sidecar ended while agents were posting")
    assert run.alive() == []
