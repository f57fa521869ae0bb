"""The page in a real Chromium, at a real sidecar."""

import json
import os
import re
import signal
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from tests.collector.sink.posts import otlp
from tests.e2e.sink_process import SinkProcess
from tests.page.browser import PHONE, Visit, lend
from tests.page.stage import JSON, NOWHERE, SCENES, Posting, otlp_spans, otlp_to, settle
from tests.sidecar import PATIENCE, Sidecar

pytestmark = pytest.mark.e2e

NOTE_ODD_NUMBERS = r"""() => {
    window.odd = [];
    new MutationObserver(() => {
        const found = document.body.innerText.match(/.*(NaN|undefined|Infinity|(^|\s)-\d).*/g);
        if (found) window.odd.push(...found);
    }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""
PROMISE = 2.0  # s in which a drop must be seen


def behave(sink: SinkProcess, **behaviour: Any) -> None:
    request = urllib.request.Request(f"{sink.url}/behave", json.dumps(behaviour).encode(), JSON)
    urllib.request.urlopen(request, timeout=PATIENCE).close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_drop_is_seen_within_two_seconds(browser: Any, tmp_path: Path) -> None:
    with SinkProcess(tmp_path) as sink, Sidecar({"destinations": [otlp_to(sink.url, "traces")]}) as sidecar:
        with Visit(browser, sidecar.admin_url) as visit:
            visit.live()
            sidecar.post("/v1/traces", otlp("fine"))
            visit.says("#verdict-more", "1 span accepted")
            assert visit.text("#verdict-head .said") == "Nothing is lost."
            behave(sink, partial=1)
            sidecar.post("/v1/traces", otlp("lost", "kept", first=2))
            sidecar.until('inspan_spans_dropped_total{destination="traces",reason="rejected"}', 1)
            visit.says("#verdict-head", "Yes: 1 span is lost.", seconds=PROMISE)
            assert visit.page.locator("#verdict").get_attribute("class") == "bad"
            row = visit.page.locator("#dropped tbody tr").inner_text()
            assert re.search(r"traces\s+rejected\s+1\s+1\s+The upstream took the request", row)
            assert "1 at traces" in visit.text("#verdict-more")
            assert visit.page.title().startswith("✕")
            visit.says("#events-table", "rejected")
        assert visit.complaints == []


def test_the_page_outlives_a_killed_sidecar_and_never_shows_a_negative_rate(browser: Any, tmp_path: Path) -> None:
    with SinkProcess(tmp_path, "--no-unique") as sink:
        admin = {"listen": f"127.0.0.1:{free_port()}"}
        config = {"destinations": [otlp_to(sink.url, "traces")], "admin": admin}
        with Sidecar(config) as first, Posting(first, otlp_spans(50), 20), Visit(browser, first.admin_url) as visit:
            visit.live()
            visit.ask(NOTE_ODD_NUMBERS)
            settle(first, 3)
            os.kill(first.pid, signal.SIGKILL)
            first.process.wait(PATIENCE)
            visit.says("#link", "No connection since", seconds=PATIENCE)
            assert "What is shown is of" in visit.text("#link")
            assert re.match(r"At \d\d:\d\d:\d\d: Nothing is lost\.", visit.text("#verdict-head .said"))
            assert visit.page.locator("main.stale").count() == 1
            with Sidecar(config) as second, Posting(second, otlp_spans(5), 20):
                visit.live()
                visit.says("#life", "seen to restart once")
                settle(second, 2)
                assert visit.page.locator("main.stale").count() == 0
                assert "Nothing is lost." in visit.text("#verdict-head")
                assert int(visit.text("#accounts tbody tr td:nth-child(2) span").replace(",", "")) < 1000
            assert visit.ask("window.odd") == []
            # Chromium itself reports each fetch that found nobody, or that was cut off; it can have nothing else.
            assert [said for said in visit.complaints if "net::ERR_" not in said] == []


@pytest.mark.parametrize("scene", SCENES)
def test_nothing_is_fetched_from_elsewhere_and_nothing_is_complained_of(
    browser: Any, tmp_path: Path, scene: str
) -> None:
    with SCENES[scene](tmp_path) as sidecar, Visit(browser, sidecar.admin_url) as visit:
        visit.live()
        settle(sidecar, 4)
        assert visit.complaints == []
        assert {url.startswith(f"{sidecar.admin_url}/") for url in visit.asked} == {True}
        assert not re.search(r"NaN|undefined|Infinity|\[object", visit.ask("document.documentElement.outerHTML"))
        sizes = visit.ask("performance.getEntries().map(e => e.name.endsWith('live') ? 0 : e.transferSize ?? 0)")
        assert 10_000 < sum(sizes) < 150_000


@pytest.mark.parametrize("scene", ["broken", "many"])
@pytest.mark.parametrize("width", [320, 360, 768])
def test_no_width_makes_the_page_scroll_sideways(browser: Any, tmp_path: Path, scene: str, width: int) -> None:
    with SCENES[scene](tmp_path) as sidecar, Visit(browser, sidecar.admin_url, size=PHONE | {"width": width}) as visit:
        visit.live()
        settle(sidecar, 3)
        assert visit.ask("document.documentElement.scrollWidth") <= width
        outside = visit.ask(
            """width => [...document.querySelectorAll("body *:not(.away)")]
            .filter(e => e.getBoundingClientRect().right > width + 1 && !e.closest(".wide, .away, .skip"))
            .map(e => e.outerHTML.slice(0, 200))""",
            width,
        )
        assert outside == []


def test_the_keyboard_reaches_everything_in_order_and_shows_where_it_is(browser: Any, tmp_path: Path) -> None:
    with SCENES["broken"](tmp_path) as sidecar, Visit(browser, sidecar.admin_url) as visit:
        visit.live()
        settle(sidecar, 3)
        visit.page.keyboard.press("Tab")
        assert visit.ask("document.activeElement.className") == "skip"
        assert visit.ask("document.activeElement.getBoundingClientRect().left") >= 0
        visit.page.keyboard.press("Enter")
        assert visit.ask("document.activeElement.id") == "verdict"
        reached = []
        wanted = visit.ask(
            """() => {
            const there = [...document.querySelectorAll("a[href], summary, [tabindex='0']")];
            window.there = there.filter((e) => e.checkVisibility() && !e.matches(".skip"));
            return window.there.length;
        }"""
        )
        for _ in range(wanted):
            visit.page.keyboard.press("Tab")
            place, outline = visit.ask(
                "[window.there.indexOf(document.activeElement), getComputedStyle(document.activeElement).outlineStyle]"
            )
            assert outline == "solid", place
            reached.append(place)
        assert reached == list(range(wanted))  # in the order in which it is read


def test_a_moment_does_not_take_the_focus_away(browser: Any, tmp_path: Path) -> None:
    with SCENES["broken"](tmp_path) as sidecar, Visit(browser, sidecar.admin_url) as visit:
        visit.live()
        summary = visit.page.locator(".card summary").nth(1)
        summary.focus()
        summary.press("Enter")
        settle(sidecar, 2.5)
        assert summary.evaluate("e => e === document.activeElement && !e.parentElement.open")


HIDE = """hidden => {
    Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_a_hidden_tab_asks_for_nothing_and_is_live_again_when_it_is_seen(browser: Any, tmp_path: Path) -> None:
    with SCENES["calm"](tmp_path) as sidecar, Visit(browser, sidecar.admin_url) as visit:
        visit.live()
        left: list[str] = []
        visit.page.on("requestfailed", lambda request: left.append(request.url))
        visit.ask(HIDE, True)
        visit.page.wait_for_timeout(2000)  # more than a first try to connect again would take
        assert left == [f"{sidecar.admin_url}/live"]
        asked = len(visit.asked)
        assert "No connection" not in visit.text("#link")
        before = visit.text("#life")
        visit.ask(HIDE, False)
        visit.page.wait_for_function("before => document.getElementById('life').textContent !== before", arg=before)
        assert visit.asked[asked:] == [f"{sidecar.admin_url}/live"]
        assert visit.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scene", ["calm", "broken"])
def test_axe_core_finds_nothing_to_complain_of(browser: Any, tmp_path: Path, scene: str, scheme: str) -> None:
    source = Path(lend("axe_playwright_python").__file__).with_name("axe.min.js").read_text()
    with (
        SCENES[scene](tmp_path) as sidecar,
        Visit(browser, sidecar.admin_url, scheme=scheme, bypass_csp=True) as visit,  # axe-core is not of the page
    ):
        visit.live()
        settle(sidecar, 3)
        visit.ask(source)
        found = visit.ask("async () => (await axe.run()).violations")
        nodes = [(each["id"], node) for each in found for node in each["nodes"]]
        assert [f"{rule}: {node['html'][:160]} {node['failureSummary']}" for rule, node in nodes] == []


def test_light_is_light_and_dark_is_dark(browser: Any, tmp_path: Path) -> None:
    with SCENES["empty"](tmp_path) as sidecar:
        for scheme, light in (("light", True), ("dark", False)):
            with Visit(browser, sidecar.admin_url, scheme=scheme) as visit:
                visit.live()
                back = re.findall(r"\d+", visit.ask("getComputedStyle(document.body).backgroundColor"))
                assert (sum(map(int, back)) > 3 * 128) is light


def test_foreign_names_are_text_and_nothing_else(browser: Any) -> None:
    evil = "<img src=x onerror=alert(1)>"
    with Sidecar({"destinations": [otlp_to("http://127.0.0.1:9", "traces")]}) as sidecar:
        told = {"registration_id": "<b>bold</b>", "service": evil, "pid": 7, "sdk": "x"}
        sidecar.post("/v1/agents", json.dumps(told).encode(), JSON)
        with Visit(browser, sidecar.admin_url) as visit:
            visit.live()
            assert evil in visit.text("#agents-table")
            assert visit.page.locator("img, main b").count() == 0
            assert visit.complaints == []


def test_one_viewer_too_many_reads_why(browser: Any) -> None:
    with Sidecar({"destinations": [otlp_to(NOWHERE, "traces")]}) as sidecar:
        port = int(sidecar.admin_url.rpartition(":")[2])
        others = [socket.create_connection(("127.0.0.1", port)) for _ in range(16)]
        for other in others:
            other.sendall(b"GET /live HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            other.recv(1)
        with Visit(browser, sidecar.admin_url) as visit:
            visit.says("#link", "16 are looking already")
            others.pop().close()
            visit.live()
        for other in others:
            other.close()


def test_the_end_of_a_drain_is_told_as_one(browser: Any) -> None:
    config = {"destinations": [otlp_to(NOWHERE, "traces")]}
    with Sidecar(config) as sidecar, Visit(browser, sidecar.admin_url) as visit:
        visit.live()
        sidecar.stop()
        visit.says("#link", "the sidecar has drained, and has ended")
