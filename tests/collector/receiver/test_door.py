"""Bad input at the real door: a whole service on a real socket, and nobody upstream.

Each test ends with `Running` checking the books, the memory and the connections.
"""

import asyncio
import gzip
import json
import random
import socket
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse as OtlpAnswer
from tests.collector.receiver.rig import Client, chunked
from tests.collector.rig import Running, destination, raw
from tests.collector.sink.posts import otlp, otlp_json, sgp_span

from inspan_collector.inflate import zstd

MIB = 1 << 20
JSON = "application/json"
SGP = {"name": "sgp", "kind": "sgp", "url": "http://127.0.0.1:9", "account_id": "acc"}
BOTH = (destination(), SGP)
WHOLE = otlp("a", "b")
ENDED = sgp_span(end_timestamp="2026-11-21T01:09:42Z")


def nested(depth: int) -> bytes:
    body = b""
    for _ in range(depth):
        body = b"\x0a" + varint(len(body)) + body
    return body


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def spans(*items: Any) -> bytes:
    return json.dumps(list(items)).encode()


MALFORMED = {
    "not protobuf": (b"hello, world", "/v1/traces", "application/x-protobuf"),
    "all ones": (b"\xff" * 100, "/v1/traces", "application/x-protobuf"),
    "a length that overruns": (b"\x0a\x64" + WHOLE[2:], "/v1/traces", "application/x-protobuf"),
    "a length of 2**63": (b"\x0a" + b"\x80" * 9 + b"\x01", "/v1/traces", "application/x-protobuf"),
    "a group that does not end": (b"\x0b", "/v1/traces", "application/x-protobuf"),
    "field 0": (b"\x02\x00", "/v1/traces", "application/x-protobuf"),
    "JSON said to be protobuf": (otlp_json("a"), "/v1/traces", "application/x-protobuf"),
    "protobuf said to be JSON": (WHOLE, "/v1/traces", JSON),
    "OTLP JSON that is an array": (b"[]", "/v1/traces", JSON),
    "OTLP JSON with spans that are none": (b'{"resourceSpans":[{"scopeSpans":[{"spans":7}]}]}', "/v1/traces", JSON),
    "OTLP metrics": (b'{"resourceMetrics":[{}]}', "/v1/traces", JSON),
    "JSON that is no array": (b'"text"', "/v1/spans", JSON),
    "a number": (b"17", "/v1/spans", JSON),
    "an object without spans": (b'{"span":[]}', "/v1/spans", JSON),
    "an array of numbers": (b"[1,2]", "/v1/spans", JSON),
    "no JSON": (b"[{", "/v1/spans", JSON),
    "no body where JSON is due": (b"", "/v1/spans", JSON),
    "a span without id": (spans({k: v for k, v in ENDED.items() if k != "id"}), "/v1/spans", JSON),
    "an empty id": (spans(ENDED | {"id": ""}), "/v1/spans", JSON),
    "an id that is a number": (spans(ENDED | {"id": 5}), "/v1/spans", JSON),
    "NaN": (spans(ENDED | {"data": float("nan")}), "/v1/spans", JSON),
    "Infinity": (spans(ENDED | {"data": float("inf")}), "/v1/spans", JSON),
    "invalid UTF-8": (spans(ENDED).replace(b"llm", b"l\xffm"), "/v1/spans", JSON),
    "a raw NUL": (spans(ENDED).replace(b"llm", b"l\0m"), "/v1/spans", JSON),
    "UTF-16": (spans(ENDED).decode().encode("utf-16"), "/v1/spans", JSON),
    "10,000-fold nesting": (b"[" * 10_000 + b"]" * 10_000, "/v1/spans", JSON),
    "a line that is no span": (b"{}\n", "/v1/spans", "application/x-ndjson"),
    "SGP without items": (b'{"spans":[]}', "/v5/spans/batch", JSON),
}
DIALECT = {"/v1/traces": "otlp", "/v1/spans": "spans", "/v5/spans/batch": "sgp"}


@pytest.mark.parametrize(("body", "path", "content_type"), MALFORMED.values(), ids=MALFORMED.keys())
async def test_what_cannot_be_parsed_is_400_and_counted(
    tmp_path: Path, body: bytes, path: str, content_type: str
) -> None:
    async with Running(tmp_path, *BOTH) as running:
        reply = await running.post(body, path, content_type=content_type)
        assert reply.status == 400, reply
        assert reply.body
        assert running.refused(DIALECT[path]) == {"malformed": 1}
        assert running.service.memory.used == 0
        assert running.books() == running.books("sgp") == {}
        series = await running.metrics()
        assert series[f'inspan_requests_refused_total{{dialect="{DIALECT[path]}",reason="malformed"}}'] == 1
        assert series[f'inspan_requests_total{{code="400",dialect="{DIALECT[path]}"}}'] == 1


async def test_a_request_cut_at_any_byte_is_taken_or_malformed_and_never_anything_else(tmp_path: Path) -> None:
    whole = otlp("first", "second") + otlp("third", first=3)
    async with Running(tmp_path) as running, running.client() as client:
        statuses = [(await client.ask(raw(whole[:at]))).status for at in range(len(whole))]
        assert set(statuses) == {200, 400}
        # Where one ExportTraceServiceRequest ends and the next begins, and at nothing: whole messages.
        assert [at for at, status in enumerate(statuses) if status == 200] == [0, len(otlp("first", "second"))]
        assert running.refused() == {"malformed": len(whole) - 2}
        assert running.books()["enqueued"] == 2


async def test_json_cut_at_any_byte_is_malformed(tmp_path: Path) -> None:
    bodies = {
        "/v1/traces": otlp_json("a"),
        "/v1/spans": spans(ENDED),
        "/v5/spans/batch": b'{"items":%b}' % spans(ENDED),
    }
    async with Running(tmp_path, *BOTH) as running, running.client() as client:
        for path, body in bodies.items():
            for at in range(len(body)):
                reply = await client.ask(raw(body[:at], path, content_type=JSON))
                assert reply.status == 400, (path, body[:at], reply)
            assert running.refused(DIALECT[path]) == {"malformed": len(body)}


async def test_nesting_is_never_followed(tmp_path: Path) -> None:
    deep = json.dumps(ENDED)[:-1] + ',"input":' + '{"a":' * 100 + "1" + "}" * 101
    async with Running(tmp_path, *BOTH) as running:
        assert (await running.post(nested(100))).status == 200  # a resource, however odd, and no spans
        assert running.books() == {}
        inside = nested(100)
        scope = b"\x12" + varint(len(inside) + 28 + 3) + b"\x0a\x10" + b"t" * 16 + b"\x12\x08" + b"s" * 8
        span = scope + b"\x4a" + varint(len(inside)) + inside
        wrapped = b"\x12" + varint(len(span)) + span
        assert (await running.post(b"\x0a" + varint(len(wrapped)) + wrapped)).status == 200
        assert (await running.post(f"[{deep}]".encode(), "/v1/spans", content_type=JSON)).status == 202


async def test_an_empty_body_is_an_otlp_request_without_spans(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        for body, content_type in ((b"", "application/x-protobuf"), (b"{}", JSON)):
            reply = await running.post(body, content_type=content_type)
            assert (reply.status, reply.headers["content-type"]) == (200, content_type)
        assert running.books() == {}
        assert running.refused() == {}


async def test_random_bytes_in_every_dialect_and_encoding_never_hurt(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    whole = [WHOLE, otlp_json("a"), spans(ENDED), b'{"items":%b}' % spans(ENDED)]
    async with Running(tmp_path, *BOTH, drain={"deadline": "1ms"}) as running, running.client() as client:
        for _ in range(400):
            body = bytearray(rng.choice(whole))
            for _ in range(rng.randrange(4)):
                body[rng.randrange(len(body))] = rng.randrange(256)
            encoding = rng.choice(("", "gzip", "deflate", "zstd"))
            sent = bytes(body) if rng.random() < 0.5 else encode(encoding, bytes(body))
            path, content_type = rng.choice(tuple(DIALECT)), rng.choice((JSON, "application/x-protobuf"))
            reply = await client.ask(raw(sent, path, content_type=content_type, content_encoding=encoding))
            assert reply.status in (200, 202, 400, 415), reply
        assert running.refused("unknown") == {}


# Compression


def encode(encoding: str, body: bytes) -> bytes:
    return {"": bytes, "gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstd.compress}[encoding](body)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
async def test_a_compressed_body_is_taken_and_a_damaged_one_is_malformed(tmp_path: Path, encoding: str) -> None:
    body = encode(encoding, WHOLE)
    async with Running(tmp_path) as running:
        assert (await running.post(body, content_encoding=encoding)).status == 200
        assert running.books()["enqueued"] == 2
        for broken in (body[:-1], body[:5], body + b"junk", b"", WHOLE):
            assert (await running.post(broken, content_encoding=encoding)).status == 400, broken
        assert running.refused() == {"malformed": 5}
        assert running.service.memory.custody == len(WHOLE)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_a_bomb_of_50_mib_from_50_kb_is_413_and_costs_nothing(tmp_path: Path, encoding: str) -> None:
    bomb = encode(encoding, bytes(50 * MIB))
    assert len(bomb) < 60_000
    async with Running(tmp_path) as running:
        reply = await running.post(bomb, content_encoding=encoding)
        assert reply.status == 413
        assert str(16 * MIB).encode() in reply.body
        assert running.refused() == {"too_large": 1}
        assert running.service.memory.used == 0


async def test_a_body_that_inflates_past_the_memory_left_is_429(tmp_path: Path) -> None:
    body = otlp(*["x" * 1000] * 3000)
    small = destination(queue={"max_bytes": "8MiB"}, batch={"linger": 0, "max_bytes": "256KiB"})
    async with Running(tmp_path, small, memory={"max_bytes": "12MiB"}) as running, running.client() as hog:
        hog.send(raw(b"", content_length=str(8 * MIB)))
        await running.until(lambda: running.service.memory.custody == 8 * MIB)
        reply = await running.post(gzip.compress(body), content_encoding="gzip")
        assert (reply.status, reply.headers["retry-after"]) == (429, "1")
        assert running.refused() == {"queue_full": 1}
        assert running.service.memory.custody == 8 * MIB


# Size


async def test_a_body_over_the_limit_is_413_before_it_is_read_and_the_connection_stays_usable(tmp_path: Path) -> None:
    async with Running(tmp_path) as running, running.client() as client:
        client.send(raw(b"", content_length=str(20 * MIB)))
        assert (await client.reply()).status == 413
        assert running.service.memory.used == 0
        await client.send_all(bytes(20 * MIB))
        assert (await client.ask(raw(WHOLE))).status == 200
        assert running.refused() == {"too_large": 1}


def big_and_small(form: str, small: int = 2) -> bytes:
    names = ["x" * (5 * MIB), *"y" * small]
    if form == "otlp":
        return otlp(*names)
    return otlp_json(*names) if form == "otlp_json" else spans(*(ENDED | {"name": name} for name in names))


async def test_of_an_otlp_request_with_one_span_too_large_the_rest_is_accepted(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        reply = await running.post(big_and_small("otlp"))
        assert reply.status == 200
        partial = OtlpAnswer.FromString(reply.body).partial_success
        assert partial.rejected_spans == 1 and "limits.max_span_bytes" in partial.error_message
        reply = await running.post(big_and_small("otlp_json"), content_type=JSON)
        assert json.loads(reply.body)["partialSuccess"]["rejectedSpans"] == "1"
        assert running.books()["enqueued"] == 4
        series = await running.metrics()
        assert series['inspan_spans_refused_total{dialect="otlp",reason="too_large"}'] == 2
        assert series['inspan_spans_received_total{dialect="otlp"}'] == 6
        assert running.service.memory.custody < MIB  # what was cut out is not charged for


async def test_of_json_spans_with_one_too_large_the_rest_is_accepted(tmp_path: Path) -> None:
    async with Running(tmp_path, SGP) as running:
        reply = await running.post(big_and_small("json"), "/v1/spans", content_type=JSON)
        said = json.loads(reply.body)
        assert (reply.status, said["accepted"], said["refused"]) == (202, 2, 1)
        body = b'{"items":%b}' % big_and_small("json")
        assert (await running.post(body, "/v5/spans/batch", content_type=JSON)).status == 200
        assert running.books("sgp")["enqueued"] == 4


@pytest.mark.parametrize(("path", "form"), [("/v1/traces", "otlp"), ("/v1/traces", "otlp_json"), ("/v1/spans", "json")])
async def test_where_every_span_is_too_large_it_is_413_and_they_are_counted(
    tmp_path: Path, path: str, form: str
) -> None:
    async with Running(tmp_path, *BOTH) as running:
        content_type = "application/x-protobuf" if form == "otlp" else JSON
        reply = await running.post(big_and_small(form, small=0), path, content_type=content_type)
        assert reply.status == 413
        book = running.service.door.receptions[DIALECT[path]]
        assert (book.received, book.accepted, book.refused["too_large"]) == (1, 0, 1)
        assert running.service.memory.used == 0


# Clients that misbehave


async def test_a_chunked_body_that_never_ends_is_413_and_then_cut(tmp_path: Path) -> None:
    async with Running(tmp_path) as running, running.client() as client:
        head = chunked(end=b"", extra="content-type: application/x-protobuf\r\n")
        client.send(head)
        piece = b"%x\r\n%s\r\n" % (MIB, bytes(MIB))
        for _ in range(17):
            await client.send_all(piece)
        assert (await client.reply()).status == 413
        assert running.service.memory.used == 0
        for _ in range(64):  # read for politeness, since most clients look for an answer only when they have sent all
            await client.send_all(piece)
        assert await client.rest() == b""
        assert running.refused() == {"too_large": 1}


async def test_a_body_or_a_head_that_drips_is_408_however_steady(tmp_path: Path) -> None:
    limits = {"header_timeout": "100ms", "body_timeout": "100ms"}
    async with Running(tmp_path, limits=limits) as running:
        for beginning in (b"POST /v1/traces HTTP/1.1\r\n", raw(b"", content_length="100000")):
            async with running.client() as client:
                client.send(beginning)
                reply = asyncio.create_task(client.reply())
                while not reply.done():
                    client.send(b"x")
                    await asyncio.sleep(0.02)
                assert (await reply).status == 408
                assert await client.rest() == b""
        assert running.refused("unknown") == {"timeout": 2}
        assert running.service.memory.used == 0


async def test_a_client_that_leaves_in_mid_body_leaves_nothing(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        for at in (1, 30, 200, 5000):
            async with running.client() as client:
                client.send(raw(bytes(10_000), content_length="100000")[:at])
                await running.until(lambda: len(running.service.connections) == 1)
            await running.until(lambda: len(running.service.connections) == 0)
        assert running.service.memory.used == 0
        assert running.service.door.receptions["otlp"].requests == {}


async def test_2000_connections_are_all_served_by_a_limit_of_1024(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:

        async def agent() -> int:
            try:
                return (await running.post(WHOLE)).status
            except (OSError, asyncio.IncompleteReadError):
                return 0  # it had not asked for anything yet, so its place went to somebody who did

        statuses = await asyncio.gather(*(agent() for _ in range(2000)))
        assert set(statuses) <= {0, 200, 503} and statuses.count(200) >= 900
        await running.until(lambda: len(running.service.connections) == 0)
        assert (await running.post(WHOLE)).status == 200
        assert running.books()["enqueued"] == 2 * running.service.door.receptions["otlp"].requests[200]


# Paths, methods, types, accounts


async def test_an_unknown_path_is_404_and_a_method_405_with_what_would_work(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        reply = await running.post(WHOLE, "/v1/metrics")
        assert reply.status == 404 and b"/v1/traces" in reply.body
        for path in ("/", "/V1/traces", "/v1/traces/", "/v1%2Ftraces", "//v1/traces"):
            assert (await running.post(WHOLE, path)).status == 404
        assert running.refused("unknown") == {"not_found": 6}
        for method in ("GET", "PUT", "DELETE", "OPTIONS"):
            reply = await running.post(b"", method=method)
            assert (reply.status, reply.headers["allow"]) == (405, "POST")
        assert running.refused() == {"not_found": 4}


async def test_an_unknown_content_type_is_415_with_what_would_work(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        for content_type in ("text/plain", "application/grpc", "", "x" * 500, "application/json-seq"):
            reply = await running.post(WHOLE, content_type=content_type)
            assert reply.status == 415
            assert "application/x-protobuf or application/json" in json.loads(reply.body)["message"]
        assert (await running.post(WHOLE, content_type="Application/X-Protobuf; v=1")).status == 200
        reply = await running.post(WHOLE, content_encoding="br")
        assert reply.status == 415 and b"gzip" in reply.body and b"zstd" in reply.body
        assert running.refused() == {"unsupported": 6}
    async with Running(tmp_path, SGP) as running:
        # OTLP has no taker here: the answer names what has.
        reply = await running.post(WHOLE)
        assert reply.status == 415
        assert b"/v1/spans with application/json" in reply.body
        assert running.refused() == {"unsupported": 1}


async def test_another_account_is_403_and_ones_own_is_taken(tmp_path: Path) -> None:
    body = b'{"items":%b}' % spans(ENDED)
    async with Running(tmp_path, SGP) as running:
        path = "/v5/spans/batch"
        reply = await running.post(body, path, content_type=JSON, x_selected_account_id="other")
        assert reply.status == 403 and b"acc" not in reply.body.replace(b"account", b"")
        assert running.refused("sgp") == {"tenant": 1}
        assert (await running.post(body, path, content_type=JSON, x_selected_account_id="acc")).status == 200
        assert (await running.post(body, path, content_type=JSON)).status == 200


async def test_a_durable_ack_is_503_and_never_a_lie(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        reply = await running.post(WHOLE, inspan_ack="durable")
        assert reply.status == 503 and b"spool" in reply.body and reply.headers["retry-after"] == "1"
        assert running.refused() == {"not_durable": 1}
        assert running.books() == {}
        assert (await running.post(WHOLE, inspan_ack="accepted")).status == 200


# Full


def full_after(spans: int, **more: Any) -> dict[str, Any]:
    """A destination with nobody behind it, that holds so many spans."""
    return destination(queue={"max_spans": spans}, batch={"max_spans": 1, "linger": 0}, **more)


async def test_a_full_queue_is_429_with_everything_a_client_wants_to_know(tmp_path: Path) -> None:
    async with Running(tmp_path, full_after(4)) as running:
        assert (await running.post(otlp(*"abcd"))).status == 200
        reply = await running.post(WHOLE)
        assert reply.status == 429
        assert reply.headers["retry-after"] == "1"
        assert reply.headers["retry-after-ms"] == "500"
        assert reply.headers["inspan-queue-fill"] == "1.00"
        assert running.refused() == {"queue_full": 1}
        assert running.service.door.receptions["otlp"].refused["queue_full"] == 2
        # More than the whole queue can never fit: waiting would not help.
        assert (await running.post(otlp(*"abcde"))).status == 413


async def test_each_dialect_is_refused_in_its_own_shape(tmp_path: Path) -> None:
    sgp = SGP | {"queue": {"max_spans": 1}, "batch": {"max_spans": 1}}
    async with Running(tmp_path, full_after(1), sgp) as running:
        await running.post(otlp("a"))
        await running.post(spans(ENDED), "/v1/spans", content_type=JSON)
        message = "the queue is full, or the memory budget; wait as retry-after says and send the same again"

        status = Status.FromString((await running.post(otlp("b"))).body)
        assert (status.code, status.message) == (8, message)
        reply = await running.post(otlp_json("b"), content_type=JSON)
        assert json.loads(reply.body) == {"code": 8, "message": message}
        reply = await running.post(spans(ENDED), "/v1/spans", content_type=JSON)
        assert json.loads(reply.body) == {"error": {"reason": "queue_full", "message": message}}
        reply = await running.post(b'{"items":%b}' % spans(ENDED), "/v5/spans/batch", content_type=JSON)
        assert json.loads(reply.body) == {"status_code": 429, "message": message, "data": None}
        assert [running.refused(dialect) for dialect in ("otlp", "spans", "sgp")] == [
            {"queue_full": 2},
            {"queue_full": 1},
            {"queue_full": 1},
        ]


async def test_a_destination_that_is_full_refuses_alone(tmp_path: Path) -> None:
    async with Running(tmp_path, full_after(1), destination(name="wide")) as running:
        for name in "abc":
            assert (await running.post(otlp(name))).status == 200
        full = running.books()
        assert (full["enqueued"], full["dropped_queue_full"]) == (3, 2)
        assert running.books("wide")["enqueued"] == 3 and "dropped_queue_full" not in running.books("wide")
        assert running.service.door.receptions["otlp"].accepted == 3
        series = await running.metrics()
        assert series['inspan_spans_dropped_total{destination="up",reason="queue_full"}'] == 2
        assert series["inspan_ledger_imbalance_spans"] == 0


async def test_where_it_is_configured_the_oldest_make_room(tmp_path: Path) -> None:
    queue = {"max_spans": 4, "when_full": "drop_oldest"}
    waiting = destination(queue=queue, batch={"max_spans": 4, "linger": "1h"})
    async with Running(tmp_path, waiting) as running:
        for number in range(1, 4):
            assert (await running.post(otlp("x", first=number))).status == 200
        assert (await running.post(otlp("y", "z", first=8))).status == 200
        assert running.books()["dropped_queue_full"] == 1
        assert running.books()["enqueued"] == 5
        assert running.refused() == {}


async def test_memory_that_is_spent_refuses_before_the_body_is_read(tmp_path: Path) -> None:
    small = destination(queue={"max_bytes": "8MiB"}, batch={"linger": 0, "max_bytes": "256KiB"})
    two = {"memory": {"max_bytes": "4MiB"}}
    async with Running(tmp_path, small, **two) as running, running.client() as hog, running.client() as other:
        limit = running.service.memory.custody_limit
        hog.send(raw(b"", content_length=str(2 * MIB)))
        other.send(raw(b"", content_length=str(limit - 2 * MIB)))
        await running.until(lambda: running.service.memory.custody == limit)
        assert (await running.post(WHOLE)).status == 429
        assert running.refused() == {"queue_full": 1}


NOISY = """
import sys
from pathlib import Path
from inspan_collector.cli.send import UnixConnection

agent = UnixConnection(Path(sys.argv[1]))
status = 200
while status == 200:
    agent.request("POST", "/v1/traces", bytes.fromhex(sys.argv[2]), {"content-type": "application/x-protobuf"})
    answer = agent.getresponse()
    status, _ = answer.status, answer.read()
print(status, answer.headers["retry-after"], answer.headers["inspan-queue-fill"], flush=True)
sys.stdin.read()
"""


async def test_a_noisy_process_is_refused_while_its_neighbour_is_served(tmp_path: Path) -> None:
    body = otlp("x" * 10_000)
    small = destination(queue={"max_bytes": "1MiB"}, batch={"linger": "1h", "max_bytes": "512KiB"})
    async with Running(tmp_path, small) as running, running.client() as quiet:
        assert (await quiet.ask(raw(body))).status == 200
        noisy = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", NOISY, str(running.config.socket.path), body.hex()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert noisy.stdout is not None
        status, wait, fill = (await noisy.stdout.readline()).split()
        assert (status, wait) == (b"429", b"1") and 0.8 < float(fill) < 0.95
        assert running.refused() == {"fair_share": 1}
        for _ in range(3):
            assert (await quiet.ask(raw(body))).status == 200
        await noisy.communicate(b"")  # closes its standard input: without any, Python 3.11 leaves that open
        assert noisy.returncode == 0


async def test_tcp_is_a_door_like_the_socket(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with Running(tmp_path, listen=f"127.0.0.1:{port}"):
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        assert (await client.ask(raw(WHOLE))).status == 200
        assert (await client.ask(raw(b"x"))).status == 400
        await client.close()
