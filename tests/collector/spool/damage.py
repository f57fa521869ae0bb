"""Ways to damage a spool."""

import os
import shutil
from pathlib import Path

from inspan_collector.spool.database import PAGE


def left_by_a_kill(path: Path, to: Path) -> Path:
    """A copy of the file and its log, as a killed process leaves them."""
    for end in ("", "-wal"):
        shutil.copyfile(path.with_name(path.name + end), to.with_name(to.name + end))
    return to


def garbage(path: Path, at: int, size: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(os.urandom(size))


def log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def frame(number: int) -> int:
    """Where the number'th frame of a log begins."""
    return 32 + number * (24 + PAGE)
