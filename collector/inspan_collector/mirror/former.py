"""What a former life left of its books. Nothing that the file says is believed before it fits."""

from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
from msgspec import Struct

from inspan_collector.ledger import ACCOUNTS, PLACES
from inspan_collector.mirror.file import Unreadable, checked
from inspan_collector.mirror.layout import ENTRY, HEAD, MAGIC, VERSION, WORD, Layout, Names
from inspan_collector.mirror.page import published


class Former(Struct, frozen=True):
    """The books as a former life published them last.

    books: of each destination, as `Ledger.snapshot`. dialects: `received`, `accepted`, and `refused` by reason. rows:
    of each destination, the oldest first, (seq, spans, again) as `Page.settled` was told. sound: whether both laws
    hold, which only a power cut or a defect can break. clean: whether that life closed its books.
    """

    books: dict[str, dict[str, int]]
    dialects: dict[str, dict[str, Any]]
    rows: dict[str, list[tuple[int, int, bool]]]
    sound: bool
    clean: bool

    def held(self, destination: str) -> int:
        """Spans in any place of this destination: those without a fate. 0 where that life did not know it."""
        return sum(self.books.get(destination, {}).get(place, 0) for place in PLACES)

    def spooled(self, destination: str) -> int:
        """Those of them that were on disk alone."""
        return self.books.get(destination, {}).get("spooled", 0)


def read(path: Path) -> tuple[Former | None, str]:
    """What the file says, and why it says nothing: empty where it does, or where there is no file."""
    try:
        return _parsed(checked(path, HEAD * WORD, _check_head)), ""
    except FileNotFoundError:
        return None, ""
    except OSError as error:
        return None, f"{path} cannot be read: {error.strerror}"
    except Unreadable as error:
        return None, f"{path} {error}"


def _check_head(head: bytes, size: int) -> None:
    if len(head) < HEAD * WORD:
        raise Unreadable(f"is {size} bytes long, too short for a mirror")
    magic, version, length, *_ = memoryview(head).cast("q")
    if magic != MAGIC:
        raise Unreadable("is not a mirror of this kind of machine")
    if version != VERSION:
        raise Unreadable(f"is of version {version}, and this one reads {VERSION}")
    if length != size:
        raise Unreadable(f"is {size} bytes long and should be {length}")


def _parsed(content: bytes) -> Former:
    """Errors: Unreadable."""
    _, _, _, length, crc, clean, *_ = memoryview(content)[: HEAD * WORD].cast("q")
    text = content[HEAD * WORD :][: max(length, 0)]
    if crc32(text) != crc:
        raise Unreadable("has damaged names")
    try:
        layout = Layout(msgspec.json.decode(text, type=Names))
    except msgspec.MsgspecError as error:
        raise Unreadable(f"has names that are none: {error}") from None
    if layout.text != text or layout.size != len(content):
        raise Unreadable("has another length than its names ask for")
    return _former(layout, memoryview(content).cast("q"), clean == 1)


def _former(layout: Layout, words: memoryview, clean: bool) -> Former:
    names = layout.names
    pages = {name: published(words[region], layout.numbers) for name, region in layout.pages.items()}
    counts = {name: published(words[region], len(names.counts)) for name, region in layout.receptions.items()}
    signs = [-1] * names.sources + [1] * (len(names.accounts) - names.sources)
    books, rows = {}, {}
    for name, (*balances, head, tail) in pages.items():
        rows[name] = _rows(words[layout.rings[name]], head, tail)
        signed = [sign * balance for sign, balance in zip(signs, balances, strict=True)]
        books[name] = dict.fromkeys(ACCOUNTS, 0) | dict(zip(names.accounts, signed, strict=True))
    dialects = {
        name: {
            "received": found[0],
            "accepted": found[1],
            "refused": dict(zip(names.counts[2:], found[2:], strict=True)),
        }
        for name, found in counts.items()
    }
    sound = all(sum(balances) == 0 for *balances, _, _ in pages.values())
    sound = sound and all(received == sum(others) for received, *others in counts.values())
    return Former(books, dialects, rows, sound, clean)


def _rows(ring: memoryview, head: int, tail: int) -> list[tuple[int, int, bool]]:
    size = len(ring) // ENTRY
    if not 0 <= tail <= head <= tail + size:
        raise Unreadable(f"has a ring that goes from {tail} to {head}, and it holds {size}")
    places = (index % size * ENTRY for index in range(tail, head))
    return [(ring[at], ring[at + 1] >> 1, bool(ring[at + 1] & 1)) for at in places]
