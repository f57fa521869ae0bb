"""Records on the leaves of a database's trees. https://www.sqlite.org/fileformat2.html, sections 1.6 and 2.1."""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from inspan_collector.spool.pages import Pages

Value = int | float | str | bytes | None

TABLE_LEAF: Final = 13
INDEX_LEAF: Final = 10
INDEX_INNER: Final = 2  # entries of an index are on its inner pages as well, each behind the number of a page below

INTEGERS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # bytes by serial type
FLOAT: Final = 7
ZERO: Final = 8  # and 9 is one: types that need no bytes


class Record(NamedTuple):
    """A row of a table, or an entry of an index, whose rowid is 0 here."""

    rowid: int
    values: list[Value]


class Unreadable(Exception):
    """A cell that is not what it should be."""


def records(pages: Pages, number: int) -> Iterator[Record]:
    """What is on this page, if it is a leaf of a table or any page of an index. Cells without sense are left out."""
    page = pages.page(number)
    kind = kind_of(page)
    if kind not in (TABLE_LEAF, INDEX_LEAF, INDEX_INNER):
        return
    first = 12 if kind == INDEX_INNER else 8
    cells = min(int.from_bytes(page[3:5], "big"), (pages.size - first) // 2)
    for at in struct.unpack_from(f">{cells}H", page, first):
        try:
            yield cell(pages, page, at, kind)
        except (Unreadable, IndexError, struct.error, UnicodeDecodeError):
            continue


def kind_of(page: bytes) -> int:
    """Of a page of a tree; of page 1, with the file's header before it, none: its schema is known."""
    return page[0] if page else 0


def cell(pages: Pages, page: bytes, at: int, kind: int) -> Record:
    if kind == INDEX_INNER:
        at += 4
    size, at = varint(page, at)
    rowid = 0
    if kind == TABLE_LEAF:
        rowid, at = varint(page, at)
    if size > pages.count * pages.size:
        raise Unreadable
    return Record(rowid, unpacked(payload(pages, page, at, size, table=kind == TABLE_LEAF)))


def payload(pages: Pages, page: bytes, at: int, size: int, *, table: bool) -> bytes:
    """A record's bytes: as many as the page may hold, and the rest on a chain of pages of its own."""
    usable = pages.size
    most = usable - 35 if table else (usable - 12) * 64 // 255 - 23
    local = size
    if size > most:
        least = (usable - 12) * 32 // 255 - 23
        local = least + (size - least) % (usable - 4)
        local = local if local <= most else least
    found = [page[at : at + local]]
    missing, at = size - len(found[0]), at + local
    following = int.from_bytes(page[at : at + 4], "big")
    while missing > 0:
        page = pages.page(following)
        if not page:
            raise Unreadable
        following = int.from_bytes(page[:4], "big")
        found.append(page[4 : 4 + missing])
        missing -= len(found[-1])
    return b"".join(found)


def unpacked(record: bytes) -> list[Value]:
    """The values of a record: a header of serial types, and their bytes."""
    end, at = varint(record, 0)
    types = []
    while at < end:
        serial, at = (record[at], at + 1) if record[at] < 0x80 else varint(record, at)  # nearly always one byte
        types.append(serial)
    values = []
    for serial in types:
        size = width(serial)
        if at + size > len(record):
            raise Unreadable
        values.append(value(serial, record[at : at + size]))
        at += size
    return values


def width(serial: int) -> int:
    return (serial - 12) // 2 if serial >= 12 else 8 if serial == FLOAT else INTEGERS.get(serial, 0)


def value(serial: int, found: bytes) -> Value:
    if serial >= 12:
        return found.decode() if serial % 2 else found
    if serial in INTEGERS:
        return int.from_bytes(found, "big", signed=True)
    if serial == FLOAT:
        (real,) = struct.unpack(">d", found)
        return float(real)
    if serial in (ZERO, ZERO + 1):
        return serial - ZERO
    if serial:
        raise Unreadable
    return None


def varint(found: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends. Nine bytes at most, of which the ninth gives all its bits."""
    number = 0
    for past in range(8):
        byte = found[at + past]
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, at + past + 1
    number = number << 8 | found[at + 8]
    return number - (1 << 64 if number >> 63 else 0), at + 9
