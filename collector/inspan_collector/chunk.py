"""What a queue holds: spans of one request, still encoded."""

from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

import msgspec


class Keeper(Protocol):
    """Has the bytes of chunks charged to the memory budget."""

    def let_go(self, chunk: "Chunk") -> None:
        """This chunk is held no more."""
        ...

    def cut(self, chunk: "Chunk", parts: list[tuple[bytes, int]]) -> list["Chunk"]:
        """The chunks that take this one's place: each a part (body, spans), in order."""
        ...


class Custody:
    """The bytes of one request body, charged until its last holder lets go.

    A body is shared by the chunks of all destinations and by the parts of a split; it is charged once.

    size: bytes. release: called with `size` when nobody holds the body any more.
    """

    __slots__ = ("holders", "release", "size")

    def __init__(self, size: int, release: Callable[[int], None]) -> None:
        self.size = size
        self.release = release
        self.holders = 0

    def chunk(self, format: str, body: bytes, spans: int, *, agent: Hashable, arrived: float) -> "Chunk":
        """A chunk that holds these bytes, or a part of them, until `let_go`."""
        self.holders += 1
        return Chunk(format, body, len(body), spans, agent, arrived, self)

    def let_go(self, chunk: "Chunk") -> None:
        """See Keeper."""
        del chunk
        self.drop()

    def cut(self, chunk: "Chunk", parts: list[tuple[bytes, int]]) -> list["Chunk"]:
        """See Keeper. The parts share the custody of the whole."""
        made = [
            self.chunk(chunk.format, body, spans, agent=chunk.agent, arrived=chunk.arrived) for body, spans in parts
        ]
        self.drop()
        return made

    def drop(self) -> None:
        """One holder fewer."""
        self.holders -= 1
        if self.holders == 0:
            self.release(self.size)


class Chunk(msgspec.Struct, eq=False, gc=False):
    """Spans of one request for one destination. Made by its keeper.

    format: name of the encoding. body: bytes in the format's plain form. size: bytes that it adds to a joined body, or
    a few more. spans: count. agent: who posted it. arrived: loop time in seconds. seqs: its place in the order of
    arrival, of each span where they were taken apart; empty without a spool.
    """

    format: str
    body: bytes
    size: int
    spans: int
    agent: Hashable
    arrived: float
    keeper: Keeper
    seqs: Sequence[int] = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.format} {self.spans} spans {self.size} bytes>"
