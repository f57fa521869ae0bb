"""Content-encodings undone within bounds. Encoded by the standard library, decoded by what we ship."""

import contextlib
import gzip
import random
import sys
import tracemalloc
import zlib

import pytest

from inspan_collector.errors import MalformedChunk, TooLarge, UnsupportedEncoding
from inspan_collector.inflate import ENCODINGS, MAX_MEMBERS, inflate

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MiB = 1 << 20
PLAIN = random.Random(1).randbytes(5000) + b"span" * 5000
LIMIT = len(PLAIN)


def raw_deflate(body: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(body) + squeeze.flush()


ENCODE = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
}
RAW = [*ENCODE.items(), ("deflate", raw_deflate)]
each_encoding = pytest.mark.parametrize(("encoding", "encode"), RAW, ids=["gzip", "x-gzip", "zlib", "zstd", "raw"])


@each_encoding
def test_what_was_encoded_comes_back(encoding, encode):
    assert inflate(encoding, encode(PLAIN), LIMIT) == PLAIN
    assert inflate(f" {encoding.upper()} ", encode(PLAIN), LIMIT) == PLAIN
    assert inflate(encoding, encode(b""), 0) == b""


def test_a_plain_body_is_passed_on_as_it_is():
    assert inflate("identity", PLAIN, LIMIT) is PLAIN
    assert inflate("", PLAIN, LIMIT) is PLAIN
    with pytest.raises(TooLarge):
        inflate("identity", PLAIN, LIMIT - 1)


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "gzip,identity", "compress", "é", "x" * 500])
def test_another_encoding_is_refused_with_what_would_work(encoding):
    with pytest.raises(UnsupportedEncoding, match="what works: gzip, x-gzip, deflate, zstd, identity") as refused:
        inflate(encoding, PLAIN, LIMIT)
    assert len(str(refused.value)) < 200


def test_every_encoding_that_is_announced_works():
    for encoding in ENCODINGS:
        encode = ENCODE.get(encoding.decode(), bytes)
        assert inflate(encoding.decode(), encode(PLAIN), LIMIT) == PLAIN


@each_encoding
def test_the_limit_is_exact(encoding, encode):
    body = encode(PLAIN)
    assert inflate(encoding, body, LIMIT) == PLAIN
    for limit in (LIMIT - 1, 1, 0):
        with pytest.raises(TooLarge, match=str(limit)):
            inflate(encoding, body, limit)


@each_encoding
def test_a_body_cut_at_any_byte_is_malformed(encoding, encode):
    body = encode(b"some spans, and some more spans")
    for size in range(len(body)):
        with pytest.raises(MalformedChunk):
            inflate(encoding, body[:size], LIMIT)


@pytest.mark.parametrize("at", range(-8, 0))
def test_a_wrong_crc_or_length_of_gzip_is_malformed(at):
    body = bytearray(gzip.compress(PLAIN))
    body[at] ^= 1
    with pytest.raises(MalformedChunk):
        inflate("gzip", bytes(body), LIMIT)


def test_a_wrong_checksum_of_zlib_or_zstd_is_malformed():
    for encoding, body in (
        ("deflate", zlib.compress(PLAIN)),
        ("zstd", zstd.compress(PLAIN, options={zstd.CompressionParameter.checksum_flag: 1})),
    ):
        with pytest.raises(MalformedChunk):
            inflate(encoding, body[:-1] + bytes([body[-1] ^ 1]), LIMIT)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_two_members_are_one_body(encoding):
    body = ENCODE[encoding](PLAIN[:100]) + ENCODE[encoding](PLAIN[100:])
    assert inflate(encoding, body, LIMIT) == PLAIN
    with pytest.raises(TooLarge):
        inflate(encoding, body, LIMIT - 1)


@each_encoding
def test_junk_behind_the_end_is_malformed_at_its_position(encoding, encode):
    body = encode(PLAIN)
    with pytest.raises(MalformedChunk) as error:
        inflate(encoding, body + b"\xff\xffjunk", LIMIT)
    assert len(body) <= error.value.position <= len(body) + 6


@each_encoding
def test_garbage_is_malformed(encoding, encode):
    for body in (b"", b"\xff\xfenot compressed at all", PLAIN):
        with pytest.raises(MalformedChunk):
            inflate(encoding, body, LIMIT)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_too_many_members_are_refused_before_they_cost_much(encoding):
    empty = ENCODE[encoding](b"")
    assert inflate(encoding, empty * MAX_MEMBERS, LIMIT) == b""
    with pytest.raises(MalformedChunk, match="members"):
        inflate(encoding, empty * 10_000, LIMIT)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_bomb_of_200_mib_costs_no_more_than_the_limit(encoding):
    bomb = ENCODE[encoding](bytes(200 * MiB), 1)
    tracemalloc.start()
    with pytest.raises(TooLarge):
        inflate(encoding, bomb, 16 * MiB)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * MiB  # the output, and the buffer it was moved from as it grew


def test_a_zstd_window_of_128_mib_is_refused():
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.enable_long_distance_matching: 1}
    squeeze = zstd.ZstdCompressor(options=options)
    body = squeeze.compress(PLAIN) + squeeze.flush()  # its size is not stated, so the window stands in the header
    with pytest.raises(MalformedChunk):
        inflate("zstd", body, LIMIT)


def test_random_damage_is_malformed_or_too_large_or_harmless():
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    for _ in range(3000):
        encoding, encode = rng.choice(RAW)
        body = bytearray(encode(b"some spans " * rng.randint(1, 30)))
        for _ in range(rng.randint(1, 4)):
            body[rng.randrange(len(body))] = rng.randrange(256)
        with contextlib.suppress(MalformedChunk, TooLarge):
            assert len(inflate(encoding, bytes(body), 1000)) <= 1000
