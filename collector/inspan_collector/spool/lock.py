"""One process to a spool: of two, each would write what the other erased."""

import fcntl
import os
from pathlib import Path

from inspan_collector.row import Trouble
from inspan_collector.spool.trouble import ADVICE


class Lock:
    """A file beside the spool, locked for as long as a process uses the spool.

    The file stays. Were it removed, a third process could lock a new file while the second waits on the old one.
    """

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self.path = spool.with_name(spool.name + ".lock")
        self.file: int | None = None

    def __repr__(self) -> str:
        return f"<Lock {self.path} {'open' if self.file is None else 'held'}>"

    def take(self) -> None:
        """Take it, or keep it. Raises Trouble where another process has it, OSError where the file cannot be made."""
        if self._holds():
            return
        self.release()
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise Trouble("locked", f"spool {self.spool}: {ADVICE['locked']}") from None
        self.file = file

    def release(self) -> None:
        """Let another process have it."""
        if self.file is not None:
            os.close(self.file)
            self.file = None

    def _holds(self) -> bool:
        """Whether what we locked still has its name: else a newcomer makes, and locks, another file."""
        if self.file is None:
            return False
        try:
            return os.path.samestat(os.fstat(self.file), self.path.stat())
        except FileNotFoundError:
            return False
