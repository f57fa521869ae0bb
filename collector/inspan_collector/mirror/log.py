"""Records that outlive the process, and not a power cut: a file that is mapped, in two halves.

One half is in use. A record is written behind those of before, and counts from the moment in which the length says so,
which is one aligned store: a kill between any two instructions leaves all of it or nothing. When the half is full, what
is still so is written into the other one, and a word says that this one is in use now.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import msgspec

from inspan_collector.mirror.file import content, made

MAGIC: Final = int.from_bytes(b"insplog\x7f", "big")
VERSION: Final = 1
HALF: Final = 2 << 20  # bytes; 10,000 open spans take some 1.8 MB
MOST: Final = 64 << 20  # of a half that another version may have made
HEAD: Final = 64  # bytes: magic, version, half, turn, the lengths of the two
_TURN: Final = 3  # words of the head
_LENGTHS: Final = 4
_FRAME: Final = struct.Struct("<II")  # length and crc32 of what follows

Record = tuple[Any, ...]


class Log:
    """The log of this life, which takes the place of the former one's at this path.

    live: what is so now, for the other half. trouble: why nothing is kept any more, empty while it is.
    """

    def __init__(self, path: Path, live: Callable[[], Sequence[Record]], half: int = HALF) -> None:
        self.path = path
        self.live = live
        self.half = half
        self.renew()

    def __repr__(self) -> str:
        return f"<Log {self.path} {self._length} of {self.half} bytes{f', {self.trouble}' if self.trouble else ''}>"

    def renew(self) -> None:
        """Begin anew with what is so now, in a file that takes the place of what is there; also to end a trouble."""
        self.trouble, self._turn, self._length = "", 0, 0
        new = self.path.with_name(f"{self.path.name}.new")
        try:
            self._memory = made(new, HEAD + 2 * self.half)
            self._words = memoryview(self._memory)[:HEAD].cast("q")
            self._words[:_TURN] = memoryview(struct.pack("=3q", MAGIC, VERSION, self.half)).cast("q")
            self._turn_over()
            if not self.trouble:
                new.replace(self.path)
        except OSError as error:
            self.trouble = f"{self.path}: {error.strerror}"

    def write(self, records: Sequence[Record]) -> None:
        """Keep these, behind those of before."""
        if self.trouble:
            return
        frame = _framed(records)
        if self._length + len(frame) > self.half:
            self._turn_over()  # `live` says it already
        else:
            self._append(frame)

    def _append(self, frame: bytes) -> None:
        start = HEAD + self._turn * self.half + self._length
        self._memory[start : start + len(frame)] = frame
        self._length += len(frame)
        self._words[_LENGTHS + self._turn] = self._length

    def _turn_over(self) -> None:
        live = self.live()
        frame = _framed(live) if live else b""
        if len(frame) > self.half:
            self.trouble = f"{self.path}: {len(frame)} bytes do not fit into {self.half}"
            return
        self._turn ^= 1
        self._length = 0
        self._words[_LENGTHS + self._turn] = 0
        self._append(frame)
        self._words[_TURN] = self._turn


def read(path: Path) -> tuple[list[Record], str]:
    """What a former life wrote there, and why some of it cannot be read: empty where all can, or nothing is there."""
    try:
        found = content(path, HEAD + 2 * MOST)
    except FileNotFoundError:
        return [], ""
    except OSError as error:
        return [], f"{path} cannot be read: {error.strerror}"
    with suppress(struct.error, IndexError, ValueError):
        magic, version, half, turn, *lengths = struct.unpack_from("=6q", found)
        if (magic, version, len(found)) == (MAGIC, VERSION, HEAD + 2 * half) and turn in (0, 1):
            start = HEAD + turn * half
            records: list[Record] = []
            for part in _frames(found[start : start + lengths[turn]]):
                if part is None:
                    return records, f"{path} is damaged: what follows {len(records)} records is lost"
                records += part
            return records, ""
    return [], f"{path} is no log of this version and kind of machine"


def _framed(records: Sequence[Record]) -> bytes:
    body = msgspec.msgpack.encode(records)
    return _FRAME.pack(len(body), crc32(body)) + body


def _frames(half: bytes) -> Iterator[list[Record] | None]:
    """The records of each frame in turn; None, and nothing after it, for one that is damaged."""
    at = 0
    while at + _FRAME.size <= len(half):
        length, crc = _FRAME.unpack_from(half, at)
        body = half[at + _FRAME.size : at + _FRAME.size + length]
        at += _FRAME.size + length
        try:
            if len(body) < length or crc32(body) != crc:
                raise ValueError
            yield [tuple(record) for record in msgspec.msgpack.decode(body, type=list[list[Any]])]
        except (ValueError, msgspec.MsgspecError):
            yield None
            return
