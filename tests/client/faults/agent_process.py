"""An agent in a process of its own: a few lines of Python, run to their end, and what they printed."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.e2e.process import INHERITED

import inspan

CLIENT: Final = Path(inspan.__file__).parent.parent
# Another interpreter to run agents with, one that has msgspec: the exit of a process is not the same in each version.
PYTHON: Final = os.environ.get("INSPAN_TEST_AGENT_PYTHON") or sys.executable
# From 3.12 on a fork warns where there is a second thread, which is what these tests are about.
QUIET: Final = {"PYTHONWARNINGS": "ignore::DeprecationWarning"}
HUNG: Final = 30.0  # s until an agent that does not end fails its test

# In front of each agent's lines. `span(n)` is a span whose id says who made it; `law()` fails where the account does.
PRELUDE: Final = """
import json, os, sys, time
import inspan

def span(n, prefix="s"):
    return {"id": f"{prefix}{n}", "trace_id": "t", "name": "n", "start_timestamp": "2025-01-01T00:00:00Z",
            "end_timestamp": "2025-01-01T00:00:01Z"}

def law(client):
    stats = client.stats()
    assert stats.recorded == stats.accepted + stats.queued + stats.in_flight + sum(stats.dropped.values()), stats
    return stats

def until(true, seconds=10):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.002)

def say(**words):
    sys.stdout.write(json.dumps(words) + chr(10))
    sys.stdout.flush()
"""


class Ended(NamedTuple):
    """An agent's end. code: its exit code. said: a dict for each line that it printed as JSON. seconds: it took."""

    code: int
    said: list[dict[str, Any]]
    errors: str
    seconds: float


def run(lines: str, socket: Path, folder: Path, **environ: str) -> Ended:
    """Run an agent to its end. It is a file, since children of `spawn` import it again."""
    with started(lines, socket, folder, **environ) as process:
        return ended(process)


def started(lines: str, socket: Path, folder: Path, **environ: str) -> "subprocess.Popen[str]":
    """Start an agent; `ended` waits for it."""
    script = folder / "agent.py"
    script.write_text(PRELUDE + textwrap.dedent(lines), encoding="utf-8")
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    env = {**inherited, "PYTHONPATH": str(CLIENT), "INSPAN_SOCKET": str(socket), **QUIET, **environ}
    argv = [PYTHON, "-X", "faulthandler", str(script)]
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, env=env, cwd=folder, text=True, stdout=pipe, stderr=pipe, start_new_session=True)


def ended(process: "subprocess.Popen[str]") -> Ended:
    """Wait for its end. One that hangs is made to say where."""
    began = time.monotonic()
    try:
        out, errors = process.communicate(timeout=HUNG)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGABRT)  # faulthandler prints every thread's stack, its children's too
        raise AssertionError(f"it hangs: {process.communicate()[1]}") from None
    said = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return Ended(process.returncode, said, errors, time.monotonic() - began)
