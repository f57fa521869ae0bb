"""Cutting keeps every span, in order, and the bounds of the queue true."""

from tests.collector.pipeline.rig import Rig
from tests.collector.pipeline.upstream import Upstream, ids
from tests.virtual_time import run

from inspan_collector.batch import Batch
from inspan_collector.chunk import Chunk
from inspan_collector.pipeline.cutting import first_and_rest, halve, sort_out
from inspan_collector.queue.lanes import Lane, Lanes
from inspan_collector.queue.queue import Queue


def spans_of(*chunks: Chunk) -> list[int]:
    return [number for chunk in chunks for number in ids(chunk.format, chunk.body)]


def taken(rig: Rig, *counts: int) -> list[Chunk]:
    """Chunks in flight with so many spans each."""
    rig.running.cancel()
    for count in counts:
        rig.post(count)
    return rig.destination.queue.take(1 << 30, 0.0)


def lanes_of(queue: Queue) -> list[Lane]:
    assert isinstance(queue.waiting, Lanes)
    return list(queue.waiting.by_format.values())


def check_bounds(rig: Rig, chunks: list[Chunk]) -> None:
    queue = rig.destination.queue
    waiting = [chunk for lane in lanes_of(queue) for chunk in lane.chunks]
    assert queue.held_bytes == sum(chunk.size for chunk in [*chunks, *waiting])
    assert sum(queue.held_by.values()) == queue.held_bytes
    assert queue.held_spans == sum(chunk.spans for chunk in [*chunks, *waiting])
    for lane in lanes_of(queue):
        assert (lane.spans, lane.size) == (sum(c.spans for c in lane.chunks), sum(c.size for c in lane.chunks))


def test_halves_of_many_chunks_and_of_one():
    async def main() -> None:
        for counts in ((1, 1), (5, 1, 1), (1, 9), (7,), (2,), (3, 3, 3)):
            rig = Rig(Upstream())
            piece = Batch(taken(rig, *counts))
            before = spans_of(*piece.chunks)
            one, other = halve(rig.destination.queue, piece)
            assert one.spans
            assert other.spans
            assert spans_of(*one.chunks, *other.chunks) == before
            check_bounds(rig, one.chunks + other.chunks)

    run(main())


def test_the_first_span_alone():
    async def main() -> None:
        rig = Rig(Upstream())
        first, rest = first_and_rest(rig.destination.queue, Batch(taken(rig, 9, 2)))
        assert spans_of(*first.chunks) == [1]
        assert spans_of(*rest.chunks) == list(range(2, 12))
        check_bounds(rig, first.chunks + rest.chunks)

    run(main())


def test_a_chunk_over_a_limit_is_cut_and_the_rest_waits_in_order():
    async def main() -> None:
        rig = Rig(Upstream(), batch={"max_spans": 10})
        rig.running.cancel()
        rig.post(95)
        rig.post(3)
        queue = rig.destination.queue
        now = queue.take(1 << 20, 0.0)
        assert 0 < sum(chunk.spans for chunk in now) <= 10
        check_bounds(rig, now)
        [lane] = lanes_of(queue)
        assert spans_of(*now, *lane.chunks) == list(range(1, 99))
        assert queue.waiting.count() + sum(chunk.spans for chunk in now) == 98

    run(main())


def test_a_single_span_over_the_byte_limit_goes_alone():
    async def main() -> None:
        rig = Rig(Upstream())
        rig.running.cancel()
        rig.post(1)
        assert spans_of(*rig.destination.queue.take(5, 0.0)) == [1]

    run(main())


def test_broken_spans_are_sorted_out_and_the_sound_ones_keep_their_order():
    async def main() -> None:
        rig = Rig(Upstream())
        [chunk] = taken(rig, 20)
        sound, broken = sort_out(rig.destination.queue, chunk, {0: "a", 7: "b", 19: "c"})
        assert [(spans_of(part), why) for part, why in broken] == [([1], "a"), ([8], "b"), ([20], "c")]
        assert spans_of(*sound) == [n for n in range(1, 21) if n not in (1, 8, 20)]
        check_bounds(rig, sound + [part for part, _ in broken])

    run(main())


def test_a_large_resource_is_not_multiplied_by_the_number_of_spans():
    async def main() -> None:
        rig = Rig(Upstream(), memory_bytes=1 << 30)
        rig.running.cancel()
        head = b"\x0a" + bytes([0x80, 0x80, 0x04]) + b"\x0a\xfc\xff\x03" + b"x" * 65532  # a resource of 64 KiB
        inner = b"".join(b"\x12\x26" + _span(n) for n in range(512))
        scope = b"\x12" + _varint(len(inner)) + inner
        body = b"\x0a" + _varint(len(head) + len(scope)) + head + scope
        assert rig.post(body=body)
        [chunk] = rig.destination.queue.take(1 << 30, 0.0)
        first, rest = first_and_rest(rig.destination.queue, Batch([chunk]))
        assert first.spans == 1
        assert sum(part.size for part in [*first.chunks, *rest.chunks]) < 12 * len(head) + 2 * len(body)

    def _span(number: int) -> bytes:
        return b"\n\x10" + number.to_bytes(16, "big") + b"\x12\x08" + number.to_bytes(8, "big") + b"\x2a\x08" + b"n" * 8

    def _varint(value: int) -> bytes:
        out = bytearray()
        while value > 0x7F:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes([*out, value])

    run(main())
