"""The files of an open database under their names: SQLite goes on writing to a file that somebody has removed."""

import contextlib
import os
from pathlib import Path

from inspan_collector.spool.trouble import files


class Names:
    """What the database, its log and its index were when they were opened."""

    def __init__(self, database: Path) -> None:
        self.database = database
        self.were = self._are()

    def __repr__(self) -> str:
        return f"<Names {self.database} {'kept' if self.kept() else 'lost'}>"

    def kept(self) -> bool:
        """Whether each is still there, and the same."""
        return self._are() == self.were

    def remove(self) -> None:
        """Remove those that are still there: an old log beside a new database would be read as the new one's."""
        for path, was in zip(files(self.database), self.were, strict=True):
            if was is not None and _identity(path) == was:
                with contextlib.suppress(OSError):  # who took the others away took the right to these, or these as well
                    path.unlink()

    def _are(self) -> list[tuple[int, int] | None]:
        return [_identity(path) for path in files(self.database)]


def let_write(path: Path) -> None:
    """SQLite gives the log and its index the database's mode: made while that was read-only, they would stay so."""
    for each in files(path)[1:]:
        if each.exists() and not os.access(each, os.W_OK) and os.access(path, os.W_OK):
            each.chmod(path.stat().st_mode & 0o777)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - six of these for each group, and a Path takes three times as long
    except OSError:
        return None
    return found.st_dev, found.st_ino
