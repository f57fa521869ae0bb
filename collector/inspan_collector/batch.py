"""Chunks on their way to one upstream body, and the arithmetic of when a batch is due. Pure."""

import msgspec

from inspan_collector.chunk import Chunk


class Limits(msgspec.Struct, frozen=True):
    """Where a batch closes: spans, bytes, and seconds after its first span arrived."""

    max_spans: int
    max_bytes: int
    linger: float


class Batch:
    """Chunks of one format that go upstream in one body, and how often they failed.

    failures: attempts in a row that failed with these spans in them, those of the batch they were cut from included.
    """

    __slots__ = ("chunks", "failures", "format", "size", "spans")

    def __init__(self, chunks: list[Chunk], failures: int = 0) -> None:
        self.chunks = chunks
        self.format = chunks[0].format
        self.spans = sum([chunk.spans for chunk in chunks])
        self.size = sum([chunk.size for chunk in chunks])
        self.failures = failures

    def __repr__(self) -> str:
        return f"<Batch {self.format} {len(self.chunks)} chunks {self.spans} spans {self.size} bytes>"

    @property
    def arrived(self) -> float:
        """Loop time at which the first of its spans arrived."""
        return min(chunk.arrived for chunk in self.chunks)


def halves(chunks: list[Chunk]) -> tuple[list[Chunk], list[Chunk]]:
    """Cut a list of two or more chunks in two, each with about half of the spans and at least one chunk."""
    half = sum(chunk.spans for chunk in chunks) / 2
    taken = 0
    for index, chunk in enumerate(chunks[:-1]):
        taken += chunk.spans
        if taken >= half:
            return chunks[: index + 1], chunks[index + 1 :]
    return chunks[:-1], chunks[-1:]
