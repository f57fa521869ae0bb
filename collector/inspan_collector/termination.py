"""The ledger where Kubernetes looks for last words: the termination message, written over while a drain lasts."""

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from inspan_collector.events import Events

RECEIPT: Final = 1.0  # s between receipts of a drain: Kubernetes may end us at any moment


class Termination:
    """Writes a receipt, the ledger as it stands, as often as asked. path: None where nobody wants one."""

    def __init__(self, path: Path | None, ledger: Callable[[], dict[str, Any]], events: Events) -> None:
        self.path = path
        self.ledger = ledger
        self.events = events

    def __repr__(self) -> str:
        return f"<Termination {self.path}>"

    async def keep_writing(self) -> None:
        """Write, again and again, until this is cancelled."""
        while True:
            self.write()
            await asyncio.sleep(RECEIPT)

    def write(self) -> None:
        """Write now. A file that cannot be written is an event, and delays nothing."""
        if self.path is None:
            return
        try:
            _write_over(self.path, msgspec.json.encode(self.ledger()))
        except OSError as error:
            self.events.record("receipt", "", f"drain.termination_message {self.path}: {error.strerror}")


def _write_over(path: Path, content: bytes) -> None:
    """Write a file that is never empty meanwhile: a kill may come at any moment, and a mount cannot be renamed over."""
    # The directory may be one that others write to: no link is followed, and nobody's pipe is waited for.
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    try:
        if os.fstat(file).st_nlink != 1:  # another's file may have been given this name too
            raise OSError(errno.EMLINK, "it has another name: remove it")
        os.pwrite(file, content, 0)
        os.ftruncate(file, len(content))
    finally:
        os.close(file)
