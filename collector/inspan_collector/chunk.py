"""What a queue holds: spans of one request, still encoded."""

from collections.abc import Callable, Hashable

import msgspec


class Custody:
    """The bytes of one request body, charged to the memory budget until its last holder lets go.

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
        """This chunk is held no more."""
        del chunk
        self.drop()

    def drop(self) -> None:
        """One holder fewer."""
        self.holders -= 1
        if self.holders == 0:
            self.release(self.size)


class OwnBytes(Custody):
    """The custody of copies: each has bytes of its own, which are given back with it.

    release: called with the bytes of each.
    """

    __slots__ = ()

    def __init__(self, release: Callable[[int], None]) -> None:
        super().__init__(0, release)

    def let_go(self, chunk: "Chunk") -> None:
        """This copy is held no more."""
        self.release(chunk.size)


class Chunk(msgspec.Struct, eq=False, gc=False):
    """Spans of one request for one destination. Made by its custody.

    format: name of the encoding. body: bytes in the format's plain form. size: of the body. spans: count. agent: who
    posted it. arrived: loop time in seconds.
    """

    format: str
    body: bytes
    size: int
    spans: int
    agent: Hashable
    arrived: float
    custody: Custody

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.format} {self.spans} spans {self.size} bytes>"

    def cut(self, parts: list[tuple[bytes, int]]) -> list["Chunk"]:
        """The chunks that take this one's place: each a part (body, spans) under the same custody."""
        made = [
            self.custody.chunk(self.format, body, spans, agent=self.agent, arrived=self.arrived)
            for body, spans in parts
        ]
        self.custody.let_go(self)
        return made
