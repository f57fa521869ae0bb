"""What is not HTTP, or not HTTP that we speak: one 400 at most, the end, and nothing held."""

import asyncio
import random
from pathlib import Path

import pytest
from tests.collector.receiver.rig import Rig, chunked, feeding, post, random_pieces, statuses

HOST = b"Host: x\r\n"
HEAD = b"POST / HTTP/1.1\r\n" + HOST
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BAD = {
    "garbage": b"garbage\r\n\r\n",
    "tls hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "http2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http 2.0": b"POST / HTTP/2.0\r\n" + HOST + b"\r\n",
    "http 0.9": b"GET /\r\n\r\n",
    "http 1.7": b"GET / HTTP/1.7\r\n" + HOST + b"\r\n",
    "another protocol": b"SOURCE / ICE/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "unknown method": b"FETCH / HTTP/1.1\r\n" + HOST + b"\r\n",
    "method in lower case": b"post / HTTP/1.1\r\n" + HOST + b"\r\n",
    "no host": b"POST / HTTP/1.1\r\n\r\n",
    "no host but close": b"POST / HTTP/1.1\r\nConnection: close\r\n\r\n",
    "two hosts": HEAD + HOST + b"\r\n",
    "absolute target": b"POST http://x/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "authority target": b"CONNECT x:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "connect to a path": b"CONNECT / HTTP/1.1\r\n" + HOST + b"\r\n",
    "asterisk target": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "space in target": b"POST /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "tab in target": b"POST /a\tb HTTP/1.1\r\n" + HOST + b"\r\n",
    "raw utf-8 target": b"POST /\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n",
    "h2c upgrade": HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "websocket": b"GET / HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nframes",
    "two upgrades": HEAD + b"Upgrade: a\r\nUpgrade: b\r\n\r\n",
    "space before colon": HEAD + b"Content-Length : 3\r\n\r\nabc",
    "no colon": HEAD + b"nonsense\r\n\r\n",
    "no name": HEAD + b": x\r\n\r\n",
    "obs-fold": HEAD + b"a: b\r\n c\r\n\r\n",
    "bare lf": b"POST / HTTP/1.1\nHost: x\n\n",
    "bare cr": HEAD + b"a: b\rc: d\r\n\r\n",
    "nul in a value": HEAD + b"a: b\x00c\r\n\r\n",
    "nul in a name": HEAD + b"a\x00: b\r\n\r\n",
    "length and chunked": HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "the same length twice": HEAD + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a list of lengths": HEAD + b"Content-Length: 3, 3\r\n\r\nabc",
    "negative length": HEAD + b"Content-Length: -3\r\n\r\nabc",
    "plus length": HEAD + b"Content-Length: +3\r\n\r\nabc",
    "hex length": HEAD + b"Content-Length: 0x3\r\n\r\nabc",
    "length of two numbers": HEAD + b"Content-Length: 3 3\r\n\r\nabc",
    "empty length": HEAD + b"Content-Length:\r\n\r\n",
    "length over 64 bits": HEAD + b"Content-Length: 99999999999999999999\r\n\r\n",
    "xchunked": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "gzip as transfer": HEAD + b"Transfer-Encoding: gzip\r\n\r\nabc",
    "gzip under chunked": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked under gzip": HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in 1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad chunk size": CHUNKED + b"xyz\r\nabc\r\n0\r\n\r\n",
    "negative chunk size": CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n",
    "huge chunk size": CHUNKED + b"fffffffffffffffff\r\n",
    "no chunk size": CHUNKED + b"\r\nabc\r\n0\r\n\r\n",
    "chunk longer than said": CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n",
    "bare lf after a chunk": CHUNKED + b"3\r\nabc\n0\r\n\r\n",
    "two content types": HEAD + b"Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n",
    "two content encodings": HEAD + b"Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n\r\n",
    "two expectations": HEAD + b"Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
    "101 headers": HEAD + b"".join(b"a%d: b\r\n" % n for n in range(100)) + b"\r\n",
    "101 headers of one name": HEAD + b"a: b\r\n" * 100 + b"\r\n",
    "17 KiB of header": HEAD + b"a: " + b"x" * (17 << 10) + b"\r\n\r\n",
    "17 KiB of headers": HEAD + b"".join(b"a%d: %s\r\n" % (n, b"x" * 400) for n in range(43)) + b"\r\n",
    "17 KiB of target": b"POST /" + b"x" * (17 << 10) + b" HTTP/1.1\r\n" + HOST + b"\r\n",
}

ENDLESS = {
    "target": b"POST /",
    "header name": HEAD,
    "header value": HEAD + b"a: ",
    "chunk extension": CHUNKED + b"3;",
    "trailer": CHUNKED + b"3\r\nabc\r\n0\r\na: ",
}


@pytest.mark.parametrize("raw", BAD.values(), ids=BAD.keys())
async def test_what_is_not_http_gets_one_400_and_the_end(tmp_path: Path, raw: bytes) -> None:
    async with Rig(tmp_path) as rig:
        for before in (b"", post(b"good")):  # alone, and pipelined behind a good request
            async with rig.client() as client:
                client.send(before + raw)
                if before:
                    assert (await client.reply()).status == 200
                reply = await client.reply()
                assert reply.status == 400 and reply.closes and reply.body
                assert await client.rest() == b""
        assert [taken.body for taken in rig.door.taken] == [b"good"]


@pytest.mark.parametrize("raw", BAD.values(), ids=BAD.keys())
async def test_what_is_not_http_is_refused_however_it_is_cut(tmp_path: Path, raw: bytes) -> None:
    async with Rig(tmp_path) as rig:
        connection, written = feeding(rig)
        for at in range(0, len(raw), 7):
            connection.data_received(raw[at : at + 7])
        connection.connection_lost(None)
        assert statuses(written) == [400]


@pytest.mark.parametrize("raw", ENDLESS.values(), ids=ENDLESS.keys())
@pytest.mark.parametrize("before", [b"", post(b"good")], ids=["alone", "pipelined"])
async def test_framing_without_end_is_refused_within_a_few_reads(tmp_path: Path, raw: bytes, before: bytes) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        client.send(before + raw)
        for _ in range(5):
            client.send(b"x" * 10_000)
            await asyncio.sleep(0.001)
        await rig.until(lambda: bool(rig.door.refused))
        if before:
            assert (await client.reply()).status == 200
        reply = await client.reply()
        assert reply.status == 400 and reply.closes
        assert await client.rest() == b""


async def test_a_head_just_under_its_limits_is_taken(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig, rig.client() as client:
        many = post(b"", "/", *[f"a{n}: b" for n in range(98)])
        large = post(b"", "/", "a: " + "x" * (16_300))
        for raw in (many, large, many + large, large + many):
            client.send(raw)
            for _ in range(raw.count(b"POST")):
                assert (await client.reply()).status == 200


async def test_random_bytes_never_hurt(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    seeds = [*BAD.values(), post(b"abc"), chunked(b"abc", b"d"), post(b"x" * 50, "/refused")]
    async with Rig(tmp_path) as rig:
        for _ in range(1500):
            raw = bytearray(b"".join(rng.choices(seeds, k=2)))
            for _ in range(rng.randint(0, 6)):
                raw[rng.randrange(len(raw))] = rng.choice(b"\r\n\x00 :;,0159afGET/\xff")
            connection, written = feeding(rig)
            for piece in random_pieces(rng, bytes(raw)):
                connection.data_received(piece)
            connection.connection_lost(None)
            assert set(statuses(written)) <= {100, 200, 400, 404, 413}
            assert rig.memory.custody == 0 and rig.door.bugs == []
