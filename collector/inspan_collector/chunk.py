"""What a queue holds: the spans of one request, still encoded."""

from collections.abc import Callable


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

    def drop(self) -> None:
        """One holder fewer."""
        self.holders -= 1
        if self.holders == 0:
            self.release(self.size)


class Chunk:
    """Spans of one request for one destination.

    format: name of the encoding. body: bytes in the format's plain form. spans: count. agent: who posted it (any
    hashable). arrived: loop time in seconds.
    """

    __slots__ = ("agent", "arrived", "body", "custody", "format", "size", "spans")

    def __init__(
        self, format: str, body: bytes, spans: int, *, agent: object, arrived: float, custody: Custody
    ) -> None:
        self.format = format
        self.body = body
        self.size = len(body)
        self.spans = spans
        self.agent = agent
        self.arrived = arrived
        self.custody = custody
        custody.holders += 1

    def __repr__(self) -> str:
        return f"<Chunk {self.format} {self.spans} spans {self.size} bytes>"

    def cut(self, parts: list[tuple[bytes, int]]) -> list["Chunk"]:
        """The chunks that take this one's place: each a part (body, spans) under the same custody."""
        made = [
            Chunk(self.format, body, spans, agent=self.agent, arrived=self.arrived, custody=self.custody)
            for body, spans in parts
        ]
        self.custody.drop()
        return made
