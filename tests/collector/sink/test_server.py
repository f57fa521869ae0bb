"""A sink that behaves: what it takes, refuses and counts, on real sockets."""

import gzip
import io
import json
import zlib

import aiohttp
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from tests.collector.sink.posts import JSON, PROTOBUF, otlp, otlp_json, post, put, sgp_span

from inspan_collector.errors import StartError
from inspan_collector.sink import Sink


async def test_protobuf_is_answered_with_an_empty_body_in_its_own_content_type(client):
    async with Sink() as sink:
        status, body, headers = await post(client, sink, otlp("a", "b"))
        assert (status, body, headers["content-type"]) == (200, b"", "application/x-protobuf")
        assert ExportTraceServiceResponse.FromString(body) == ExportTraceServiceResponse()
        assert sink.count().spans == 2


async def test_otlp_json_is_answered_with_an_empty_object(client):
    async with Sink() as sink:
        headers = {"content-type": "application/json; charset=utf-8"}
        status, body, answered = await post(client, sink, otlp_json("a", "b"), headers)
        assert (status, body, answered["content-type"]) == (200, b"{}", "application/json")
        assert sink.count().spans == 2


async def test_the_same_span_in_protobuf_and_in_json_is_one_span(client):
    async with Sink() as sink:
        await post(client, sink, otlp("a", "b"))
        await post(client, sink, otlp_json("a", "b"), JSON)
        assert (sink.count().spans, sink.count().unique) == (4, 2)


async def test_ids_that_do_not_come_first_are_found_all_the_same(client):
    name, span_id, trace_id = b"\x2a\x01n", b"\x12\x08" + (1).to_bytes(8, "big"), b"\x0a\x10" + bytes(15) + b"t"
    span = name + span_id + trace_id
    scope = b"\x12" + bytes([len(span)]) + span
    resource = b"\x12" + bytes([len(scope)]) + scope
    async with Sink() as sink:
        await post(client, sink, otlp("a"))
        status, _, _ = await post(client, sink, b"\x0a" + bytes([len(resource)]) + resource)
        assert (status, sink.count().spans, sink.count().unique) == (200, 2, 1)


async def test_a_json_array_of_spans_is_accepted_with_202(client):
    spans = [{"id": "a", "trace_id": "t"}, {"id": "b", "trace_id": "t"}, {"id": "a", "trace_id": "t"}]
    async with Sink() as sink:
        status, body, _ = await post(client, sink, json.dumps(spans).encode(), JSON, "/v1/spans")
        assert (status, json.loads(body)) == (202, {"accepted": 3})
        assert (sink.count().spans, sink.count().unique) == (3, 2)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
async def test_compressed_bodies_are_inflated(client, encoding):
    zstd = pytest.importorskip("backports.zstd")
    compress = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstd.compress}[encoding]
    plain = otlp(*("a" * 50 for _ in range(50)))
    sent = compress(plain)
    async with Sink(keep=True) as sink:
        status, _, _ = await post(client, sink, sent, {**PROTOBUF, "content-encoding": encoding})
        count = sink.count()
        assert (status, count.spans, count.bytes, count.plain_bytes) == (200, 50, len(sent), len(plain))
        assert sink.bodies == [plain]


@pytest.mark.parametrize(
    ("body", "headers", "path", "status"),
    [
        (b"garbage", PROTOBUF, "/v1/traces", 400),
        (b"[]", JSON, "/v1/traces", 400),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz","spanId":"zz"}]}]}]}', JSON, "/v1/traces", 400),
        (b"", {"content-type": "text/plain"}, "/v1/traces", 415),
        (b"cut", {**PROTOBUF, "content-encoding": "gzip"}, "/v1/traces", 400),
        (b"", {**PROTOBUF, "content-encoding": "snappy"}, "/v1/traces", 415),
        (b'[{"id":"a"}]', JSON, "/v1/spans", 400),
        (b"", PROTOBUF, "/v1/metrics", 404),
    ],
)
async def test_what_cannot_be_taken_is_refused_and_not_counted_as_spans(client, body, headers, path, status):
    async with Sink() as sink:
        answered, _, _ = await post(client, sink, body, headers, path)
        assert (answered, sink.count().answered, sink.count().spans) == (status, {status: 1}, 0)


async def test_a_method_that_a_path_does_not_take_is_405(client):
    async with Sink() as sink, client.get(sink.url + "/v1/traces") as answer:
        assert answer.status == 405


async def test_the_numbers_are_read_over_http_and_reset(client):
    async with Sink() as sink:
        await post(client, sink, otlp("a", "b"))
        await post(client, sink, otlp("c", first=3))
        await post(client, sink, b"garbage")
        async with client.get(sink.url + "/count") as answer:
            count = await answer.json()
        assert count["requests"] == 3
        assert count["answered"] == {"200": 2, "400": 1}
        assert (count["spans"], count["unique"], count["largest_batch"]) == (3, 3, 2)
        assert count["bytes"] == len(otlp("a", "b") + otlp("c", first=3) + b"garbage")
        assert (count["connections"], count["connections_open"]) == (1, 1)
        async with client.post(sink.url + "/reset") as answer:
            empty = await answer.json()
        assert (empty["requests"], empty["answered"], empty["spans"], empty["unique"]) == (0, {}, 0, 0)
        assert (empty["bytes"], empty["connections"], empty["connections_open"]) == (0, 0, 1)


async def test_a_thousand_requests_over_one_connection_are_one_connection(client):
    async with Sink() as sink:
        for _ in range(1000):
            await post(client, sink, otlp("a"))
        assert (sink.count().requests, sink.count().connections, sink.count().unique) == (1000, 1, 1)


async def test_spans_are_not_told_apart_where_that_was_not_asked(client):
    async with Sink(unique=False) as sink:
        await post(client, sink, otlp("a", "b"))
        assert (sink.count().spans, sink.count().unique) == (2, None)


async def test_requests_are_kept_with_their_headers_and_fate(client):
    async with Sink(keep=True) as sink:
        await post(client, sink, otlp("a"), {**PROTOBUF, "X-Tenant": "one"})
        await post(client, sink, b"garbage")
        assert [(seen.method, seen.path, seen.status) for seen in sink.requests] == [
            ("POST", "/v1/traces", 200),
            ("POST", "/v1/traces", 400),
        ]
        assert sink.requests[0].headers["x-tenant"] == "one"
        assert sink.bodies == [otlp("a")]


async def test_a_body_of_many_megabytes_is_taken_whole(client):
    body = otlp("a" * (20 << 20))
    async with Sink(keep=True) as sink:
        status, _, _ = await post(client, sink, io.BytesIO(body))
        assert status == 200
        assert sink.bodies == [body]


async def test_a_client_that_asks_to_close_is_told_so_and_closed(client):
    async with Sink() as sink:
        _, _, headers = await post(client, sink, otlp("a"), {**PROTOBUF, "connection": "close"})
        assert headers["connection"] == "close"
        await post(client, sink, otlp("b"))
        assert sink.count().connections == 2


async def test_a_unix_socket_is_an_address_too_and_is_gone_afterwards(tmp_path):
    path = tmp_path / "sink.sock"
    async with Sink(unix=path) as sink:
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as client:
            status, _, _ = await post(client, sink, otlp("a"))
        assert (status, sink.count().spans) == (200, 1)
    assert not path.exists()


async def test_an_address_that_is_taken_is_a_start_error_that_names_it():
    async with Sink() as sink:
        with pytest.raises(StartError, match=f"127.0.0.1:{sink.port}"):
            await Sink(port=sink.port).__aenter__()


async def test_the_repr_shows_address_and_numbers(client):
    async with Sink() as sink:
        await put(client, sink, sgp_span())
        assert repr(sink) == f"<Sink {sink.url} <Tally 1 spans of 1 requests>>"


@pytest.mark.parametrize("empty", ["null", '[{"scopeSpans":null}]', '[{"scopeSpans":[{"spans":null}]}]'])
async def test_null_is_as_good_as_nothing_in_otlp_json(client, empty):
    async with Sink() as sink:
        assert (await post(client, sink, b'{"resourceSpans":%b}' % empty.encode(), JSON))[0] == 200
        assert sink.count().unique == 0


async def test_it_says_which_spans_it_took_by_their_ids(client):
    async with Sink() as sink:
        await post(client, sink, otlp("a", "b"))
        await put(client, sink, sgp_span("s1"))
        async with client.get(sink.url + "/ids") as answer:
            assert sorted(await answer.json()) == ["0000000000000001", "0000000000000002", "s1"]
        assert sink.count().requests == 2
