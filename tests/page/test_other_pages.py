"""Pages of others in a real Chromium, on the machine of a sidecar: what they try, and that nothing comes of it."""

import contextlib
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any, Final

import pytest
from tests.page.browser import chromium
from tests.sidecar import Sidecar

pytestmark = pytest.mark.e2e

EVIL: Final = "evil.example"  # which leads here, as its owner can make any name do at any time
SPAN: Final = [{"trace_id": "t", "id": "s", "name": "forged", "start_timestamp": "2025-01-01T00:00:00Z"}]
JSON: Final = {"content-type": "application/json"}

POSTS: Final = """async ([url, body]) => {
    const done = [];
    const attempt = async (name, options) => {
        try { const answer = await fetch(url, options); done.push([name, answer.type, answer.status]); }
        catch (error) { done.push([name, error.name, 0]); }
    };
    await attempt("simple", {method: "POST", mode: "no-cors", body});
    await attempt("json", {method: "POST", body, headers: {"content-type": "application/json"}});
    await attempt("protobuf", {method: "POST", body, headers: {"content-type": "application/x-protobuf"}});
    await attempt("credentials", {method: "POST", mode: "no-cors", credentials: "include", body});
    done.push(["beacon", navigator.sendBeacon(url, new Blob([body], {type: "text/plain"})), 0]);
    return done;
}"""
FORM: Final = """([url, body]) => {
    document.body.innerHTML = '<iframe name="f"></iframe><form method="POST" enctype="text/plain" target="f"></form>';
    const form = document.querySelector("form");
    form.action = url;
    form.innerHTML = '<input name="x">';
    form.firstChild.value = body;
    return new Promise(done => { document.querySelector("iframe").onload = () => done(true); form.submit(); });
}"""
READ: Final = """async url => {
    try { const answer = await fetch(url); return [answer.status, await answer.text()]; }
    catch (error) { return [error.name, ""]; }
}"""
EMBED: Final = """([tag, url]) => new Promise(done => {
    const element = document.createElement(tag);
    element.onload = () => done("loaded");
    element.onerror = () => done("refused");
    element.src = url;
    document.body.append(element);
})"""


@pytest.fixture(scope="module")
def browser(driver: Any) -> Iterator[Any]:
    with chromium(driver, f"--host-resolver-rules=MAP {EVIL} 127.0.0.1") as found:
        yield found


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """A server of somebody else on this machine. Yields its origin."""

    class Empty(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing."""

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>prizes</title><body></body>")

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Sidecar]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    up = {"name": "up", "kind": "otlp", "url": "http://127.0.0.1:9/v1/traces"}
    drain = {"deadline": "300ms"}
    with Sidecar({"listen": listen, "destinations": [up], "drain": drain}) as found:
        found.listen = listen  # type: ignore[attr-defined]
        yield found


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def refused(sidecar: Sidecar) -> float:
    series = sidecar.metrics()
    assert sum(value for name, value in series.items() if name.startswith("inspan_spans_accepted_total")) == 0
    return sum(
        value
        for name, value in series.items()
        if name.startswith("inspan_requests_refused_total") and 'reason="not_allowed"' in name
    )


def test_whatever_a_page_posts_no_span_is_taken(page: Any, sidecar: Sidecar) -> None:
    before = refused(sidecar)
    with serving() as origin:
        page.goto(origin)
        for path in ("/v1/spans", "/v1/traces", "/v1/agents"):
            url = f"http://{sidecar.listen}{path}"  # type: ignore[attr-defined]
            said = {name: (kind, status) for name, kind, status in page.evaluate(POSTS, [url, json.dumps(SPAN)])}
            assert said["simple"] == said["credentials"] == ("opaque", 0)
            assert said["json"] == said["protobuf"] == ("TypeError", 0)
            assert page.evaluate(FORM, [url, json.dumps(SPAN)])
    # Two posts, two preflights, a beacon and a form for each path: they came, and were refused.
    assert refused(sidecar) - before >= 3 * 5


def test_a_page_whose_name_was_led_here_is_no_page_of_ours(page: Any, sidecar: Sidecar) -> None:
    before = refused(sidecar)
    listen = int(sidecar.listen.rpartition(":")[2])  # type: ignore[attr-defined]
    assert page.goto(f"http://{EVIL}:{listen}/v1/spans").status == 403
    said = page.evaluate(POSTS, [f"http://{EVIL}:{listen}/v1/spans", json.dumps(SPAN)])
    assert [status for name, _, status in said if name != "beacon"] == [403] * 4
    assert refused(sidecar) - before >= 5
    admin = int(sidecar.admin_url.rpartition(":")[2])
    assert page.goto(f"http://{EVIL}:{admin}/").status == 403
    for path in ("/status", "/events", "/metrics", "/live"):
        status, text = page.evaluate(READ, f"http://{EVIL}:{admin}{path}")
        assert status == 403 and "admin.allow_hosts" in text


def test_another_page_reads_and_embeds_nothing_of_the_admin_address(page: Any, sidecar: Sidecar) -> None:
    with serving() as origin:
        page.goto(origin)
        for path in ("/", "/status", "/events", "/metrics", "/live", "/livez"):
            assert page.evaluate(READ, sidecar.admin_url + path) == ["TypeError", ""]
        for tag, path in (("script", "/status"), ("script", "/metrics"), ("img", "/status")):
            assert page.evaluate(EMBED, [tag, sidecar.admin_url + path]) == "refused"
        page.evaluate(EMBED, ["iframe", f"{sidecar.admin_url}/"])
        assert "inspan" not in page.frames[-1].content()
