"""Cut a batch in flight into smaller ones; the spans stay in custody and in the bounds of the queue."""

from inspan_collector.batch import Batch, halves
from inspan_collector.chunk import Chunk
from inspan_collector.formats import FORMATS
from inspan_collector.queue import Queue


def halve(queue: Queue, piece: Batch) -> list[Batch]:
    """Two batches with about half of the spans each, in order. The piece has at least two spans."""
    if len(piece.chunks) > 1:
        return [Batch(chunks, piece.failures) for chunks in halves(piece.chunks)]
    chunk = piece.chunks[0]
    parts = FORMATS[chunk.format].split(chunk.body, (chunk.spans + 1) // 2, chunk.size)
    return [Batch([part], piece.failures) for part in queue.replace(chunk, parts)]


def singles(queue: Queue, chunk: Chunk) -> list[Chunk]:
    """One chunk for each span."""
    if chunk.spans == 1:
        return [chunk]
    return queue.replace(chunk, FORMATS[chunk.format].split(chunk.body, 1, chunk.size))


def first_and_rest(queue: Queue, piece: Batch) -> tuple[Batch, Batch]:
    """The first span alone, and all the others. The piece has at least two spans."""
    first, *rest = singles(queue, piece.chunks[0])
    return Batch([first], piece.failures), Batch(rest + piece.chunks[1:], piece.failures)


def fit(queue: Queue, chunks: list[Chunk], max_bytes: int) -> list[Chunk]:
    """What of taken chunks goes into one batch now: a first chunk over a limit is cut, and the rest waits again."""
    first = chunks[0]
    max_spans = queue.limits.max_spans
    if first.spans == 1 or (first.spans <= max_spans and first.size <= max_bytes):
        return chunks
    parts = FORMATS[first.format].split(first.body, max_spans, max_bytes)
    if len(parts) == 1:
        return chunks
    made = queue.replace(first, parts)
    queue.put_back(made[1:] + chunks[1:])
    return made[:1]
