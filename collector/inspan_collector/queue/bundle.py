"""Copies of one post that wait together, and what they are in flight."""

from collections.abc import Hashable
from itertools import islice
from typing import Final, cast

from inspan_collector.chunk import Chunk
from inspan_collector.formats import span_json
from inspan_collector.memory import Memory

COMMA: Final = 1  # byte that a copy adds to a body beside its own
KEY: Final = 400  # bytes of memory that a copy takes beside its body: 250 where it came with a dozen others, 510 alone

HELD: Final = 0  # open, waits for its end
READY: Final = 1  # may be taken
BEHIND: Final = 2  # a bundle of one, waits for what is in flight of its key


class Bundle:
    """Copies of one post that are all open or have all ended, by their keys. It may be empty in the end.

    agent: who posted the first of them, and is charged for all. arrived, since: loop times in seconds; from the latter
    they are held, or the linger of their batch runs. place: where they wait. size: bytes that they add to a body.
    """

    __slots__ = ("agent", "arrived", "copies", "ended", "place", "since", "size")

    def __init__(self, agent: Hashable, arrived: float, copies: dict[Hashable, bytes], *, ended: bool) -> None:
        self.agent = agent
        self.arrived = arrived
        self.copies = copies
        self.ended = ended
        self.since = arrived
        self.size = sum(map(len, copies.values())) + COMMA * len(copies)
        self.place = HELD

    def __repr__(self) -> str:
        return f"<Bundle {len(self.copies)} {'ended' if self.ended else 'open'} copies {self.size} bytes>"

    def split(self, spans: int, size: int) -> "Bundle":
        """Take off the first copies, so many or fewer, in no more bytes."""
        taken: dict[Hashable, bytes] = {}
        for key, body in islice(self.copies.items(), spans):
            size -= len(body) + COMMA
            if size < 0:
                break
            taken[key] = body
        for key in taken:
            del self.copies[key]
        part = Bundle(self.agent, self.arrived, taken, ended=self.ended)
        self.size -= part.size
        return part

    def chunk(self, keeper: "OwnBytes") -> "Copies":
        """The copies as a chunk, whose bytes are charged already."""
        body = span_json.array_of(self.copies.values())
        keys = list(self.copies)
        return Copies(
            span_json.name, body, self.size, len(keys), self.agent, self.arrived, keeper, keys, ended=self.ended
        )


def weight(bundle: Bundle) -> int:
    """Bytes of memory that a bundle takes."""
    return bundle.size + KEY * len(bundle.copies)


class Copies(Chunk, eq=False, gc=False):
    """A chunk that knows the keys of its spans, in their order. Its size is without the brackets of its body."""

    keys: list[Hashable]
    ended: bool


class OwnBytes:
    """The keeper of copies, each of which has bytes of its own; its key and its place are charged with them."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def let_go(self, chunk: Chunk) -> None:
        """See Keeper."""
        self.memory.release(chunk.size + KEY * chunk.spans)

    def cut(self, chunk: Chunk, parts: list[tuple[bytes, int]]) -> list[Chunk]:
        """See Keeper. Each part has its own spans' keys."""
        copies = cast(Copies, chunk)
        made: list[Chunk] = []
        at = 0
        for body, spans in parts:
            size, keys = len(body) - len("[]") + COMMA, copies.keys[at : at + spans]
            made.append(
                Copies(copies.format, body, size, spans, copies.agent, copies.arrived, self, keys, ended=copies.ended)
            )
            at += spans
        return made
