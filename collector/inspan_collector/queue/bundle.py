"""Copies of one post that wait together, and what they are in flight."""

from collections.abc import Collection, Hashable, Sequence
from itertools import islice
from typing import Final, cast

from inspan_collector.chunk import Chunk
from inspan_collector.formats import span_json
from inspan_collector.memory import Memory
from inspan_collector.queue.prints import Prints
from inspan_collector.trail import Part

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
        taken: list[Hashable] = []
        for key, body in islice(self.copies.items(), spans):
            size -= len(body) + COMMA
            if size < 0:
                break
            taken.append(key)
        return self.part(taken)

    def part(self, keys: Collection[Hashable]) -> "Bundle":
        """Take off the copies of these keys."""
        part = Bundle(self.agent, self.arrived, {key: self.copies.pop(key) for key in keys}, ended=self.ended)
        self.size -= part.size
        return part

    def chunk(self, keeper: "OwnBytes", seqs: Sequence[int] = ()) -> "Copies":
        """The copies as a chunk, whose bytes are charged already."""
        return keeper.chunk(self.agent, self.arrived, self.copies, seqs, ended=self.ended)


def weight(bundle: Bundle) -> int:
    """Bytes of memory that a bundle takes."""
    return bundle.size + KEY * len(bundle.copies)


class Copies(Chunk, eq=False, gc=False, kw_only=True):
    """A chunk that knows the keys of its spans, in their order. Its size is without the brackets of its body.

    part: the keys as the trail has them, when it has.
    prints: of each span, to be remembered when it was delivered; empty where none are.
    """

    keys: list[Hashable]
    ended: bool
    part: Part | None = None
    prints: Sequence[int] = ()


class OwnBytes:
    """The keeper of copies, each of which has bytes of its own; its key and its place are charged with them."""

    def __init__(self, memory: Memory, prints: Prints | None = None) -> None:
        self.memory = memory
        self.prints = prints

    def chunk(
        self,
        agent: Hashable,
        arrived: float,
        copies: dict[Hashable, bytes],
        seqs: Sequence[int],
        *,
        ended: bool,
        format: str = span_json.name,
    ) -> Copies:
        """Copies by their keys as a chunk. Their bytes are to be charged by the caller."""
        body = span_json.array_of(copies.values())
        size = len(body) - len("[]") + (COMMA if copies else 0)
        made = Copies(format, body, size, len(copies), agent, arrived, self, seqs, keys=list(copies), ended=ended)
        if self.prints is not None and format == span_json.name:  # the last time that each has bytes of its own
            made.prints = self.prints.of(copies.values(), ended=ended)
        return made

    def let_go(self, chunk: Chunk) -> None:
        """See Keeper."""
        self.memory.release(chunk.size + KEY * chunk.spans)

    def cut(self, chunk: Chunk, parts: list[tuple[bytes, int]]) -> list[Chunk]:
        """See Keeper. Each part has its own spans' keys, and their rows."""
        whole = cast(Copies, chunk)
        copies = dict(zip(whole.keys, span_json.spans_of(whole.body), strict=True))
        made: list[Chunk] = []
        at = 0
        for _, spans in parts:
            keys, seqs = whole.keys[at : at + spans], whole.seqs[at : at + spans]
            part = {key: copies[key] for key in keys}
            made.append(self.chunk(whole.agent, whole.arrived, part, seqs, ended=whole.ended, format=whole.format))
            at += spans
        return made
