"""What a group of writes comes to, once those that meet in it have cancelled each other."""

from collections.abc import Iterable
from copy import copy
from typing import NamedTuple

from inspan_collector.row import Refused, Row, Write


class Group(NamedTuple):
    """put: the last row of each seq that stays. erase: seqs that go; one that was put here may be older on disk."""

    put: list[Row]
    erase: list[int]
    refuse: list[Refused]
    release: list[int]
    posts: list[tuple[bytes, bytes]]

    @property
    def names(self) -> set[str]:
        """Every destination and format that it speaks of."""
        entries: Iterable[Row | Refused] = (*self.put, *self.refuse)
        return {name for entry in entries for name in (entry.destination, entry.format)}


def group_of(writes: Iterable[Write]) -> Group:
    """In the order of the writes, and within one the put before the erase: the last word on a seq counts."""
    group = Group([], [], [], [], [])
    fates: dict[int, Row | None] = {}
    for write in writes:
        for row in write.put:
            fates[row.seq] = row
        for seq in write.erase:
            fates[seq] = None
        group.refuse.extend(write.refuse)
        group.release.extend(write.release)
        group.posts.extend(write.posts)
    # A row of its own: the loop empties the body of one that has its fate (see Share.surrender), and what is measured,
    # summed and written must be the same.
    group.put.extend(copy(row) for row in fates.values() if row is not None)
    group.erase.extend(seq for seq, row in fates.items() if row is None)
    return group
