"""Commands as they are typed: in a process of their own, into a pipe or at a terminal."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

PATIENCE: Final = 30.0  # s


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def inspan(*argv: object, stdin: str | None = None, env: dict[str, str] | None = None) -> Said:
    """Run one command to its end. Nobody is at its standard input."""
    done = subprocess.run(
        [sys.executable, "-m", "inspan_collector", *map(str, argv)],
        input=(stdin or "").encode(),
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        env=os.environ | (env or {}),
    )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


def at_a_terminal(*argv: object, answer: str = "", columns: int = 80) -> Said:
    """Run one command at a terminal, and answer its question. `out` is what the terminal got."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "inspan_collector", *map(str, argv)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=os.environ | {"COLUMNS": str(columns)},
    )
    os.close(follower)
    if answer:
        os.write(leader, answer.encode() + b"\n")
    written = b""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if not select.select([leader], [], [], 0.1)[0]:
            continue
        try:
            more = os.read(leader, 65536)
        except OSError:  # it has ended, and so has the terminal
            break
        written += more
        if not more:
            break
    os.close(leader)
    return Said(process.wait(PATIENCE), written.decode("utf-8", "surrogateescape"), "")


def control_of(socket: Path) -> Sequence[str]:
    return "--control", str(socket.parent / "control.sock")
