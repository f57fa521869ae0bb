"""A sink that misbehaves as told, on real sockets."""

import asyncio
import gzip
import time

import aiohttp
import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from tests.collector.sink.posts import JSON, PROTOBUF, otlp, otlp_json, post, put, sgp_span

from inspan_collector.sink import Behaviour, Sink


async def statuses(client, sink, requests: int) -> list[int]:
    return [(await post(client, sink, otlp("a")))[0] for _ in range(requests)]


async def test_each_third_request_is_answered_503_and_its_spans_are_not_counted(client):
    async with Sink(Behaviour(status=503, every=3)) as sink:
        assert await statuses(client, sink, 7) == [200, 200, 503, 200, 200, 503, 200]
        assert (sink.count().answered, sink.count().spans) == ({200: 5, 503: 2}, 5)


async def test_a_status_alone_is_answered_always_in_the_dialects_error_shape(client):
    async with Sink(Behaviour(status=401)) as sink:
        assert await statuses(client, sink, 3) == [401, 401, 401]
        assert await put(client, sink, sgp_span()) == (401, {"detail": "misbehaving as asked"})
        _, body, _ = await post(client, sink, otlp_json("a"), JSON)
        assert msgspec.json.decode(body) == {"code": 3, "message": "misbehaving as asked"}
        _, body, headers = await post(client, sink, otlp("a"))
        assert headers["content-type"] == "application/x-protobuf"
        assert body == b"\x08\x03\x12\x14misbehaving as asked"


@pytest.mark.parametrize("status", [302, 304, 418, 500, 599])
async def test_any_status_that_refuses_leaves_the_connection_usable(client, status):
    async with Sink(Behaviour(status=status)) as sink:
        for _ in range(3):
            async with client.post(sink.url + "/v1/traces", data=otlp("a"), allow_redirects=False) as answer:
                await answer.read()
                assert answer.status == status
                assert ("location" in answer.headers) == (status < 400)
        assert sink.count().connections == 1


@pytest.mark.parametrize(
    ("wish", "name", "value"),
    [
        ("2", "retry-after", "2"),
        ("250ms", "retry-after-ms", "250"),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"),
        ("soon", "retry-after", "soon"),
    ],
)
async def test_a_refusal_says_when_to_come_back_and_an_acceptance_does_not(client, wish, name, value):
    async with Sink(Behaviour(status=429, every=2, retry_after=wish)) as sink:
        _, _, accepted = await post(client, sink, otlp("a"))
        _, _, refused = await post(client, sink, otlp("a"))
        assert not [header for header in accepted if header.startswith("retry-after")]
        assert refused[name] == value


async def test_a_reset_breaks_the_answer_in_the_middle_and_counts_no_span():
    async with Sink(Behaviour(reset_every=1), keep=True) as sink:
        reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
        body = otlp("a")
        writer.write(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n")
        writer.write(b"content-length: %d\r\n\r\n%b" % (len(body), body))
        half = await reader.read(1000)
        assert half.startswith(b"HTTP/1.1 200 OK") and b"\r\n\r\n" not in half
        with pytest.raises(ConnectionResetError):
            await reader.read(1000)
        writer.close()
        count = sink.count()
        assert (count.requests, count.resets, count.answered, count.spans) == (1, 1, {}, 0)
        assert (sink.requests[0].status, sink.bodies) == (None, [])


async def test_each_second_request_is_reset_and_the_others_are_answered(client):
    async with Sink(Behaviour(reset_every=2)) as sink:
        for _ in range(3):
            assert (await post(client, sink, otlp("a")))[0] == 200
            with pytest.raises(aiohttp.ClientError):
                await post(client, sink, otlp("a"))
        assert (sink.count().resets, sink.count().spans) == (3, 3)


async def test_a_reset_on_a_unix_socket_ends_the_connection_too(tmp_path):
    path = tmp_path / "sink.sock"
    unix = aiohttp.UnixConnector(str(path))
    async with aiohttp.ClientSession(connector=unix) as client, Sink(Behaviour(reset_every=1), unix=path) as sink:
        with pytest.raises(aiohttp.ClientError):
            await post(client, sink, otlp("a"))


async def test_a_request_that_hangs_is_never_answered_and_others_pass_by(client):
    async with Sink(Behaviour(hang_every=2)) as sink:
        await post(client, sink, otlp("a"))
        hanging = asyncio.create_task(post(client, sink, otlp("b")))
        while not sink.count().hung:
            await asyncio.sleep(0)
        sink.behave(Behaviour())
        assert (await post(client, sink, otlp("c")))[0] == 200
        assert not hanging.done()
        hanging.cancel()
        await asyncio.wait({hanging})
        assert (sink.count().requests, sink.count().hung, sink.count().spans) == (3, 1, 2)


async def test_a_sink_stops_although_requests_hang(client):
    async with Sink(Behaviour(hang_every=1)) as sink:
        hanging = asyncio.create_task(post(client, sink, otlp("a")))
        while not sink.count().hung:
            await asyncio.sleep(0)
    with pytest.raises(aiohttp.ClientError):
        await hanging


async def test_garbage_is_a_200_with_nonsense_and_the_spans_are_taken(client):
    async with Sink(Behaviour(garbage_every=2)) as sink:
        assert (await post(client, sink, otlp("a")))[1] == b""
        status, body, _ = await post(client, sink, otlp("b"))
        assert (status, sink.count().spans) == (200, 2)
        with pytest.raises(Exception, match="parsing"):
            ExportTraceServiceResponse.FromString(body)


async def test_a_body_over_the_limit_is_413_by_its_inflated_size(client):
    small, large = otlp("a"), otlp("a" * 1000)
    async with Sink(Behaviour(max_bytes=len(large) - 1)) as sink:
        zipped = {**PROTOBUF, "content-encoding": "gzip"}
        assert (await post(client, sink, small))[0] == 200
        assert (await post(client, sink, large))[0] == 413
        assert (await post(client, sink, gzip.compress(large), zipped))[0] == 413
        sink.behave(Behaviour(max_bytes=len(large)))
        assert (await post(client, sink, large))[0] == 200
        assert (await post(client, sink, gzip.compress(large), zipped))[0] == 200


POISONED = [
    ("/v1/traces", PROTOBUF, otlp("good", "poison"), otlp("good")),
    ("/v1/traces", JSON, otlp_json("good", "poison"), otlp_json("good")),
    ("/v1/spans", JSON, b'[{"id":"a","trace_id":"t"},{"id":"poison","trace_id":"t"}]', b'[{"id":"a","trace_id":"t"}]'),
    (
        "/v5/spans/batch",
        JSON,
        msgspec.json.encode({"items": [sgp_span("a"), sgp_span("b", input={"text": "poison"})]}),
        msgspec.json.encode({"items": [sgp_span("a")]}),
    ),
]


@pytest.mark.parametrize(("path", "headers", "bad", "good"), POISONED)
@pytest.mark.parametrize("pattern", ["poison", "po[a-i]son"])
async def test_a_batch_with_a_rejected_span_is_refused_whole(client, path, headers, bad, good, pattern):
    async with Sink(Behaviour(reject_span=pattern)) as sink:
        assert (await post(client, sink, bad, headers, path))[0] == 400
        assert (sink.count().spans, sink.count().rows) == (0, 0)
        assert (await post(client, sink, good, headers, path))[0] in (200, 202)
        assert sink.count().spans == 1


async def test_only_the_bytes_of_spans_are_looked_at_and_not_what_frames_them(client):
    async with Sink(Behaviour(reject_span="resourceSpans|items")) as sink:
        assert (await post(client, sink, otlp_json("a"), JSON))[0] == 200
        assert (await put(client, sink, sgp_span()))[0] == 200


async def test_the_status_of_a_rejection_can_be_chosen_and_may_be_a_reset(client):
    async with Sink(Behaviour(reject_span="poison", reject_status=422)) as sink:
        assert (await post(client, sink, otlp("poison")))[0] == 422
        sink.behave(Behaviour(reject_span="poison", reject_status="reset"))
        with pytest.raises(aiohttp.ClientError):
            await post(client, sink, otlp("poison"))
        assert (await post(client, sink, otlp("good")))[0] == 200
        assert (sink.count().resets, sink.count().spans) == (1, 1)


async def test_partial_success_rejects_so_many_spans_of_each_request(client):
    async with Sink(Behaviour(partial=2)) as sink:
        status, body, _ = await post(client, sink, otlp("a", "b", "c"))
        partial = ExportTraceServiceResponse.FromString(body).partial_success
        assert (status, partial.rejected_spans, sink.count().spans, sink.count().unique) == (200, 2, 1, 1)
        assert partial.error_message
        _, body, _ = await post(client, sink, otlp_json("a"), JSON)
        assert msgspec.json.decode(body)["partialSuccess"]["rejectedSpans"] == "1"
        assert sink.count().spans == 1


async def test_an_answer_is_delayed(client):
    async with Sink(Behaviour(delay="40ms")) as sink:
        before = time.monotonic()
        await post(client, sink, otlp("a"))
        assert time.monotonic() - before >= 0.04


async def test_delayed_requests_wait_beside_each_other(client):
    async with Sink(Behaviour(delay="100ms-200ms")) as sink:
        before = time.monotonic()
        await asyncio.gather(*(post(client, sink, otlp("a")) for _ in range(20)))
        assert 0.1 <= time.monotonic() - before < 1
        assert sink.count().spans == 20


async def test_a_client_that_leaves_before_its_answer_is_not_counted_as_answered(client):
    async with Sink(Behaviour(delay="10s")) as sink:
        leaving = asyncio.create_task(post(client, sink, otlp("a")))
        while not sink.count().requests:
            await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait({leaving})
        while sink.count().connections_open:
            await asyncio.sleep(0)
        assert (sink.count().requests, sink.count().answered, sink.count().spans) == (1, {}, 0)


async def test_a_client_that_leaves_in_the_middle_of_its_body_costs_nothing(caplog):
    async with Sink() as sink:
        _, writer = await asyncio.open_connection("127.0.0.1", sink.port)
        writer.write(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nhalf")
        while not sink.count().requests:
            await asyncio.sleep(0)
        writer.close()
        while sink.count().connections_open:
            await asyncio.sleep(0)
        assert (sink.count().answered, sink.count().spans) == ({}, 0)
    assert not caplog.records


async def test_idle_connections_are_closed_and_busy_ones_are_not(client):
    async with Sink(Behaviour(close_idle="50ms", delay="100ms")) as sink:
        for _ in range(3):  # each answer takes twice as long as a connection may idle
            assert (await post(client, sink, otlp("a")))[0] == 200
        assert sink.count().connections == 1
        while sink.count().connections_open:
            await asyncio.sleep(0.001)
        assert (await post(client, sink, otlp("a")))[0] == 200
        assert sink.count().connections == 2


async def test_a_sink_is_broken_and_healed_over_http(client):
    async with Sink() as sink:
        async with client.post(sink.url + "/behave", json={"status": 503}) as answer:
            assert (answer.status, (await answer.json())["status"]) == (200, 503)
        assert await statuses(client, sink, 2) == [503, 503]
        async with client.post(sink.url + "/behave", json={}) as answer:
            assert answer.status == 200
        assert await statuses(client, sink, 2) == [200, 200]
        assert sink.count().requests == 4


@pytest.mark.parametrize("wish", [{"stauts": 503}, {"delay": "soon"}, {"every": 3}, [], {"reject_span": "("}])
async def test_a_behaviour_that_makes_no_sense_is_400_and_changes_nothing(client, wish):
    async with Sink(Behaviour(status=503)) as sink:
        async with client.post(sink.url + "/behave", json=wish) as answer:
            assert (answer.status, bool((await answer.json())["error"])) == (400, True)
        assert sink.behaviour == Behaviour(status=503)


async def test_control_is_exempt_from_misbehaviour(client):
    async with Sink(Behaviour(hang_every=1)) as sink, client.get(sink.url + "/count") as answer:
        assert (answer.status, (await answer.json())["requests"]) == (200, 0)


async def test_a_swallowed_request_is_taken_and_counted_and_its_sender_hears_nothing(client):
    async with Sink(Behaviour(chance="swallow=1")) as sink:
        with pytest.raises(aiohttp.ClientError):
            await post(client, sink, otlp("a", "b"))
        sink.behave(Behaviour())
        assert (await post(client, sink, otlp("a", "b")))[0] == 200
        count = sink.count()
        assert (count.spans, count.unique, count.lost_answers, count.lost_spans, count.resets) == (4, 2, 1, 2, 1)


async def test_an_answer_that_drips_arrives_whole(client):
    async with Sink(Behaviour(chance="drip=1")) as sink:
        assert (await post(client, sink, otlp("a")))[0] == 200
        assert (sink.count().spans, sink.count().lost_answers) == (1, 0)


async def test_who_does_not_wait_for_the_last_drop_has_lost_the_answer_and_the_spans_are_taken():
    async with Sink(Behaviour(chance="drip=1")) as sink:
        body = otlp("a")
        reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
        writer.write(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n")
        writer.write(b"content-length: %d\r\n\r\n%b" % (len(body), body))
        await reader.read(1)
        writer.close()
        while not sink.count().lost_answers:
            await asyncio.sleep(0.005)
        count = sink.count()
        assert (count.spans, count.lost_spans, count.answered) == (1, 1, {})


async def test_a_sink_that_leaves_answers_first_and_closes_without_a_word():
    async with Sink(Behaviour(chance="leave=1")) as sink:
        body = otlp("a")
        reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
        writer.write(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n")
        writer.write(b"content-length: %d\r\n\r\n%b" % (len(body), body))
        said = await asyncio.wait_for(reader.read(-1), 5)
        writer.close()
        assert said.startswith(b"HTTP/1.1 200 OK") and b"connection: close" not in said
        assert sink.count().spans == 1
