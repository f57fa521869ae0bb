"""The checksum of a row: SQLite has none for the pages of a body."""

import zlib

from inspan_collector.row import Refused, Row


def row_crc(row: Row) -> int:
    """Of the body, and of what the books and the exporter go by. Not of the destination, which may be renamed."""
    head = b"%d %d %d %s " % (row.seq, row.spans, row.ended, row.key or b"")
    return zlib.crc32(row.body, zlib.crc32(head + row.format.encode()))


def refused_crc(entry: Refused) -> int:
    return zlib.crc32(entry.body, zlib.crc32(b"%d %s" % (entry.spans, entry.format.encode())))
