"""Pages in a browser, as they would post to a listener on this machine; and agents, which are taken."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.collector.receiver.rig import Client, Reply
from tests.collector.rig import Running, raw
from tests.collector.sink.posts import otlp

from inspan_collector.hosts import Hosts
from inspan_collector.receiver.browsers import KNOWN, Browsers

JSON = "application/json"
SPAN = json.dumps([{"trace_id": "t", "id": "s", "start_timestamp": "2025-01-01T00:00:00Z"}]).encode()
PAGE = {"host": "127.0.0.1:4318", "origin": "https://evil.example", "sec_fetch_site": "cross-site"}
# What a page can send without being asked first: these methods, these types (Fetch standard, "CORS-safelisted").
SIMPLE = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")


@contextlib.asynccontextmanager
async def listening(home: Path, host: str = "127.0.0.1", **sections: Any) -> AsyncIterator[tuple[Running, int]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with Running(home, listen=f"{host}:{port}", **sections) as running:
        yield running, port


async def post(port: int, body: bytes, path: str = "/v1/traces", method: str = "POST", **headers: str) -> Reply:
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    try:
        return await client.ask(raw(body, path, method, **headers))
    finally:
        await client.close()


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:4318", "http://localhost", "file://"]
)
async def test_what_a_page_posts_is_refused_wherever_it_is_from(tmp_path: Path, origin: str) -> None:
    async with listening(tmp_path) as (running, port):
        for path in ("/v1/traces", "/v1/spans", "/v5/spans/batch", "/spans", "/v1/agents", "/nothing"):
            for content_type in (*SIMPLE, JSON, "application/x-protobuf"):
                said = {"host": f"127.0.0.1:{port}", "origin": origin, "content_type": content_type}
                reply = await post(port, SPAN, path, **said)
                assert reply.status == 403 and b"a page in a browser" in reply.body
        assert running.books() == {} and len(running.service.registry) == 0


async def test_a_page_that_hides_its_origin_shows_in_what_the_browser_adds(tmp_path: Path) -> None:
    async with listening(tmp_path) as (_, port):
        for site in ("cross-site", "same-site", "same-origin", "none"):
            assert (await post(port, SPAN, "/v1/spans", content_type=JSON, sec_fetch_site=site)).status == 403


async def test_a_preflight_gets_no_leave_for_anything(tmp_path: Path) -> None:
    async with listening(tmp_path) as (_, port):
        wish = {"access_control_request_method": "POST", "access_control_request_headers": "content-type"}
        for more in (PAGE, {"host": "127.0.0.1"}):
            reply = await post(port, b"", "/v1/traces", "OPTIONS", **wish, **more)
            assert reply.status in (403, 405)
            assert not [name for name in reply.headers if name.startswith("access-control")]


async def test_a_name_that_was_led_to_loopback_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    async with listening(tmp_path) as (running, port):
        reply = await post(port, SPAN, "/v1/spans", content_type=JSON, host=f"evil.example:{port}")
        assert reply.status == 403 and b"admin.allow_hosts" in reply.body and b"evil.example" in reply.body
        assert running.refused("spans") == {"not_allowed": 1}
        assert "refused_not_allowed" in running.events()


async def test_one_that_is_allowed_is_not(tmp_path: Path) -> None:
    admin = {"listen": "127.0.0.1:0", "allow_hosts": ["spans.example"]}
    async with listening(tmp_path, admin=admin) as (_, port):
        for host in ("spans.example", "SPANS.example:4318"):
            assert (await post(port, otlp("a"), host=host)).status == 200
        assert (await post(port, otlp("a"), host="evil.example")).status == 403


@pytest.mark.parametrize("host", ["127.0.0.1:4318", "localhost:4318", "localhost", "[::1]:4318", "agent.localhost"])
async def test_agents_call_it_as_they_were_told_and_are_taken(tmp_path: Path, host: str) -> None:
    async with listening(tmp_path) as (_, port):
        node = {"sec_fetch_mode": "cors", "user_agent": "node"}  # what the fetch of Node.js says
        assert (await post(port, otlp("a"), host=host, **node)).status == 200


async def test_beyond_loopback_any_name_may_lead_here_and_pages_are_refused_all_the_same(tmp_path: Path) -> None:
    async with listening(tmp_path, "0.0.0.0") as (_, port):
        assert (await post(port, otlp("a"), host="inspan.observability.svc:4318")).status == 200
        assert (await post(port, otlp("a"), **PAGE | {"host": "inspan.observability.svc"})).status == 403


async def test_on_the_unix_socket_nothing_of_this_is_asked(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        assert (await running.post(otlp("a"), **PAGE | {"host": "evil.example"})).status == 200


async def test_a_refused_page_keeps_nothing_and_the_connection_serves_the_next(tmp_path: Path) -> None:
    """Browsers keep connections, and a proxy before us may put others on the same one."""
    async with listening(tmp_path) as (running, port):
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        assert (await client.ask(raw(otlp("x" * 100_000), **PAGE))).status == 403
        assert running.service.memory.custody == 0
        assert (await client.ask(raw(otlp("a")))).status == 200
        await client.close()


def test_no_more_names_are_remembered_than_agents_have() -> None:
    browsers = Browsers(Hosts())
    for number in range(3 * KNOWN):
        assert browsers.refuse({b"host": b"127.0.0.1:%d" % number}) is None
        assert browsers.refuse({b"host": b"evil%d.example" % number}) is not None
    assert len(browsers._known) == KNOWN
    assert browsers.refuse({b"host": b"127.0.0.1:9999"}) is None
    assert browsers.refuse({}) is None  # HTTP/1.0, which no browser speaks
