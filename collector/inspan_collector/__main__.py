"""`inspan`, and `python -m inspan_collector` for whoever has the package and no PATH to its script."""

import os
import signal
import sys
from types import FrameType
from typing import Final

# As a shell says that a process was ended by SIGTERM.
TERMINATED: Final = 128 + signal.SIGTERM


def main() -> int:
    """Run the command that the command line names. Returns the exit code."""
    # Process 1, as in a container, has no default for a signal: one that came before the sidecar listens for it, half a
    # second of imports later, would be lost, and Kubernetes would wait until it kills. Nothing is held yet.
    if os.getpid() == 1:
        signal.signal(signal.SIGTERM, _end)
    from inspan_collector.cli import main as command

    return command()


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    os._exit(TERMINATED)


if __name__ == "__main__":
    sys.exit(main())
