"""The page's own modules, asked in the browser: how numbers are written, and what restarts do to rates."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.page.browser import PHONE, Visit
from tests.page.stage import SCENES, settle
from tests.sidecar import Sidecar

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def visit(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    with SCENES["empty"](tmp_path_factory.mktemp("empty")) as sidecar, Visit(browser, sidecar.admin_url) as found:
        yield found


def call(visit: Visit, module: str, name: str, *arguments: Any) -> Any:
    script = "async ([module, name, args]) => (await import(`/page/${module}.js`))[name](...args)"
    return visit.ask(script, [module, name, list(arguments)])


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("whole", 1_234_567_890, "1,234,567,890"),
        ("short", 0, "0"), ("short", 0.01, "<0.1"), ("short", 9.94, "9.9"), ("short", 9.96, "10"),
        ("short", 999.4, "999"), ("short", 999.6, "1.0k"), ("short", 12_345, "12k"), ("short", 999_999, "1.0M"),
        ("short", 1_234_567_890, "1.2G"), ("short", 9e18, "9000000T"),
        ("bytes", 0, "0 B"), ("bytes", 1023, "1023 B"), ("bytes", 1024, "1.0 KiB"), ("bytes", 64 << 20, "64 MiB"),
        ("time", 0.0004, "0 ms"), ("time", 0.9999, "1.0 s"), ("time", 59.6, "60 s"), ("time", 300, "5 min"),
        ("time", 90_000, "25 h"), ("time", 1e6, "12 d"),
        ("percent", 0, "0 %"), ("percent", 0.0004, "<0.1 %"), ("percent", 0.9999, "99 %"), ("percent", 1, "100 %"),
        ("spans", 1, "1 span"), ("ago", 0.4, "now"), ("ago", 59.9, "59 s ago"),
    ],
)  # fmt: skip
def test_numbers_are_written_so(visit: Visit, name: str, value: float, written: str) -> None:
    assert call(visit, "numbers", name, value) == written


@pytest.mark.parametrize("most", [1, 2, 5, 8, 20])
def test_a_name_that_is_cut_keeps_its_end_and_is_never_longer(visit: Visit, most: int) -> None:
    found = call(visit, "numbers", "cut", "a-tenant-with-a-long-name-07", most)
    assert len(found) <= most
    assert found.endswith("7") is (most > 2)


PLAY = """async (moments) => {
    const { Past } = await import("/page/past.js");
    const past = new Past();
    const read = (s) => s.ledger.destinations.up.delivered;
    return moments.map(([began_at, seconds, delivered]) => {
        const queue = {spans: 0, bytes: 0, capacity_spans: 10, capacity_bytes: 10};
        const ledger = {destinations: {up: {delivered}}};
        const status = {life: {began_at, seconds}, ledger, destinations: [{name: "up", queue}]};
        const reborn = past.add({at: began_at + seconds, status});
        return [reborn, past.rate(read), past.grown(read)];
    });
}"""


def test_another_life_begins_with_no_rate_and_none_is_ever_negative(visit: Visit) -> None:
    first = [[1000, seconds, 100 * seconds] for seconds in range(1, 8)]
    # Killed, and back before anybody looked again: older than the first life was when it was seen last.
    second = [[1010, seconds, 10 * seconds] for seconds in range(9, 12)]
    found = visit.ask(PLAY, first + second)
    assert [reborn for reborn, _, _ in found] == [False] * 7 + [True] + [False] * 2
    assert [rate for _, rate, _ in found] == [None] + [100] * 6 + [None] + [10] * 2
    assert [grown for _, _, grown in found] == [100, 200, 300, 400, 500, 600, 700, 90, 100, 110]  # all of a young life


LATELY = """async ([at, dropped, moments]) => {
    const { Past } = await import("/page/past.js");
    const past = new Past();
    const none = at.map(() => 0);
    const up = {filled: none, queued: none, in_flight: none, spooled: none, dropped};
    if (at.length) past.begin({at, destinations: {up}});
    const queue = {spans: 0, bytes: 0, capacity_spans: 10, capacity_bytes: 10};
    for (const [began_at, seconds, up] of moments) {
        const status = {life: {began_at, seconds}, ledger: {destinations: {up}}, destinations: [{name: "up", queue}]};
        past.add({at: began_at + seconds, status});
    }
    const seen = (s) => s.ledger.destinations.up.dropped_crash ?? 0;
    return [past.lately("up", "dropped_crash"), past.grown(seen), past.lastDrop()];
}"""


def test_a_loss_of_a_young_life_is_of_the_last_minute_though_nobody_looked(visit: Visit) -> None:
    crash = {"dropped_crash": 3160}
    found = visit.ask(LATELY, [[1001.0, 1002.0], [3160, 3160], [[1000, 11, crash], [1000, 12, crash]]])
    assert found == [{"count": 3160, "exact": True}, 3160, 1001]


@pytest.mark.parametrize(
    ("books", "minute_ago", "expected"),
    [
        ({"dropped_crash": 50}, 20, {"count": 30, "exact": True}),
        ({"dropped_crash": 50}, 50, {"count": 0, "exact": True}),
        ({"dropped_crash": 10, "dropped_bug": 40}, 20, {"count": 10, "exact": False}),
    ],
)
def test_what_was_lost_before_the_page_was_opened_is_taken_from_the_history(
    visit: Visit, books: dict[str, int], minute_ago: int, expected: dict[str, Any]
) -> None:
    at = [float(second) for second in range(1400, 1501)]
    dropped = [minute_ago if second < 1460 else 50 for second in at]
    lately, grown, _ = visit.ask(LATELY, [at, dropped, [[1000, 501, books], [1000, 502, books]]])
    assert lately == expected
    assert grown is None


def test_copies_are_called_so_where_starts_and_ends_come_by_themselves(visit: Visit) -> None:
    copies = {"otlp": {"accepted": 0}, "spans": {"accepted": 29}}
    assert call(visit, "numbers", "came", 29, copies) == "29 copies of spans"
    assert call(visit, "numbers", "came", 29, {"otlp": {"accepted": 29}, "spans": {"accepted": 0}}) == "29 spans"


@pytest.mark.parametrize(
    ("state", "books", "said"),
    [
        ("shut", {"queued": 1}, "Spans wait."),
        ("shut", {"spooled": 1}, "Spans wait."),
        ("shut", {"expired": 9}, "Nothing waits; the next span tries it."),
        ("paused", {"in_flight": 1}, "Everything is kept."),
        ("paused", {}, "Nothing waits; the next span tries it."),
    ],
)
def test_a_closed_gate_says_whether_anything_waits_behind_it(
    visit: Visit, state: str, books: dict[str, int], said: str
) -> None:
    queue = {"spans": 0, "bytes": 0, "capacity_spans": 10, "capacity_bytes": 10}
    told = {"name": "traces", "queue": queue, "gate": {"state": state, "seconds": 5, "reason": "503"}}
    (line,) = call(visit, "verdict", "gate", told, books)
    assert line["words"].endswith(f"503. {said}")


def test_what_happens_again_and_again_takes_one_row(visit: Visit) -> None:
    again = {"kind": "quarantined", "destination": "sgp", "message": "refused for good with 422", "spans": 2}
    events = [{"sequence": 1, "kind": "recovered", "destination": "sgp", "message": "delivering again"}]
    events += [again | {"sequence": 2 + number} for number in range(4)]
    found = call(visit, "sections", "folded", events)
    assert [(one["event"]["sequence"], one["times"], one["spans"]) for one in found] == [(5, 4, 8), (1, 1, 0)]


def grown(value: Any, factor: int) -> Any:
    """Every count as many times as large."""
    if isinstance(value, dict):
        return {key: part if key in ("life", "gate") else grown(part, factor) for key, part in value.items()}
    if isinstance(value, list):
        return [grown(part, factor) for part in value]
    return value * factor if isinstance(value, int) and not isinstance(value, bool) else value


@pytest.mark.parametrize("width", [360, 1200])
def test_numbers_of_years_fit_where_those_of_a_minute_do(browser: Any, tmp_path: Path, width: int) -> None:
    with SCENES["broken"](tmp_path) as sidecar:
        settle(sidecar, 4)
        frames = "".join(frame(name, what) for name, what in of_years(sidecar))
        size = PHONE | {"width": width}
        with Visit(browser, sidecar.admin_url, size=size) as visit:
            visit.page.route("**/live", lambda route: route.fulfill(content_type="text/event-stream", body=frames))
            visit.page.reload()
            visit.says("#link", "No connection since")
            assert "000,000 spans accepted" in visit.text("#verdict-more")
            assert visit.ask("document.documentElement.scrollWidth") <= width
            visit.page.screenshot(path=str(tmp_path / f"years-{width}.png"), full_page=True)


def frame(name: str, what: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(what)}\n\n"


def of_years(sidecar: Sidecar) -> Iterator[tuple[str, Any]]:
    status = grown(sidecar.status(), 10_000_000)
    yield "history", {"at": [], "destinations": {}}
    for second in range(3):
        later = status | {"life": status["life"] | {"seconds": 3.15e7 + second}}
        yield "moment", {"at": 1.8e9 + second, "status": later, "events": []}
