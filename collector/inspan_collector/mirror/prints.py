"""Fingerprints that survive the process: a ring of records in a file that the next life reads before it writes its own.

head    magic, version, records, seed, upstream, boot, count, records to be skipped, crc32 once it was closed
rings   one of keys, one of prints, one of the times when they were delivered, in ms of the wall clock; all int64

Records are stored first and the count of them afterwards, in one aligned store, which a kill cannot divide. Those that
the next store may overwrite are not believed any more.
"""

import mmap
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol
from zlib import crc32

from inspan_collector.mirror.file import Unreadable, checked, identity, is_there, made, remove
from inspan_collector.mirror.layout import WORD

MAGIC: Final = int.from_bytes(b"inspan\x00\x7e", "big")
VERSION: Final = 1
HEAD: Final = 16  # words, some of them spare
PIECE: Final = 1024  # records that are stored at once: as many as the oldest that are not believed
# Times `max_keys`: a span that is seen running leaves three records, its start, that it changed, and its end.
RECORDS: Final = 3
RINGS: Final = 3
MS: Final = 1000
BOOT: Final = Path("/proc/sys/kernel/random/boot_id")

_COUNT, _SKIPPED, _CRC = 6, 7, 8


class Prints(Protocol):
    """What is kept here; see queue/prints.py."""

    seed: int

    def tell(self, notebook: "PrintFile", now: float) -> None: ...

    def restore(
        self, seed: int, numbers: Sequence[int], prints: Sequence[int], times: Sequence[float], now: float
    ) -> None: ...


class PrintFile:
    """Notes what one destination remembers. It survives the process, and a power cut only where it was closed.

    upstream: what tells it from another that the destination may have had. max_keys: of the prints. clock: loop time in
    seconds. wall: seconds since the epoch, of a loop time. trouble: why nothing is kept; unread: why what was there is
    not believed; empty where all is well. Each key takes 72 bytes of disk.
    """

    def __init__(
        self,
        path: Path,
        prints: Prints,
        upstream: str,
        max_keys: int,
        clock: Callable[[], float],
        wall: Callable[[float], float],
    ) -> None:
        self.path = path
        self.prints = prints
        self.upstream = crc32(upstream.encode())
        self.records = max_keys * RECORDS + PIECE
        self.clock = clock
        self.wall = wall
        self.trouble = ""
        self.unread = ""
        self.count = 0
        self.ours: tuple[int, int] | None = None
        self.words = memoryview(b"")

    def __repr__(self) -> str:
        return f"<PrintFile {self.path} {self.count} records{f', not kept: {self.trouble}' if self.trouble else ''}>"

    def begin(self, *, believe: bool) -> None:
        """Take over what a former life noted, unless it is not to be believed, and begin a file of our own."""
        if believe:
            try:
                self._restore(checked(self.path, HEAD * WORD, _check_head))
            except FileNotFoundError:
                pass  # the first life
            except (OSError, Unreadable) as error:
                self.unread = f"{self.path} {error.strerror if isinstance(error, OSError) else error}"
        self._make()

    def renew(self) -> None:
        """Keep it in a file again, where it could not be made, or is not there any more."""
        if not is_there(self.path, self.ours):
            self._make()

    def close(self) -> None:
        """All that was noted can be told from a file that a power cut left."""
        if self.words:
            self.words[_CRC] = _checksum(self.words)

    def _make(self) -> None:
        """A new file with all that is remembered takes the place of what is there, in one step."""
        new = self.path.with_name(f"{self.path.name}.new")
        try:
            self._fill(made(new, (HEAD + RINGS * self.records) * WORD))
            ours = identity(new)
            new.replace(self.path)
        except OSError as error:
            self.trouble = f"fingerprints would not survive a restart: {self.path}: {error.strerror}"
            for path in (new, self.path):  # it does not hear any more of what changes
                remove(path)
            return
        self.ours, self.trouble = ours, ""

    def _fill(self, memory: mmap.mmap) -> None:
        self.words = words = memoryview(memory).cast("q")
        self.count = 0
        for at, number in enumerate((MAGIC, VERSION, self.records, self.prints.seed, self.upstream, _boot())):
            words[at] = number
        self.prints.tell(self, self.clock())

    # Noting

    def note(self, numbers: Sequence[int], prints: Sequence[int], times: Sequence[float] | float) -> None:
        """See queue/prints.py."""
        words, records, at = self.words, self.records, 0
        if isinstance(times, float):
            stamps = array("q", [int(self.wall(times) * MS)]) * len(numbers)
        else:
            stamps = array("q", [int(self.wall(time) * MS) for time in times])
        while at < len(numbers):
            start = self.count % records
            size = min(len(numbers) - at, PIECE, records - start)
            for ring, column in enumerate((numbers, prints, stamps)):
                first = HEAD + ring * records + start
                words[first : first + size] = array("q", column[at : at + size])
            self.count += size
            words[_COUNT] = self.count
            at += size

    def skip(self, count: int) -> None:
        """See queue/prints.py."""
        self.words[_SKIPPED] = count

    # What a former life noted

    def _restore(self, found: bytes) -> None:
        """Errors: Unreadable."""
        words = memoryview(found).cast("q")
        _, _, records, seed, upstream, boot, count, skipped, crc, *_ = words[:HEAD]
        if upstream != self.upstream:
            raise Unreadable("is of another upstream")
        if boot != _boot() and crc != _checksum(words):
            raise Unreadable("was not closed before the machine went down")
        size = max(0, min(count - skipped, records - PIECE))
        start = (count - size) % records
        columns: list[list[int]] = []
        for ring in range(RINGS):
            first = HEAD + ring * records
            whole = words[first : first + records].tolist()
            columns.append((whole[start:] + whole[:start])[:size])
        numbers, prints, stamps = columns
        now = self.clock()
        shift = now - self.wall(now)
        self.prints.restore(seed, numbers, prints, [stamp / MS + shift for stamp in stamps], now)


def _check_head(head: bytes, size: int) -> None:
    if len(head) < HEAD * WORD:
        raise Unreadable(f"is {size} bytes long, too short for fingerprints")
    magic, version, records, seed, _, _, count, skipped, *_ = memoryview(head).cast("q")
    if magic != MAGIC:
        raise Unreadable("holds no fingerprints of this kind of machine")
    if version != VERSION:
        raise Unreadable(f"is of version {version}, and this one reads {VERSION}")
    if size != (HEAD + RINGS * records) * WORD or records <= PIECE or min(count, seed, skipped) < 0:
        raise Unreadable("has a head that does not fit its size")


def _checksum(words: memoryview) -> int:
    return crc32(words[HEAD:], words[_COUNT] & 0xFFFF_FFFF)


def _boot() -> int:
    """What tells this run of the machine from others; 0 where it does not say."""
    try:
        return int(BOOT.read_text(encoding="ascii").replace("-", "")[:15], 16)
    except (OSError, ValueError):
        return 0


def left_by_others(spool: Path, names: Sequence[str]) -> None:
    """Take away what destinations noted that do not remember any more: they hear of no change."""
    beginning = path_of(spool, "").name
    try:
        found = [each for each in spool.parent.iterdir() if each.name.startswith(beginning)]
    except OSError:
        return
    for each in set(found) - {path_of(spool, name) for name in names}:
        remove(each)


def path_of(spool: Path, name: str) -> Path:
    """Where a destination's fingerprints are: beside the spool."""
    return spool.with_name(f"{spool.name}.prints.{name}")
