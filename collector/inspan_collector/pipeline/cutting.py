"""Cut a batch in flight into smaller ones; the spans stay in custody and in the bounds of the queue.

Always in halves: each part repeats the resource it came under, and that can be large. Cut into single spans at once, a
request with a resource of 1 MB and 1,000 spans would take 1 GB.
"""

from collections.abc import Mapping

from inspan_collector.batch import Batch, halves
from inspan_collector.chunk import Chunk
from inspan_collector.queue.queue import Queue


def halve(queue: Queue, piece: Batch) -> list[Batch]:
    """Two batches with about half of the spans each, in order. The piece has at least two spans."""
    chunks = halves(piece.chunks) if len(piece.chunks) > 1 else [[part] for part in queue.cut(piece.chunks[0])]
    return [Batch(part, piece.failures) for part in chunks]


def first_and_rest(queue: Queue, piece: Batch) -> tuple[Batch, Batch]:
    """The first span alone, and all the others. The piece has at least two spans."""
    first, *rest = piece.chunks
    while first.spans > 1:
        first, *others = queue.cut(first)
        rest = others + rest
    return Batch([first], piece.failures), Batch(rest, piece.failures)


def sort_out(queue: Queue, chunk: Chunk, faults: Mapping[int, str]) -> tuple[list[Chunk], list[tuple[Chunk, str]]]:
    """(chunks with the sound spans, each broken span alone and why). faults: why, by the span's index in the chunk."""
    if not faults:
        return [chunk], []
    if chunk.spans == 1:
        return [], [(chunk, faults[0])]
    sound: list[Chunk] = []
    broken: list[tuple[Chunk, str]] = []
    offset = 0
    for part in queue.cut(chunk):
        here = {index - offset: why for index, why in faults.items() if offset <= index < offset + part.spans}
        kept, bad = sort_out(queue, part, here)
        sound += kept
        broken += bad
        offset += part.spans
    return sound, broken
