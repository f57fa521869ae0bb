"""The whole path on real sockets: from agents, through the service, to upstreams in every mood."""

import asyncio
import itertools
import json
import random
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.collector.exporters.upstream import OK, Deed, Upstream, answer
from tests.collector.rig import Running, destination, raw
from tests.collector.sink.posts import otlp, otlp_json, sgp_span

from inspan_collector.errors import ConfigError, StartError
from inspan_collector.inflate import inflate
from inspan_collector.sink import Sink
from inspan_collector.sink.behaviour import Behaviour

JSON = "application/json"
TRACES = "/v1/traces"
ENDED = {"end_timestamp": "2026-11-21T01:09:42Z"}


def names(body: bytes) -> list[str]:
    request = ExportTraceServiceRequest.FromString(body)
    return [span.name for each in request.resource_spans for scope in each.scope_spans for span in scope.spans]


async def test_a_request_arrives_upstream_as_it_was(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink, Running(tmp_path, destination(sink.url + TRACES)) as running:
        assert (await running.post(otlp("a", "b"))).status == 200
        assert (await running.post(otlp_json("c", first=3), content_type=JSON)).status == 200
        await running.until(lambda: running.books().get("delivered") == 3)
        protobuf, text = (request.body for request in sink.requests)
        assert protobuf == otlp("a", "b")
        assert json.loads(text) == json.loads(otlp_json("c", first=3))
        assert (await running.drained())["destinations"]["up"] == {"enqueued": 3, "delivered": 3}


async def test_what_comes_within_the_linger_leaves_together_and_in_order(tmp_path: Path) -> None:
    to = {"batch": {"linger": "60ms"}, "compression": "gzip"}
    async with Upstream() as upstream, Running(tmp_path, destination(upstream.url, **to)) as running:
        began = time.monotonic()
        async with running.client() as client:
            for number in range(1, 31):
                await client.ask(raw(otlp(f"span {number}", first=number)))
        await running.until(lambda: running.books().get("delivered") == 30)
        assert len(upstream.requests) == 1
        assert time.monotonic() - began >= 0.06
        (request,) = upstream.requests
        assert names(inflate("gzip", request.body, 1 << 20)) == [f"span {number}" for number in range(1, 31)]


async def test_every_destination_gets_its_formats_and_its_own_copy(tmp_path: Path) -> None:
    async with Sink() as first, Sink() as second, Sink(keep=True) as sgp:
        to = [
            destination(first.url + TRACES, name="first"),
            destination(second.url + TRACES, name="second"),
            {"name": "sgp", "kind": "sgp", "url": sgp.url, "headers": {"x-api-key": "k"}},
            {"name": "files", "kind": "file", "path": str(tmp_path / "files")},
        ]
        async with Running(tmp_path, *to) as running:
            await running.post(otlp("a", "b"))
            spans = [sgp_span("open"), sgp_span("s1", **ENDED), sgp_span("s2", **ENDED)]
            body = json.dumps(spans).encode()
            assert json.loads((await running.post(body, "/v1/spans", content_type=JSON)).body) == {"accepted": 3}
            ledger = await running.drained()
        assert (first.count().spans, second.count().spans, sgp.count().spans) == (4, 4, 3)
        # OTLP and a file would keep an unfinished span for ever: they get the two that have ended.
        assert ledger["destinations"]["files"] == {"enqueued": 4, "delivered": 4}
        assert {name: found["delivered"] for name, found in ledger["destinations"].items()} == {
            "first": 4,
            "second": 4,
            "sgp": 3,
            "files": 4,
        }


async def test_a_destination_that_hangs_does_not_hold_up_another(tmp_path: Path) -> None:
    async with Upstream(Deed.HANG) as hanging, Sink() as sink:
        to = [destination(hanging.url, name="hangs"), destination(sink.url + TRACES, name="lives")]
        async with Running(tmp_path, *to) as running, running.client() as client:
            for number in range(1, 101):
                assert (await client.ask(raw(otlp("a", first=number)))).status == 200
            await running.until(lambda: running.books("lives").get("delivered") == 100)
            assert "delivered" not in running.books("hangs")
            ledger = await running.drained()
        assert ledger["destinations"]["hangs"] == {"enqueued": 100, "dropped_shutdown": 100}


MOODS = {
    "503 now and then": Behaviour(status=503, every=3, retry_after="10ms"),
    "429 with a date in the past": Behaviour(status=429, every=3, retry_after="Thu, 01 Jan 2026 00:00:00 GMT"),
    "resets": Behaviour(reset_every=4),
    "hangs": Behaviour(hang_every=5),
    "garbage": Behaviour(garbage_every=2),
    "small bodies": Behaviour(max_bytes=150),
    "closes idle connections": Behaviour(close_idle="1ms"),
    "slow": Behaviour(delay="0ms-10ms"),
    "everything": Behaviour(status=500, every=7, reset_every=11, hang_every=13, garbage_every=3, delay="0ms-3ms"),
}


@pytest.mark.parametrize("mood", MOODS.values(), ids=MOODS.keys())
async def test_every_span_arrives_whatever_the_mood_of_the_upstream(tmp_path: Path, mood: Behaviour) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    to = {"timeout": "150ms", "batch": {"max_spans": 8, "linger": "2ms"}, "retry": {"initial": "10ms", "max": "20ms"}}
    async with Sink(mood) as sink, Running(tmp_path, destination(sink.url + TRACES, **to)) as running:
        first = 1
        async with running.client() as client:
            while first < 150:
                spans = rng.randint(1, 6)
                assert (await client.ask(raw(otlp(*["a"] * spans, first=first)))).status == 200
                first += spans
                if rng.random() < 0.3:
                    await asyncio.sleep(0.001)
        await running.until(lambda: running.books().get("delivered") == first - 1)
        assert sink.count().unique == first - 1
        assert running.service.view.imbalance() == 0


async def test_spans_that_the_upstream_refuses_are_found_and_the_rest_arrives(tmp_path: Path) -> None:
    async with Sink(Behaviour(reject_span="poison", reject_status=422)) as sink:
        to = {"batch": {"max_spans": 500, "linger": "10ms"}}
        async with Running(tmp_path, destination(sink.url + TRACES, **to)) as running:
            spans = ["poison" if number in (13, 77, 78) else "fine" for number in range(100)]
            await running.post(otlp(*spans))
            await running.until(lambda: running.books().get("delivered") == 97)
            await running.until(lambda: running.books().get("quarantined") == 3)
            kept = list(running.service.pipelines[0].destination.quarantine.kept.values())
            assert [names(entry.body) for entry in kept] == [["poison"]] * 3
            assert {entry.status for entry in kept} == {422}
            assert sink.count().spans == 97


async def test_an_upstream_that_refuses_everything_pauses_and_loses_nothing(tmp_path: Path) -> None:
    async with Sink(Behaviour(status=400)) as sink, Running(tmp_path, destination(sink.url + TRACES)) as running:
        await running.post(otlp(*["a"] * 40))
        await running.until(lambda: "paused" in running.events())
        assert running.books() == {"enqueued": 40, "in_flight": 40}
        status = json.loads((await running.get("/status"))[1])
        assert status["destinations"][0]["gate"]["reason"].startswith("refuses_everything")
        sink.behave(Behaviour())
        # A drain probes at once.
        assert (await running.drained())["destinations"]["up"] == {"enqueued": 40, "delivered": 40}


async def test_partial_success_is_booked_as_rejected(tmp_path: Path) -> None:
    async with Sink(Behaviour(partial=2)) as sink, Running(tmp_path, destination(sink.url + TRACES)) as running:
        await running.post(otlp(*"abcde"))
        ledger = await running.drained()
        assert ledger["destinations"]["up"] == {"enqueued": 5, "delivered": 3, "dropped_rejected": 2}


async def test_a_renewed_token_heals_a_paused_destination(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    sgp = {"name": "up", "kind": "sgp", "headers": {"x-api-key": f"file:{token}"}, "batch": {"linger": 0}}
    async with Sink(api_key="new") as sink, Running(tmp_path, sgp | {"url": sink.url}) as running:
        await running.post(json.dumps([sgp_span()]).encode(), "/v1/spans", content_type=JSON)
        await running.until(lambda: "paused" in running.events())
        token.write_text("new\n")
        assert (await running.drained())["destinations"]["up"] == {"enqueued": 1, "delivered": 1}


async def test_retry_after_is_obeyed_on_the_wire(tmp_path: Path) -> None:
    script = (answer(429, b"", "retry-after-ms: 300"), OK)
    async with Upstream(*script) as upstream, Running(tmp_path, destination(upstream.url)) as running:
        began = time.monotonic()
        await running.post(otlp("a"))
        await running.until(lambda: running.books().get("delivered") == 1)
        assert 0.3 <= time.monotonic() - began < 1
        assert len(upstream.requests) == 2


async def test_an_upstream_that_comes_back_gets_everything(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with Running(tmp_path, destination(f"http://127.0.0.1:{port}{TRACES}")) as running:
        for first in range(1, 200, 10):
            assert (await running.post(otlp(*["a"] * 10, first=first))).status == 200
        await running.until(lambda: "gate_shut" in running.events())
        async with Sink(port=port) as sink:
            await running.until(lambda: running.books().get("delivered") == 200)
            assert sink.count().unique == 200
            assert running.events().count("gate_shut") == running.events().count("recovered") == 1


async def test_what_is_in_hand_is_bounded_by_slots_and_what_is_held_by_the_queue(tmp_path: Path) -> None:
    to = {"concurrency": 2, "batch": {"max_spans": 1, "linger": 0}, "queue": {"max_spans": 50}}
    async with Upstream(Deed.HANG) as hanging, Running(tmp_path, destination(hanging.url, **to)) as running:
        statuses = []
        async with running.client() as client:
            for number in range(1, 81):
                statuses.append((await client.ask(raw(otlp("a", first=number)))).status)
                await asyncio.sleep(0)
        assert statuses == [200] * 50 + [429] * 30
        await running.until(lambda: hanging.most_open == 2)
        assert running.books() == {"enqueued": 50, "queued": 48, "in_flight": 2}
        series = await running.metrics()
        assert series['inspan_queue_bytes{destination="up"}'] == 50 * len(otlp("a"))


async def test_a_memory_gauge_counts_what_is_held_and_falls_back_to_nothing(tmp_path: Path) -> None:
    async with Upstream(Deed.HANG) as hanging, Running(tmp_path, destination(hanging.url)) as running:
        body = otlp("x" * 100_000)
        await running.post(body)
        await running.until(lambda: len(hanging.requests) == 1)
        series = await running.metrics()
        assert 2 * len(body) <= series["inspan_memory_bytes"] <= 3 * len(body)  # the chunk, and the body that is sent
        assert series["inspan_memory_bytes"] < series["inspan_memory_limit_bytes"]


async def test_a_start_that_fails_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for section in ({"listen": address}, {"admin": {"listen": address}}):
            with pytest.raises(StartError, match="in use"):
                async with Running(tmp_path, destination(), **section):
                    pass
            assert not (tmp_path / "inspan.sock").exists()
    tls: dict[str, Any] = {"url": "https://up.example/", "tls": {"ca_file": str(tmp_path / "none.pem")}}
    with pytest.raises(ConfigError, match=r"none\.pem"):
        async with Running(tmp_path, destination(**tls)):
            pass
    async with Running(tmp_path):
        pass


async def test_trusting_whoever_answers_is_said_once_at_the_start_and_trusting_nobody_is_not(tmp_path: Path) -> None:
    open_wide = destination("https://127.0.0.1:9/v1/traces", name="open", tls={"insecure_skip_verify": True})
    async with Running(tmp_path, open_wide, destination("https://127.0.0.1:9/v1/traces")) as running:
        said = [event for event in running.service.events.kept if event.kind == "insecure"]
        assert [event.destination for event in said] == ["open"]
        assert "whoever answers there gets the spans and the credentials" in said[0].message


async def test_many_agents_and_every_dialect_at_once_end_in_balanced_books(tmp_path: Path) -> None:
    async with Sink(Behaviour(status=503, every=5)) as sink:
        to = [
            destination(sink.url + TRACES, batch={"linger": "5ms"}),
            {
                "name": "sgp",
                "kind": "sgp",
                "url": sink.url,
                "headers": {"x-api-key": "k"},
                "retry": {"initial": "10ms"},
            },
        ]
        async with Running(tmp_path, *to, drain={"deadline": "10s"}) as running:
            numbers = itertools.count(1)

            async def agent(kind: int) -> None:
                async with running.client() as client:
                    for _ in range(20):
                        number = next(numbers)
                        span = json.dumps([sgp_span(f"s{number}", **ENDED)]).encode()
                        request = (
                            raw(otlp("a", first=number)),
                            raw(otlp_json("a", first=number), content_type=JSON),
                            raw(span, "/v1/spans", content_type=JSON),
                            raw(b'{"items":%b}' % span, "/v5/spans/batch", "PUT", content_type=JSON),
                        )[kind]
                        assert (await client.ask(request)).status in (200, 202)

            await asyncio.gather(*(agent(number % 4) for number in range(20)))
            ledger = await running.drained()
        assert ledger["imbalance"] == 0
        assert ledger["destinations"] == {
            "up": {"enqueued": 400, "delivered": 400},
            "sgp": {"enqueued": 200, "delivered": 200},
        }
        assert sink.count().unique == 600  # 200 of them in both formats


async def test_a_request_that_could_never_be_held_is_too_large_and_not_told_to_wait(tmp_path: Path) -> None:
    small = {"memory": {"max_bytes": "1MiB"}}
    async with Running(tmp_path, destination(), **small) as running:
        answer = await running.post(b"x" * 990_000)
        assert (answer[0] if isinstance(answer, tuple) else answer.status) == 413
