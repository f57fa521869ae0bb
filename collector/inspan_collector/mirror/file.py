"""Files that are mapped: made whole, and read back with care."""

import mmap
import os
import stat
from pathlib import Path
from typing import Final

_MAKE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# No link is followed and no pipe is waited for: the directory may be one that others write to.
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def made(path: Path, size: int) -> mmap.mmap:
    """A new file, mapped. What a start that did not get far left there is taken away.

    Errors: OSError.
    """
    path.unlink(missing_ok=True)
    file = os.open(path, _MAKE, 0o600)
    try:
        os.posix_fallocate(file, 0, size)  # a store into a hole of the file would be SIGBUS on a full disk
        return mmap.mmap(file, size)
    finally:
        os.close(file)


def content(path: Path, most: int) -> bytes:
    """What is in it. most: bytes; a longer file is none of ours, and only so much of it is read.

    Errors: OSError; also where it is no file.
    """
    descriptor = os.open(path, _READ)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(None, "it is not a file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(descriptor)
