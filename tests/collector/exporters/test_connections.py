"""Connections: reused, replaced, lost while idle, and encrypted."""

import asyncio
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest
import trustme
from tests.collector.exporters.upstream import OK, Deed, Send, Upstream, answer, exporting, settings
from tests.collector.rig import Running, destination, raw
from tests.collector.sink.posts import otlp

from inspan_collector.errors import ConfigError, Later, Pause
from inspan_collector.service import make_exporter
from inspan_collector.sink import Sink
from inspan_collector.sink.behaviour import Behaviour

SMALL = {"max_spans": 1, "linger": 0}


# Reused


async def test_thousands_of_batches_go_over_no_more_connections_than_slots(tmp_path: Path) -> None:
    to = {"concurrency": 4, "batch": SMALL}
    async with Sink() as sink, Running(tmp_path, destination(sink.url + "/v1/traces", **to)) as running:
        async with running.client() as client:
            for first in range(0, 2000, 100):
                assert (await client.ask(post(*range(first, first + 100)))).status == 200
        await running.until(lambda: running.books().get("delivered") == 2000)
        count = sink.count()
        assert (count.requests, count.spans, count.unique, count.largest_batch) == (2000, 2000, 2000, 1)
        assert count.connections <= 4
        series = await running.metrics()
        assert series['inspan_connections_opened_total{destination="up"}'] == count.connections
        assert series['inspan_connections_open{destination="up"}'] == count.connections_open


async def test_an_exporter_asks_for_no_more_at_once_than_its_concurrency() -> None:
    async with Upstream() as upstream, exporting(upstream.url, concurrency=3) as (send, exporter):
        await asyncio.gather(*(send(otlp("a")) for _ in range(60)))
        assert upstream.most_open == exporter.connections()[1] == 3


async def test_an_attempt_that_got_no_connection_is_no_request(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:  # nobody listens there
        await running.post(otlp("a", "b"))
        await running.until(lambda: "gate_shut" in running.events())
        (told,) = running.service.view.status()["destinations"]
        assert told["batches"] == {"sent": 0, "spans": 0, "bytes": 0}
        assert (await running.metrics())['inspan_sent_bytes_total{destination="up"}'] == 0


async def test_an_attempt_that_was_answered_with_a_refusal_is_a_request(tmp_path: Path) -> None:
    async with Upstream(answer(503)) as upstream, Running(tmp_path, destination(upstream.url)) as running:
        await running.post(otlp("a", "b"))
        await running.until(lambda: len(upstream.requests) > 2)
        (told,) = running.service.view.status()["destinations"]
        assert 2 <= told["batches"]["sent"] <= len(upstream.requests)
        assert told["batches"]["sent"] <= told["batches"]["spans"] <= 2 * told["batches"]["sent"]  # it may be cut


# Lost while idle


async def test_a_connection_lost_while_idle_costs_nothing_50_times_in_a_row(tmp_path: Path) -> None:
    """The upstream closes as the second request of each connection arrives: the race of every keep-alive timeout."""
    async with Upstream(leaves=2) as upstream, Running(tmp_path, destination(upstream.url)) as running:
        for number in range(1, 52):
            assert (await running.post(otlp("a", first=number))).status == 200
            await running.until(lambda number=number: running.books().get("delivered") == number)
        assert len(upstream.requests) == 51  # no span twice, none lost
        assert running.events() == []
        assert running.service.pipelines[0].destination.gate.failures == 0
        series = await running.metrics()
        assert series['inspan_attempt_duration_seconds_count{decision="later",destination="up"}'] == 0


async def test_many_connections_that_were_lost_together_cost_nothing_either() -> None:
    async with Upstream(leaves=2) as upstream, exporting(upstream.url, concurrency=6) as (send, _):
        await asyncio.gather(*(send(otlp("a")) for _ in range(6)))
        assert upstream.connections == 6
        await send(otlp("b"))
        assert len(upstream.requests) == 7


async def test_connections_that_the_upstream_closes_when_idle_are_replaced_unnoticed(tmp_path: Path) -> None:
    behaviour = Behaviour(close_idle="10ms")
    async with Sink(behaviour) as sink, Running(tmp_path, destination(sink.url + "/v1/traces")) as running:
        for number in range(1, 21):
            await running.post(otlp("a", first=number))
            await running.until(lambda number=number: running.books().get("delivered") == number)
            await asyncio.sleep(0.011)
        assert sink.count().connections > 1
        assert running.events() == []


async def test_a_fresh_connection_that_breaks_is_a_failure_and_not_tried_for_free() -> None:
    async with Upstream(Deed.LEAVE) as upstream, exporting(upstream.url) as (send, _):
        with pytest.raises(Later):
            await send(otlp("a"))
        assert len(upstream.requests) == 1


async def test_spans_that_break_each_connection_are_tried_once_for_free_and_no_more() -> None:
    async with Upstream(*[OK] * 3, Deed.RESET) as upstream, exporting(upstream.url, concurrency=3) as (send, _):
        await asyncio.gather(*(send(otlp("a")) for _ in range(3)))
        with pytest.raises(Later):
            await send(otlp("poison"))
        assert len(upstream.requests) == 3 + 2


# Replaced


async def test_old_connections_are_replaced_without_an_error() -> None:
    to: dict[str, Any] = {"concurrency": 4, "max_connection_age": "10ms"}
    async with Upstream() as upstream, exporting(upstream.url, **to) as (send, exporter):
        for _ in range(60):
            await asyncio.gather(*(send(otlp("a")) for _ in range(4)))
            await asyncio.sleep(0.001)
        assert upstream.connections > 8
        assert len(upstream.requests) == 240
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert exporter.connections()[0] <= 8


async def test_replacing_never_cuts_an_attempt_that_is_under_way() -> None:
    to: dict[str, Any] = {"concurrency": 8, "max_connection_age": "1ms"}
    async with Sink(Behaviour(delay="0ms-8ms")) as sink, exporting(sink.url + "/v1/traces", **to) as (send, _):

        async def slot() -> None:
            for _ in range(40):
                await send(otlp("a"))

        await asyncio.gather(*(slot() for _ in range(8)))
        assert sink.count().spans == 320
        assert sink.count().connections > 20


async def test_without_an_age_connections_stay() -> None:
    async with Upstream() as upstream, exporting(upstream.url, max_connection_age=None) as (send, _):
        for _ in range(30):
            await send(otlp("a"))
        assert Counter(request.connection for request in upstream.requests) == {1: 30}


# Encrypted


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


def serving(ca: trustme.CA, host: str = "localhost") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(host).configure_cert(context)
    return context


def written(directory: Path, name: str, blob: trustme.Blob) -> str:
    blob.write_to_path(directory / name)
    return str(directory / name)


async def test_a_custom_ca_is_trusted(tmp_path: Path, ca: trustme.CA) -> None:
    tls = {"ca_file": written(tmp_path, "ca.pem", ca.cert_pem)}
    async with Upstream(tls=serving(ca)) as upstream, exporting(upstream.url, tls=tls) as (send, _):
        await send(otlp("a"))
        await send(otlp("b"))
        assert upstream.connections == 1


@pytest.mark.parametrize("host", ["localhost", "elsewhere.example"], ids=["unknown authority", "another name"])
async def test_a_certificate_that_does_not_verify_pauses(tmp_path: Path, ca: trustme.CA, host: str) -> None:
    tls = {} if host == "localhost" else {"ca_file": written(tmp_path, "ca.pem", ca.cert_pem)}
    async with Upstream(tls=serving(ca, host)) as upstream, exporting(upstream.url, tls=tls) as (send, _):
        with pytest.raises(Pause, match=r"TLS to https://localhost.*tls\.ca_file"):
            await send(otlp("a"))
        assert upstream.requests == []
    async with (
        Upstream(tls=serving(ca, host)) as upstream,
        exporting(upstream.url, tls={"insecure_skip_verify": True}) as (send, _),
    ):
        await send(otlp("a"))


class Demanding:
    """A TLS server that wants a client certificate.

    In a thread and blocking: asyncio's own ends such a connection without the alert that says why.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.served = 0
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self.sock.getsockname()[1]}/v1/traces"
        self.thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.sock.close()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self.sock.accept()
            except OSError:
                return
            with plain:
                try:
                    connection = self.context.wrap_socket(plain, server_side=True)
                except ssl.SSLError:
                    continue
                with connection:
                    connection.recv(65536)
                    self.served += 1
                    connection.sendall(OK)


async def put_off_or_paused(send: Send) -> None:
    """In TLS 1.3 the alert may lose the race against our writing, and then nobody reads it; no attempt gets through."""
    for _ in range(20):
        with pytest.raises((Later, Pause)):
            await send(otlp("a"))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_certificate_is_shown_and_without_it_the_destination_pauses(
    tmp_path: Path, ca: trustme.CA, version: ssl.TLSVersion
) -> None:
    context = serving(ca)
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    ca.configure_trust(context)
    ours = ca.issue_cert("sidecar.example")
    plain = {"ca_file": written(tmp_path, "ca.pem", ca.cert_pem)}
    shown = plain | {
        "cert_file": written(tmp_path, "cert.pem", ours.cert_chain_pems[0]),
        "key_file": written(tmp_path, "key.pem", ours.private_key_pem),
    }
    with Demanding(context) as upstream:
        async with exporting(upstream.url, tls=shown) as (send, _):
            await send(otlp("a"))
        async with exporting(upstream.url, tls=plain) as (send, _):
            if version is ssl.TLSVersion.TLSv1_2:
                with pytest.raises(Pause, match=r"TLS to .*(?i:alert)"):
                    await send(otlp("a"))
            else:
                await put_off_or_paused(send)
        assert upstream.served == 1


async def test_plain_http_to_a_tls_port_and_the_other_way_round(ca: trustme.CA) -> None:
    async with Upstream(tls=serving(ca)) as upstream, exporting(upstream.url.replace("https", "http")) as (send, _):
        with pytest.raises(Later):
            await send(otlp("a"))
    async with Sink() as sink, exporting(sink.url.replace("http", "https")) as (send, _):
        with pytest.raises(Pause, match="TLS"):
            await send(otlp("a"))


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text("nonsense")])
def test_a_certificate_file_that_cannot_be_used_is_an_error_at_the_start(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    path = tmp_path / "ca.pem"
    path.touch()
    damage(path)
    with pytest.raises(ConfigError, match=r"destinations\.up\.tls.*ca\.pem"):
        make_exporter(settings("otlp", url="https://up.example/v1/traces", tls={"ca_file": str(path)}))


def post(*numbers: int) -> bytes:
    """A request with a span of each number."""
    return raw(b"".join(otlp("a", first=number + 1) for number in numbers))
