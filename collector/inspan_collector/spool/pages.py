"""The pages of a database, read without SQLite: what is left of a file that SQLite does not read any more.

https://www.sqlite.org/fileformat2.html. A file of ours has no reserved bytes, and with auto_vacuum no free pages
between transactions: a page below the count is in use, so what was erased does not come back.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple, Self

from inspan_collector.spool.database import PAGE
from inspan_collector.spool.trouble import Damaged, files

MAGIC: Final = b"SQLite format 3\0"
LOG_MAGIC: Final = {0x377F0682: "<", 0x377F0683: ">"}  # and the byte order that its checksums are made with
LOG_HEADER: Final = struct.Struct(">IIIIIIII")  # magic, version, page size, checkpoint, two salts, two sums
FRAME_HEADER: Final = struct.Struct(">IIIIII")  # page, pages after a commit (else 0), two salts, two sums


class Frame(NamedTuple):
    """A page in the log. at: where its bytes begin. pages: of the database after the commit that it ends, else 0."""

    number: int
    at: int
    pages: int
    sound: bool


class Pages:
    """The pages as the last commit that can still be read left them: the log's where it has them, else the file's.

    size: bytes of a page. count: pages. skipped: frames of the log that are damaged, its header among them, with sound
    ones behind them, which SQLite would not read. Never raises for what it finds, nor for what it does not find.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = PAGE
        self.count = 0
        self.skipped = 0
        self._file = self._log = -1
        self._in_log: dict[int, int] = {}
        self._log_header = b""
        self._open = ExitStack()

    def __enter__(self) -> Self:
        file, log, _ = files(self.path)
        self._file, self._log = self._descriptor(file), self._descriptor(log)
        header = read(self._file, 32, 0)
        if header.startswith(MAGIC):
            self.size = size_of(int.from_bytes(header[16:18], "big"))
        self.count = length(self._file) // self.size
        self._follow()
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def page(self, number: int) -> bytes:
        """Its bytes; none where they cannot be read. Numbers begin at 1."""
        if not 0 < number <= self.count:
            return b""
        at = self._in_log.get(number)
        found = read(self._file, self.size, (number - 1) * self.size) if at is None else read(self._log, self.size, at)
        return found if len(found) == self.size else b""

    def _descriptor(self, path: Path) -> int:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return -1
        self._open.callback(os.close, descriptor)
        return descriptor

    def outdated(self) -> bool:
        """Whether a writer began the log anew since it was followed."""
        return read(self._log, LOG_HEADER.size, 0) != self._log_header

    def _follow(self) -> None:
        """Take the committed frames of the log, also those behind damage: each row has its own checksum."""
        self._log_header = read(self._log, LOG_HEADER.size, 0)
        waiting: dict[int, int] = {}
        broken = 0 if has_header(self._log_header) else 1
        most = self.count + length(self._log) // self.size  # a garbled number of pages is not to be believed
        for frame in frames(self._log, self.size):
            if not frame.sound:
                broken += 1
                continue
            waiting[frame.number] = frame.at
            if frame.pages:
                self._in_log |= waiting
                self.count = min(frame.pages, most)
                self.skipped, waiting = broken, {}


def has_header(header: bytes) -> bool:
    """Whether SQLite would read what is behind it."""
    if len(header) < LOG_HEADER.size:
        return False
    magic, *_, first, second = LOG_HEADER.unpack(header)
    order = LOG_MAGIC.get(magic)
    return order is not None and summed((0, 0), header[:24], order) == (first, second)


def must_be_whole(path: Path) -> None:
    """Raise Damaged where the log is not: SQLite passes over what is behind the damage, and then writes over it."""
    if files(path)[1].exists():
        with Pages(path) as pages:
            if pages.skipped:
                raise Damaged(f"{pages.skipped} frames of the log are damaged, and there are sound ones behind them")


def frames(log: int, size: int) -> Iterator[Frame]:
    """Every frame of the log's present round; those of rounds before have other salts, and are no damage at the end."""
    header = read(log, LOG_HEADER.size, 0)
    if len(header) < LOG_HEADER.size:
        return
    magic, _, _, _, *salts, first, second = LOG_HEADER.unpack(header)
    order = LOG_MAGIC.get(magic)
    sums: tuple[int, int] | None = (first, second) if order else None
    step = FRAME_HEADER.size + size
    for at in range(LOG_HEADER.size, length(log) - step + 1, step):
        frame = read(log, step, at)
        if len(frame) < step:
            return
        number, pages, *own, first, second = FRAME_HEADER.unpack_from(frame)
        if order is None and at == LOG_HEADER.size:  # a damaged header: the first frame is of the present round
            salts = own
        ours = own == salts
        # Sums are a chain. Behind a break a frame is taken by its salts, and starts the chain anew.
        sound = ours and (sums is None or chained(sums, frame, order or "<") == (first, second))
        sums = (first, second) if ours else None
        yield Frame(number, at + FRAME_HEADER.size, pages, sound)


def chained(sums: tuple[int, int], frame: bytes, order: str) -> tuple[int, int]:
    """The log's checksum after a frame: of the first 8 bytes of its header, and of its page. 2 ms a page of 32 KiB."""
    return summed(sums, frame[:8] + frame[FRAME_HEADER.size :], order)


def summed(sums: tuple[int, int], covered: bytes, order: str) -> tuple[int, int]:
    first, second = sums
    words = struct.unpack(f"{order}{len(covered) // 4}I", covered)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second


def size_of(written: int) -> int:
    """A page's bytes by the header's two: 1 stands for 65,536. What no page can be is damage."""
    size = 65536 if written == 1 else written
    return size if size >= 512 and size.bit_count() == 1 else PAGE


def read(descriptor: int, size: int, at: int) -> bytes:
    """By pread, not by a map: a bad sector is an error here, and SIGBUS there."""
    try:
        return os.pread(descriptor, size, at)
    except OSError:
        return b""


def length(descriptor: int) -> int:
    try:
        return os.fstat(descriptor).st_size
    except OSError:
        return 0
