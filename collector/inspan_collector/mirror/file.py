"""Files that are mapped: made whole, and read back with care."""

import mmap
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from inspan_collector.errors import InspanError

_MAKE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# No link is followed and no pipe is waited for: the directory may be one that others write to.
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Unreadable(InspanError):
    """The file is not what this version can read. The message follows its path."""


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


def checked(path: Path, head: int, check: Callable[[bytes, int], None]) -> bytes:
    """All of a file. head: bytes that `check` is shown first, with the file's size, before the rest is read.

    Errors: OSError; Unreadable where it is no file, or one whose head is not ours.
    """
    descriptor = os.open(path, _READ)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise Unreadable("is not a file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            begin = file.read(head)
            check(begin, found.st_size)
            return begin + file.read(found.st_size - len(begin))
    finally:
        os.close(descriptor)


def identity(path: Path) -> tuple[int, int]:
    """What tells a file from others, whatever its name. Errors: OSError."""
    found = path.stat()
    return found.st_dev, found.st_ino


def is_there(path: Path, ours: tuple[int, int] | None) -> bool:
    """Whether this name still leads to our file."""
    try:
        return identity(path) == ours
    except OSError:
        return False


def remove(path: Path) -> None:
    """Take it away, as far as the disk allows."""
    with suppress(OSError):  # who makes a file of this name takes away what is there first
        path.unlink()
