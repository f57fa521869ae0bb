"""The admin address is for reading, and for no page but its own."""

import asyncio
from pathlib import Path

import pytest
from tests.collector.receiver.rig import Client, Reply
from tests.collector.rig import Running

from inspan_collector.admin import PATHS

FINITE = [path for path in PATHS if path != "/live"]  # which goes on for ever


async def ask(running: Running, request: str, *headers: str, host: str = "host: 127.0.0.1") -> Reply:
    client = Client(*await asyncio.open_connection("127.0.0.1", running.service.admin.port()))
    try:
        lines = [f"{request} HTTP/1.1", *([host] if host else []), *headers, "", ""]
        client.send("\r\n".join(lines).encode())
        return await client.reply(bodiless=request.startswith("HEAD"))
    finally:
        await client.close()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
async def test_nothing_but_reading_is_answered_and_no_body_is_waited_for(tmp_path: Path, method: str) -> None:
    async with Running(tmp_path) as running:
        for path in (*PATHS, "/", "/nothing"):
            reply = await ask(running, f"{method} {path}", "content-length: 1000000000")
            assert (reply.status, reply.headers["allow"], reply.closes) == (405, "GET, HEAD", True)


async def test_a_head_has_no_body_and_a_get_with_one_is_refused_before_it(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        for path in (*FINITE, "/"):
            assert (await ask(running, f"HEAD {path}")).status == 200
            for body in ("content-length: 1000000000", "transfer-encoding: chunked", "content-encoding: gzip"):
                refused = await ask(running, f"GET {path}", body)
                assert (refused.status, refused.closes) == (413, True)


async def test_what_is_not_http_is_answered_alike_and_is_nothing_to_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Running(tmp_path) as running:
        for line in ("x", "GET /status HTTP/1.1\r\ncontent-length: CANARY"):
            client = Client(*await asyncio.open_connection("127.0.0.1", running.service.admin.port()))
            client.send(f"{line}\r\n\r\n".encode())
            reply = await client.reply()
            assert (reply.status, reply.headers["cache-control"]) == (400, "no-store")
            assert b"CANARY" not in reply.body
            await client.close()
    assert caplog.text == ""


async def test_every_answer_says_what_a_browser_must_not_do_with_it(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        replies = [await ask(running, f"GET {path}") for path in (*PATHS, "/", "/nothing", "/events?after=x")]
        replies += [await ask(running, "POST /status"), await ask(running, "GET /status", host="host: evil.example")]
        assert {reply.status for reply in replies} == {200, 400, 403, 404, 405}
        for reply in replies:
            assert reply.headers["x-content-type-options"] == "nosniff"
            assert reply.headers["cache-control"] == "no-store"
            assert reply.headers["cross-origin-resource-policy"] == "same-origin"
            assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]


async def test_no_page_of_another_origin_is_let_in_whatever_it_asks(tmp_path: Path) -> None:
    """Without these headers a browser keeps the answer from the page; it may ask, and learns nothing."""
    async with Running(tmp_path) as running:
        for origin in ("http://evil.example", "null", "http://127.0.0.1:3000"):
            for method in ("GET", "OPTIONS"):
                more = (f"origin: {origin}", "access-control-request-method: GET")
                reply = await ask(running, f"{method} /status", *more, "access-control-request-private-network: true")
                assert not [name for name in reply.headers if name.startswith("access-control")]


async def test_a_name_that_was_led_here_is_refused_with_what_to_do_and_only_probes_pass(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        for path in (*FINITE, "/", "/live", "/nothing", "/livez/", "//livez"):
            reply = await ask(running, f"GET {path}", host="host: evil.example:19464")
            if path in ("/livez", "/readyz"):
                assert reply.status == 200
            else:
                assert reply.status == 403 and b"'evil.example:19464'" in reply.body
                assert b"admin.allow_hosts" in reply.body


async def test_two_names_are_no_way_round(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        for names in (("127.0.0.1", "evil.example"), ("evil.example", "127.0.0.1")):
            first, second = (f"host: {name}" for name in names)
            assert (await ask(running, "GET /status", second, host=first)).status in (400, 403)
        absolute = await ask(running, "GET http://evil.example/status")
        assert absolute.status in (200, 400, 403)  # the name of the request is in the header all the same


@pytest.mark.parametrize("host", ["127.0.0.1:19464", "localhost", "10.0.0.7:19464", "[::1]", "inspan.example:80"])
async def test_addresses_and_names_that_are_allowed_pass(tmp_path: Path, host: str) -> None:
    admin = {"listen": "127.0.0.1:0", "allow_hosts": ["inspan.example"]}
    async with Running(tmp_path, admin=admin) as running:
        assert (await ask(running, "GET /status", host=f"host: {host}")).status == 200
