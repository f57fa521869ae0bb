"""The shortcut round the parser is taken for the same head only, and its result is the parser's."""

import random
from pathlib import Path

import pytest
from tests.collector.receiver.rig import Rig, Taken, chunked, feeding, post, statuses

from inspan_collector.receiver.http1 import Connection
from inspan_collector.receiver.template import Template


async def test_a_head_that_differs_in_its_length_alone_is_not_parsed_again(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        connection, written = feeding(rig)
        connection.data_received(post(b"abc", "/v1/traces?a", "Content-Type: a/b"))
        parsed: list[bytes] = []
        connection._parser = type("Blind", (), {"feed_data": staticmethod(parsed.append)})()  # type: ignore[assignment]
        for body in (b"abc", b"", b"x" * 12_345):
            connection.data_received(post(body, "/v1/traces?a", "Content-Type: a/b"))
            taken = rig.door.taken[-1]
            assert taken.body == body and taken.budget == len(body) and taken[:2] == ("POST", "/v1/traces")
            assert taken.headers[b"content-length"] == b"%d" % len(body) and taken.headers[b"content-type"] == b"a/b"
        assert parsed == [] and statuses(written) == [200] * 4
        for other in (post(b"abc", "/v1/traces"), post(b"abc", "/v1/traces?a", "Content-Type: a/c"), post(b"")[:5]):
            connection.data_received(other)
            assert parsed.pop() == other
        connection.connection_lost(None)


@pytest.mark.parametrize(
    "length",
    [b"-3", b"+3", b" 3", b"3 ", b"03", b"3 3", b"0x3", b"3,3", b"", b"3\n", b"\xb3", b"9" * 20, b"00000000003"],
)
async def test_odd_lengths_fare_as_they_do_without_a_template(tmp_path: Path, length: bytes) -> None:
    odd = post(b"abc").replace(b"content-length: 3", b"content-length: " + length)
    fates = []
    async with Rig(tmp_path) as rig:
        for before in (post(b"xyz"), chunked(b"xyz")):  # the second teaches no template
            rig.door.taken.clear()
            connection, written = feeding(rig)
            connection.data_received(before)
            assert isinstance(connection._template, Template) is (before == post(b"xyz"))
            connection.data_received(odd)
            connection.connection_lost(None)
            fates.append((statuses(written), [taken.body for taken in rig.door.taken]))
    assert fates[0] == fates[1]


async def test_any_sequence_fares_as_it_does_byte_by_byte(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    async with Rig(tmp_path, max_request_bytes=500, custody=700) as rig:
        for _ in range(300):
            requests = [random_request(rng) for _ in range(8)]
            assert fate(rig, requests) == fate(rig, [bytes([byte]) for request in requests for byte in request])
            assert rig.memory.custody == 0


def fate(rig: Rig, pieces: list[bytes]) -> tuple[list[bytes], list[Taken]]:
    rig.door.taken.clear()
    connection, written = feeding(rig)
    feed(connection, pieces)
    connection.connection_lost(None)
    return written, [taken._replace(agent=None) for taken in rig.door.taken]  # type: ignore[arg-type]


def feed(connection: Connection, pieces: list[bytes]) -> None:
    for piece in pieces:
        connection.data_received(piece)


def random_request(rng: random.Random) -> bytes:
    """Mostly one head, so that templates are learnt and met."""
    body = rng.randbytes(rng.choice((0, 1, 9, 10, 99, 100, 499, 501)))
    extra = rng.choice(((), (), (), ("a: b",), ("Connection: keep-alive",), ("Expect: 100-continue",)))
    raw = post(body, rng.choice(("/", "/", "/", "/?q", "/refused", "/bug")) if rng.random() < 0.3 else "/", *extra)
    match rng.randrange(20):
        case 0:
            return raw + post(b"second")
        case 1:
            return chunked(body or b"x")
        case 2:
            return b"\r\n" + raw
        case 3:
            return raw.replace(b"HTTP/1.1", b"HTTP/1.0")
        case 4:
            return b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
        case 5:
            return raw.replace(b"content-length: ", b"content-length:  ")
    return raw
