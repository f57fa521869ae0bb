"""Room that is kept to be given up: on a full disk SQLite cannot even delete, since a delete is written first."""

import os
from pathlib import Path
from typing import Final

from inspan_collector.spool.trouble import NO_ROOM

MIB: Final = 1 << 20
BALLAST: Final = (
    16 * MIB
)  # over what the log can hold: 4 MiB that wait for a checkpoint, and a group of 8 with its pages


class Ballast:
    """A file beside the spool that holds its room and nothing else."""

    def __init__(self, spool: Path) -> None:
        self.path = spool.with_name(spool.name + ".ballast")
        self.size = 0

    def __repr__(self) -> str:
        return f"<Ballast {self.path} {self.size >> 20} MiB>"

    def hold(self, size: int, *, spare: int = 0) -> bool:
        """Whether `size` bytes are held, with `spare` more that were free a moment ago. Holds nothing where not.

        Raises OSError where the directory cannot be written.
        """
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.posix_fallocate(file, 0, size + spare)
            os.ftruncate(file, size)
        except OSError as error:
            self.give_up()
            if error.errno not in NO_ROOM:
                raise
            return False
        finally:
            os.close(file)
        self.size = size
        return True

    def give_up(self) -> None:
        """Let the spool have the room."""
        self.size = 0
        self.path.unlink(missing_ok=True)
