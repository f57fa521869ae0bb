"""What a queue asks of the chunks that wait in it: which go next, and when."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Protocol

import msgspec

from inspan_collector.chunk import Chunk
from inspan_collector.formats import Head
from inspan_collector.pledge import Pledge

Cut = Callable[[Chunk], list[Chunk]]


class Added(msgspec.Struct, frozen=True, gc=False):
    """What became of a chunk that was added.

    grown: bytes by which what each agent holds has grown, overhead included. merged: spans that lost to another copy of
    the same span. wake: whether what the batcher waits for has changed.
    """

    grown: Mapping[Hashable, int]
    merged: int
    wake: bool


class Waiting(Protocol):
    """Knows the chunks and their order; their books and bounds are the queue's. Times are loop times in seconds.

    overhead: bytes of memory that each span takes here beside its own.
    """

    overhead: int

    @property
    def spans(self) -> int:
        """Spans that wait."""
        ...

    @property
    def size(self) -> int:
        """Bytes that wait."""
        ...

    def count(self) -> int:
        """Spans that wait, counted one by one: a check of `spans`."""
        ...

    def add(self, chunk: Chunk, heads: Sequence[Head], pledge: Pledge | None = None) -> Added:
        """Take a chunk in. heads: of its spans, where they have been read. pledge: that they will be on disk."""
        ...

    def oldest(self) -> float | None:
        """When the oldest arrived; None while nothing waits."""
        ...

    def time_left(self, now: float) -> float | None:
        """Seconds until a batch must go, 0 where one is full or due; None while none can."""
        ...

    def take(self, max_bytes: int, now: float, cut: Cut) -> list[Chunk]:
        """The chunks of the next batch, of one format, in order. Only where `time_left` is a number.

        A span over `max_bytes` goes by itself. cut: a chunk into smaller ones, where it is over a limit.
        """
        ...

    def gone(self, chunks: Sequence[Chunk], *, fate: int, took_all: bool, now: float) -> list[Chunk]:
        """Taken chunks have a fate. Returns those that are pointless now, and do not wait any more: merged.

        fate: an account of the ledger. took_all: the upstream has every span as it is here.
        """
        ...

    def stop_holding(self) -> None:
        """From now on nothing waits for what might still come: a drain."""
        ...

    def relieve(self, spans: float, size: float, now: float) -> bool:
        """Make at least so many spans and bytes ready to go, oldest first, as far as there are any.

        Whether what the batcher waits for has changed.
        """
        ...

    def write(self, spans: float, size: float, pledge: Pledge | None = None) -> bool:
        """See that the oldest, so many spans and bytes of them, have rows on disk. False where there is no room."""
        ...

    def let_go(self, spans: float, size: float) -> list[Chunk]:
        """Take out the oldest whose own rows are durable, until so many spans and bytes are gone, or none is left.

        Not what waits behind another copy of its span.
        """
        ...

    def evict(self) -> Chunk:
        """Take out the oldest, to make room. Only where something waits."""
        ...

    def expire(self, before: float) -> list[Chunk]:
        """Take out what arrived before this time."""
        ...

    def empty(self) -> list[Chunk]:
        """Take out everything."""
        ...
