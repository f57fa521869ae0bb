"""What the disk is given: rows of spans that wait, rows of spans that were refused, and the writes that hold both."""

from collections.abc import Callable, Sequence
from typing import Final, Literal

import msgspec

from inspan_collector.errors import InspanError

TroubleKind = Literal["full", "io", "corrupt", "readonly", "newer", "locked"]
TROUBLES: Final[tuple[TroubleKind, ...]] = ("full", "io", "corrupt", "readonly", "newer", "locked")

ROW: Final = 200  # bytes that a row is counted with beside its body: its columns, its share of indexes and pages


class Trouble(InspanError):
    """The disk does not do what it was asked. kind: one of TROUBLES. The message says what to do."""

    def __init__(self, kind: TroubleKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Row(msgspec.Struct, gc=False):
    """Spans of one post for one destination; where a destination can be updated, one copy.

    seq: the order of arrival, never used twice in the life of a spool. arrived: seconds since the epoch. agent: who
    posted it, for people. body: in the format's plain form. key: 16 bytes that tell a copy's span from others, None for
    spans that nothing replaces. ended: whether a copy has an end. fault: why the row cannot be understood any more;
    empty for a sound one, and never written.
    """

    seq: int
    destination: str
    format: str
    spans: int
    arrived: float
    agent: str
    body: bytes
    key: bytes | None = None
    ended: bool = True
    fault: str = ""

    @property
    def size(self) -> int:
        """Bytes that it counts in the spool's bound."""
        return len(self.body) + ROW


class Refused(msgspec.Struct, gc=False):
    """Spans that an upstream refused for good, or that cannot be sent.

    at: seconds since the epoch. status: of the upstream's answer, 0 where it was not asked or never answered. message:
    its words. id: given by the store, counts up and is never used twice; 0 before.
    """

    destination: str
    at: float
    status: int
    message: str
    format: str
    spans: int
    body: bytes
    agent: str = ""
    id: int = 0


def _nothing(trouble: Trouble | None) -> None:
    del trouble


class Write(msgspec.Struct, gc=False):
    """What is written together or not at all.

    put: rows, in place of any with the same seq. erase: seqs that need not be there. refuse: into quarantine. release:
    ids out of quarantine. posts: (agent, sequence) of posts that must be known again after a restart. done: called on
    the loop, with None once all of it is durable, else with what went wrong.
    """

    put: Sequence[Row] = ()
    erase: Sequence[int] = ()
    refuse: Sequence[Refused] = ()
    release: Sequence[int] = ()
    posts: Sequence[tuple[bytes, bytes]] = ()
    done: Callable[[Trouble | None], None] = _nothing


class Total(msgspec.Struct, frozen=True):
    """What is on disk of one destination. oldest: seconds since the epoch at which the oldest arrived."""

    rows: int = 0
    spans: int = 0
    size: int = 0
    oldest: float | None = None
