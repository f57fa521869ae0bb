import sys

import pytest

from inspan_collector.row import Row, Trouble, Write
from inspan_collector.spool.share import Share

TROUBLE = Trouble("io", "broken")


class Disk:
    """Keeps what it is to write, until a test says what became of it."""

    def __init__(self) -> None:
        self.writes: list[Write] = []
        self.numbers = 0

    def number(self, count: int) -> int:
        self.numbers += count
        return self.numbers - count

    def has_room(self, destination: str, size: int) -> bool:
        return True

    def write(self, write: Write) -> None:
        self.writes.append(write)

    def settle(self, trouble: Trouble | None = None) -> None:
        writes, self.writes = self.writes, []
        for write in writes:
            write.done(trouble)


class Page:
    def settled(self, seq: int, spans: int, again: bool = False) -> None: ...

    def forget(self, count: int) -> None: ...


def row(seq: int, body: bytes) -> Row:
    return Row(seq, "up", "span_json", 1, 0.0, "agent", body)


@pytest.mark.parametrize("trouble", [None, TROUBLE])
def test_a_body_is_not_held_beyond_its_row(trouble: Trouble | None) -> None:
    disk = Disk()
    share = Share("up", disk, always=True, wall=lambda at: at)
    share.page = Page()
    body = bytes(range(100))
    held = sys.getrefcount(body)
    share.put([row(1, body)], {})
    disk.settle()
    share.put([row(2, body)], {2: 1})  # what takes a row's place is tried until it is written
    disk.settle(trouble)
    share.retry()
    disk.settle()
    share.erase([2])
    disk.settle()
    assert (share.attached, share.owed) == ({}, {})
    assert sys.getrefcount(body) == held
