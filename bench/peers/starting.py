"""How every peer is started: with nothing of the caller's environment, until it accepts connections."""

import os
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.load import connect
from bench.peers.peer import Running
from bench.process import Failed, Process

READY: Final = 15.0  # s from exec to the socket; a loaded machine needs more than the 0.7 that are inspan's goal
LOOK: Final = 0.001  # s between two tries to connect
# The caller's settings are none of ours. GO…: a Go program's memory and cores are set by its defaults.
FOREIGN: Final = ("INSPAN_", "OTEL_", "SGP_", "ROTEL_", "AGENTEX_", "DD_", "GOMAXPROCS", "GOMEMLIMIT", "GOGC")
LOG: Final = "peer.log"


def start(
    argv: Sequence[str], workdir: Path, listen: str, core: int | None, environ: Mapping[str, str] = {}
) -> Running:
    """Start a program, and wait until `listen` accepts. environ: beside what is inherited. Raises Failed."""
    started = time.monotonic()
    process = Process(argv, core, workdir / LOG, {**inherited(), **environ})
    try:
        while not _accepts(listen):
            if not process.alive() or time.monotonic() > started + READY:
                raise Failed(f"{process!r} is not ready: {process.last_words()}")
            time.sleep(LOOK)
    except BaseException:
        process.__exit__()
        raise
    return Running(process, listen, time.monotonic() - started)


def inherited() -> dict[str, str]:
    """The environment without settings that would change what is measured."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(FOREIGN)}


def address(workdir: Path, transport: str) -> str:
    """Where a peer may listen: `unix`, a path in its folder; `tcp`, a port of the loopback that nobody has now."""
    return f"unix:{workdir / 'peer.sock'}" if transport == "unix" else f"127.0.0.1:{free_port()}"


def free_port() -> int:
    """A TCP port of the loopback that nobody has now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def said(argv: Sequence[str | Path]) -> str | None:
    """What a program prints, as when it is asked for its version; None where it does not run."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=READY, check=True, env=inherited())
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _accepts(target: str) -> bool:
    try:
        connect(target).close()
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True
