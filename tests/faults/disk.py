"""A disk that does as it is told, under one directory of a child process: the other end of shim.c."""

import errno
import mmap
import os
import struct
import time
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import pytest

SHIM: Final = os.environ.get("INSPAN_TEST_SHIM") or ""  # what `make .shim/.ready` built
CONTROL: Final = struct.Struct("@8i")  # struct control of shim.c
HOLD, SYNC_ERRNO, WRITE_ERRNO = (at * 4 for at in range(3))
PATIENCE: Final = 15.0  # s

needs_shim = pytest.mark.skipif(
    not SHIM, reason="INSPAN_TEST_SHIM names no library: no C compiler here, and ziglang was not to be had"
)


class Counts(NamedTuple):
    """Calls on files under the directory: made so far, of them failed; syncs that are held now."""

    held: int
    writes: int
    syncs: int
    failed_writes: int
    failed_syncs: int


class Disk:
    """`with Disk(tmp_path) as disk: Sidecar(config, env=disk.env)`: what it says of files under `disk.root` is obeyed.

    home: where the directory `disk` and the control are made. What is not held and does not fail goes to the real disk.
    """

    def __init__(self, home: Path) -> None:
        self.root = (home / "disk").resolve()
        self.root.mkdir()
        self.control = home / "disk.control"
        self.control.write_bytes(bytes(mmap.PAGESIZE))
        named = {"INSPAN_SHIM_ROOT": str(self.root), "INSPAN_SHIM_CONTROL": str(self.control)}
        self.env = {"LD_PRELOAD": SHIM, **named}

    def __enter__(self) -> Self:
        with self.control.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), CONTROL.size)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.heal()  # whoever still waits may end
        self._page.close()

    def __repr__(self) -> str:
        return f"<Disk {self.root} {self.counts()}>"

    def hold(self) -> None:
        """fsync and fdatasync wait from now on."""
        self._set(HOLD, 1)

    def release(self) -> None:
        """They return, and wait no more."""
        self._set(HOLD, 0)

    def fail(self, why: int = errno.EIO, *, writes: bool = False) -> None:
        """fsync and fdatasync fail from now on, and with `writes` all that writes fails likewise."""
        self._set(SYNC_ERRNO, why)
        if writes:
            self._set(WRITE_ERRNO, why)

    def full(self) -> None:
        """Whatever writes or lengthens a file fails with ENOSPC; a sync is as good as ever."""
        self._set(WRITE_ERRNO, errno.ENOSPC)

    def heal(self) -> None:
        """Everything works again."""
        for at in (WRITE_ERRNO, SYNC_ERRNO, HOLD):
            self._set(at, 0)

    def counts(self) -> Counts:
        """The calls so far, of all processes that were given `env`."""
        return Counts(*CONTROL.unpack(self._page[:])[3:])

    def until_held(self, syncs: int = 1) -> None:
        """Wait until so many syncs are held."""
        end = time.monotonic() + PATIENCE
        while self.counts().held < syncs:
            assert time.monotonic() < end, f"{self!r}: nobody syncs"
            time.sleep(0.002)

    def _set(self, at: int, number: int) -> None:
        self._page[at : at + 4] = struct.pack("@i", number)
