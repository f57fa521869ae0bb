"""Spans to an OTLP endpoint over a real socket, and what each way of answering asks for."""

import asyncio
import gzip
import socket
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from tests.collector.exporters.upstream import Deed, Upstream, answer, exporting
from tests.collector.sink.posts import otlp, otlp_json

from inspan_collector.errors import Isolate, Later, Pause
from inspan_collector.exporters.connections import MAX_READ
from inspan_collector.formats.otlp_answer import failure
from inspan_collector.inflate import inflate
from inspan_collector.receipt import Receipt

PROTOBUF, JSON = "application/x-protobuf", "application/json"
GARBAGE = b"\xff\xfe<html>nonsense"


def rejected(count: int, message: str) -> bytes:
    made = ExportTraceServiceResponse()
    made.partial_success.rejected_spans, made.partial_success.error_message = count, message
    return made.SerializeToString()


PARTIAL = b'{"partialSuccess":{"rejectedSpans":%s,"errorMessage":"full"}}'
DELIVERED = {
    "200 and nothing": (answer(200), Receipt()),
    "202": (answer(202), Receipt()),
    "an empty message": (answer(200, b"", content_type=PROTOBUF), Receipt()),
    "protobuf garbage": (answer(200, GARBAGE, content_type=PROTOBUF), Receipt()),
    "JSON garbage": (answer(200, GARBAGE, content_type=JSON), Receipt()),
    "deep JSON": (answer(200, b"[" * 60_000, content_type=JSON), Receipt()),
    "a page": (answer(200, GARBAGE * 1000, content_type="text/html"), Receipt()),
    "no content type": (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", Receipt()),
    "an answer that ends with the connection": (b"HTTP/1.1 200 OK\r\n\r\nabc", Receipt()),
    "partial success": (answer(200, rejected(1, "full"), content_type=PROTOBUF), Receipt(1, "full")),
    "a warning": (answer(200, rejected(0, "slow"), content_type=PROTOBUF), Receipt(0, "slow")),
    "partial success in JSON": (answer(200, PARTIAL % b'"1"', content_type=JSON), Receipt(1, "full")),
    "partial success in JSON, a number": (answer(200, PARTIAL % b"1", content_type=JSON), Receipt(1, "full")),
    "a negative count": (answer(200, PARTIAL % b"-1", content_type=JSON), Receipt(0, "full")),
    "compressed": (
        answer(200, gzip.compress(rejected(1, "full")), "content-encoding: gzip", content_type=PROTOBUF),
        Receipt(1, "full"),
    ),
}
REFUSED = {
    "400": (answer(400, b"no"), Isolate, "400"),
    "409": (answer(409), Isolate, "409"),
    "413": (answer(413), Isolate, "413"),
    "422": (answer(422), Isolate, "422"),
    "401": (answer(401), Pause, "401: check url, headers and credentials"),
    "404": (answer(404), Pause, "404"),
    "a redirect": (answer(307, b"", "location: http://localhost:1/"), Pause, "redirects to http://localhost:1;"),
    "a redirect to nowhere": (answer(302), Pause, "redirects; set"),
    "429": (answer(429), Later, "429"),
    "500": (answer(500), Later, "500"),
    "501": (answer(501), Later, "501"),
    "503": (answer(503), Later, "503"),
    "a reset": (Deed.RESET, Later, "the connection was closed before an answer"),
    "a close": (Deed.LEAVE, Later, "the connection was closed before an answer"),
    "half an answer": (answer(200, b"x" * 100, "connection: close")[:-50], Later, "the answer cannot be read"),
    "half a head": (b"HTTP/1.1 200 OK\r\nconnection: close\r\n", Later, "the answer cannot be read"),
    "what is not HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", Later, "cannot be read"),
    "compressed garbage": (answer(200, b"garbage", "content-encoding: gzip"), Later, "the answer cannot be read"),
}


@pytest.mark.parametrize(("said", "receipt"), DELIVERED.values(), ids=DELIVERED.keys())
async def test_a_2xx_is_delivered_whatever_it_says(said: bytes, receipt: Receipt) -> None:
    async with Upstream(said) as upstream, exporting(upstream.url) as (send, _):
        assert await send(otlp("a", "b")) == receipt
        assert upstream.requests[0].body == otlp("a", "b")


@pytest.mark.parametrize(("said", "decision", "reason"), REFUSED.values(), ids=REFUSED.keys())
async def test_everything_else_asks_for_a_decision(said: bytes | Deed, decision: type[Exception], reason: str) -> None:
    async with Upstream(said) as upstream, exporting(upstream.url + "?key=sesame") as (send, _):
        with pytest.raises(decision, match=f"(?i){reason}") as error:
            await send(otlp("a"))
        assert len(upstream.requests) == 1
        # Some upstreams want a key in the URL; and what they say themselves is not for everyone to see.
        assert "sesame" not in repr(vars(error.value)) + str(error.value)
        assert "OpenSSH" not in str(error.value)


async def test_of_a_refusal_in_protobuf_its_message_is_kept() -> None:
    why = "span 7: " + "the trace id is all zeroes " * 8  # its length takes two bytes, which are no UTF-8
    said = answer(400, failure(PROTOBUF, 3, why), content_type=PROTOBUF)
    async with Upstream(said) as upstream, exporting(upstream.url) as (send, _):
        with pytest.raises(Isolate) as error:
            await send(otlp("a"))
        assert error.value.words == why.strip()


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("retry-after: 7", 7, 7),
        ("Retry-After-Ms: 250", 0.25, 0.25),
        ("Retry-After: {in_a_minute}", 30, 60),
        ("retry-after: soon", None, None),
        ("x: y", None, None),
    ],
)
async def test_retry_after_is_read_from_the_answer(header: str, low: float | None, high: float | None) -> None:
    header = header.format(in_a_minute=formatdate(time.time() + 60, usegmt=True))
    async with Upstream(answer(429, b"", header)) as upstream, exporting(upstream.url) as (send, _):
        with pytest.raises(Later) as later:
            await send(otlp("a"))
        asked = later.value.retry_after
        assert asked is None if low is None or high is None else asked is not None and low <= asked <= high


QUOTED = b"a-patient-called-marguerite"


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 " + QUOTED + b"\r\nX-Echo: " + QUOTED + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-Echo: " + QUOTED,
        QUOTED + b" hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + QUOTED + b"\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n" + QUOTED,
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\nx: " + QUOTED + b"\r\n\r\n",
        answer(200, QUOTED, "content-encoding: gzip"),
        answer(302, b"", f"location: http://x/{QUOTED.decode()}/a#{QUOTED.decode()}"),
        answer(302, b"", f"location: {QUOTED.decode()}"),
        answer(503, QUOTED, f"retry-after: {QUOTED.decode()}"),
        answer(401, QUOTED, f"www-authenticate: {QUOTED.decode()}"),
    ],
)
async def test_no_reason_holds_a_word_of_the_upstream(said: bytes) -> None:
    async with Upstream(said) as upstream, exporting(upstream.url) as (send, _):
        with pytest.raises((Later, Pause)) as found:
            await send(otlp("a"))
    assert QUOTED.decode() not in f"{found.value} {found.value!r}"
    assert "Error" not in str(found.value)  # a reason is for people


async def test_a_connection_that_ends_before_an_answer_is_named_so() -> None:
    async with Upstream(Deed.LEAVE) as upstream, exporting(upstream.url) as (send, _):
        with pytest.raises(Later, match=r"^the connection was closed before an answer$"):
            await send(otlp("a"))


async def test_an_upstream_that_is_not_there_is_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with exporting(f"http://127.0.0.1:{port}/v1/traces") as (send, exporter):
        with pytest.raises(Later, match=f"^no connection to 127.0.0.1:{port}: connection refused$"):
            await send(otlp("a"))
        assert exporter.connections() == (0, 0)
    async with exporting("http://no-such-host.invalid/v1/traces") as (send, _):
        with pytest.raises(Later, match=r"^no connection to no-such-host.invalid:80: its name is not found$"):
            await send(otlp("a"))


async def test_an_upstream_that_hangs_is_later_and_its_connection_is_not_used_again() -> None:
    async with (
        Upstream(Deed.HANG, answer(200)) as upstream,
        exporting(upstream.url, timeout="100ms") as (send, exporter),
    ):
        with pytest.raises(Later, match="no answer within"):
            await send(otlp("a"))
        await send(otlp("a"))
        assert [request.connection for request in upstream.requests] == [1, 2]
        assert exporter.connections() == (1, 2)


async def test_an_answer_that_never_ends_is_read_no_further_than_it_matters() -> None:
    endless = b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n" + bytes(MAX_READ + (1 << 20))
    async with Upstream(endless) as upstream, exporting(upstream.url, timeout="5s") as (send, exporter):
        assert await send(otlp("a")) == Receipt()
        await asyncio.sleep(0)
        assert exporter.connections() == (0, 1)


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
@pytest.mark.parametrize("size", [10, 400_000], ids=["on the loop", "beside it"])
@pytest.mark.parametrize("format", ["otlp_protobuf", "otlp_json"])
async def test_each_compression_inflates_to_the_same(compression: str, size: int, format: str) -> None:
    body = {"otlp_protobuf": otlp, "otlp_json": otlp_json}[format]("x" * size)
    async with Upstream() as upstream, exporting(upstream.url, compression=compression) as (send, _):
        await send(body, format)
        request = upstream.requests[0]
        assert request.line == "POST /v1/traces HTTP/1.1"
        assert request.headers["content-type"] == (PROTOBUF if format == "otlp_protobuf" else JSON)
        assert request.headers["user-agent"].startswith("inspan/")
        assert request.headers.get("content-encoding", "none") == compression
        assert inflate(request.headers.get("content-encoding", ""), request.body, 1 << 20) == body
        assert compression == "none" or size == 10 or len(request.body) < 10_000


async def test_headers_are_sent_and_a_renewed_secret_file_is_seen_at_the_next_attempt(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    headers = {"authorization": f"file:{token}", "x-team": "a"}
    async with Upstream() as upstream, exporting(upstream.url, headers=headers) as (send, _):
        await send(otlp("a"))
        token.write_text("second\n")
        await send(otlp("b"))
        token.unlink()
        with pytest.raises(Pause, match=r"authorization.*token.*No such file"):
            await send(otlp("c"))
        assert [request.headers["authorization"] for request in upstream.requests] == ["first", "second"]
        assert upstream.requests[0].headers["x-team"] == "a"
