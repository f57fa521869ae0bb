import pytest
from google.protobuf.message import DecodeError
from tests.collector.formats import otlp_samples as samples

from inspan_collector.errors import MalformedChunk
from inspan_collector.formats import otlp_protobuf
from inspan_collector.formats.otlp_walk import fields, walk

TAGS = bytes(
    [0, 1, 2, 3, 4, 5, 8, 9, 0x0A, 0x0B, 0x0C, 0x0D, 0x12, 0x13, 0x14, 0x15, 0x1B, 0x1C, 0x7F, 0x80, 0x8A, 0xFF]
)


def by_upb(body: bytes) -> int | None:
    try:
        request = otlp_protobuf._parse(body)
    except DecodeError:
        return None
    return sum(len(scope.spans) for resource in request.resources for scope in resource.scopes)


def by_walk(body: bytes) -> int | None:
    try:
        return len(list(walk(body)))
    except MalformedChunk:
        return None


def group(depth: int) -> bytes:
    return b"\x1b" * depth + b"\x1c" * depth


def test_the_walk_finds_the_spans_where_they_are(rng):
    request = samples.request(rng)
    body = request.SerializeToString()
    spans = [s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]
    assert [body[start:end] for start, end in walk(body)] == [span.SerializeToString() for span in spans]


def test_upb_and_the_walk_agree_on_wounded_requests(rng):
    bodies = [samples.request(rng, most=2).SerializeToString() + b"\x0a\x02\x08\x01" for _ in range(10)]
    bodies.append(samples.field(1, group(2) + samples.field(2, b"\x1a\x00\x21" + b"x" * 8 + samples.field(2, b"") * 2)))
    for _ in range(30_000):
        body = samples.mutant(rng, rng.choice(bodies), TAGS)
        assert by_upb(body) == by_walk(body), body.hex()


def test_upb_and_the_walk_agree_on_short_noise(rng):
    for _ in range(50_000):
        body = bytes(rng.choices(TAGS, k=rng.randrange(14)))
        assert by_upb(body) == by_walk(body), body.hex()


@pytest.mark.parametrize("size", range(1, 13))
@pytest.mark.parametrize("last", [0, 1, 2, 0x0F, 0x10, 0x7F])
def test_upb_and_the_walk_agree_on_how_long_a_number_may_be(size, last):
    number = b"\x80" * (size - 1) + bytes([last])
    for body in (
        number + b"\0",
        b"\x9a" + number + b"\0",
        b"\x18" + number,
        b"\x1a" + number,
        b"\x0a" + number,
        b"\x1b" + number,
    ):
        for tail in (b"", b"\0" * 20):
            assert by_upb(body + tail) == by_walk(body + tail), (body + tail).hex()


@pytest.mark.parametrize("depth", range(96, 103))
def test_upb_and_the_walk_agree_on_how_deep_a_group_may_be(depth):
    inner = group(depth)
    for body in (inner, samples.field(1, inner), samples.field(1, samples.field(2, inner))):
        assert by_upb(body) == by_walk(body)


@pytest.mark.parametrize(
    ("body", "why", "position"),
    [
        (b"\x0a\x05ab", "past the end", 1),
        (b"\x08\x80", "cut inside a number", 1),
        (b"\x18\x01\x02\x00\x00", "field number 0", 2),
        (b"\x18\x01\x0e", "wire type 6", 3),
        (b"\x18\x01\x0c", "wire type 4", 3),
        (b"\x1b\x24", "not the last to begin", 1),
        (b"\x1b", "cut inside a number", 1),
        (b"\x80\x80\x80\x80\x80\x01", "longer than 5", 0),
        (b"\xff\xff\xff\xff\x7f", "over 32 bits", 0),
    ],
)
def test_the_position_is_where_the_body_breaks(body, why, position):
    with pytest.raises(MalformedChunk, match=why) as caught:
        list(fields(body, 0, len(body)))
    assert caught.value.position == position
