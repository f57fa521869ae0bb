"""`inspan trace` as it is typed, beside a real sidecar."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.collector.cli.typed import at_a_terminal, control_of, inspan
from tests.e2e.sink_process import SinkProcess
from tests.sidecar import Sidecar

START = "2026-01-01T00:00:00Z"
END = "2026-01-01T00:00:01.5Z"
DELIVERED = 'inspan_spans_delivered_total{destination="up"}'
HOSTILE = "a\x1b[31m\x9b2J\u202egnp" + "x" * 10_000


def span(own: str, parent: str | None = None, **more: Any) -> dict[str, Any]:
    found = {"id": own, "trace_id": "t", "name": f"name of {own}", "parent_id": parent, "start_timestamp": START}
    return found | more


def config(*destinations: dict[str, Any]) -> dict[str, Any]:
    return {"destinations": destinations, "drain": {"deadline": "500ms"}}


class Stage:
    """A sidecar whose upstream takes everything."""

    def __init__(self, sidecar: Sidecar) -> None:
        self.sidecar = sidecar
        self.control = control_of(sidecar.socket)

    def post(self, *spans: dict[str, Any]) -> None:
        body = json.dumps(spans).encode()
        assert self.sidecar.post("/v1/spans", body, {"content-type": "application/json"})[0] == 202


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    up = {"name": "up", "kind": "sgp", "batch": {"linger": "1ms"}, "upsert": {"hold_open": "1h"}}
    with SinkProcess(tmp_path) as sink, Sidecar(config(up | {"url": sink.url})) as sidecar:
        yield Stage(sidecar)


def bare(line: str) -> str:
    """Without what depends on the time."""
    return re.sub(r"\(\d+(\.\d)?s ago\)", "(… ago)", re.sub(r" +", " ", line))


def test_a_trace_is_a_tree_with_what_became_of_each_span(stage: Stage) -> None:
    late = {"start_timestamp": "2026-01-01T00:00:02Z", "end_timestamp": "2026-01-01T00:00:02.1Z", "status": "ERROR"}
    stage.post(span("root"), span("late", "root", **late))
    stage.post(span("child", "root", end_timestamp=END), span("orphan", "gone", end_timestamp=END))
    stage.sidecar.until(DELIVERED, 3)
    found = inspan("trace", "t", *stage.control)
    assert (found.code, found.err) == (0, "")
    lines = [bare(line) for line in found.out.splitlines()]
    age = re.search(r"open for \w+", lines[0])
    assert age is not None
    assert lines == [
        f"name of root {age[0]} open waits (… ago) root",
        "├─ name of child 1.50s OK delivered (… ago) child",
        "└─ name of late 100ms ERROR delivered (… ago) late",
        "…",
        "└─ name of orphan 1.50s OK delivered (… ago) orphan",
    ]


def test_of_one_span_every_step_is_a_row_with_its_time_since_the_first(stage: Stage) -> None:
    stage.post(span("a"))
    stage.post(span("a", end_timestamp=END))
    stage.sidecar.until(DELIVERED, 1)
    found = inspan("trace", "t", "a", *stage.control)
    first, heading, *rows = found.out.splitlines()
    assert first.startswith("name of a  OK  first step at 20")
    assert heading.split() == ["step", "after", "destination", "status", "attempt", "fingerprint", "detail"]
    assert [row.split()[0] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [row.split()[3] for row in rows] == ["accepted", "accepted", "merged", "in_flight", "delivered"]
    assert rows[0].split()[1] == "0ms"
    by_program = inspan("trace", "t", "a", "--json", *stage.control).json["destinations"]["up"]["spans"]
    assert [step[2] for step in by_program[0]["steps"]] == ["accepted", "accepted", "merged", "in_flight", "delivered"]


def test_what_is_not_known_is_said_with_how_far_back_the_trail_goes(stage: Stage) -> None:
    empty = inspan("trace", "t", *stage.control)
    assert (empty.code, empty.out, "the trail is empty" in empty.err) == (1, "", True)
    stage.post(span("a"))
    for words in (["elsewhere"], ["t", "b"]):
        unknown = inspan("trace", *words, *stage.control)
        assert (unknown.code, unknown.out) == (1, "")
        assert re.search(r"goes back to 20.+ago, and nothing was pruned\. It may have gone to another", unknown.err)
    assert inspan("trace", "", *stage.control).code == 2
    assert inspan("trace", b"\xff".decode("utf-8", "surrogateescape"), *stage.control).code == 2


def test_words_of_agents_cannot_speak_to_the_terminal_nor_fill_it(stage: Stage) -> None:
    stage.post(
        span("a", name=HOSTILE, status=HOSTILE, end_timestamp=HOSTILE),
        span("b", "a", name={"x": [HOSTILE]}, start_timestamp=7, parent_id=["a"]),
        span(HOSTILE, "a", name=None),
    )
    for said in (at_a_terminal("trace", "t", *stage.control), inspan("trace", "t", *stage.control)):
        assert said.code == 0
        plain = re.sub(r"\x1b\[(0|2|31;1|32|33|1)m", "", said.out).replace("\r", "")
        assert all(line.isprintable() for line in plain.splitlines())
        assert said.out.count("\n") == 4, "an orphan, too: its parent is a list"
    at_80 = re.sub(r"\x1b\[[0-9;]*m", "", at_a_terminal("trace", "t", *stage.control, columns=80).out)
    assert max(map(len, at_80.replace("\r", "").splitlines())) <= 80
    assert inspan("trace", "t", HOSTILE[:300], *stage.control).code == 1
    assert at_a_terminal("trace", "t", "a", *stage.control).code == 0


def test_colours_are_for_terminals_that_want_them(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.post(span("a", end_timestamp=END))
    stage.sidecar.until(DELIVERED, 1)
    assert "\x1b[32mdelivered" in at_a_terminal("trace", "t", *stage.control).out
    assert "\x1b" not in inspan("trace", "t", *stage.control).out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in at_a_terminal("trace", "t", *stage.control).out


@pytest.mark.parametrize("name", ["..", ".", "a/../b", "%2e%2e", "-", "a b+c&d=e"])
def test_odd_ids_are_found(stage: Stage, name: str) -> None:
    stage.post(span(name, trace_id=name))
    assert inspan("trace", *stage.control, "--", name).out.split()[-1] == name.split()[-1]
    assert inspan("trace", *stage.control, "--", name, name).code == 0


def test_destinations_are_told_apart_where_there_are_several(tmp_path: Path) -> None:
    with SinkProcess(tmp_path) as sink:
        up = {"kind": "sgp", "url": sink.url, "batch": {"linger": "1ms"}}
        down = up | {"url": "http://127.0.0.1:9", "retry": {"initial": "50ms", "max": "50ms"}}
        with Sidecar(config({"name": "up"} | up, {"name": "down"} | down)) as it:
            stage = Stage(it)
            stage.post(span("a", end_timestamp=END))
            it.until(DELIVERED, 1)
            time.sleep(0.2)
            (line,) = inspan("trace", "t", *stage.control).out.splitlines()
            down_there = r"down: (put off|in flight), attempt \d+: \S.* ago\)  a$"
            assert re.search(rf"up: delivered \([^)]*\); {down_there}", line), line


def test_without_a_destination_that_keeps_a_trail_it_says_so(tmp_path: Path) -> None:
    off = {"name": "up", "kind": "sgp", "url": "http://127.0.0.1:9", "upsert": {"trail": None}}
    with Sidecar({"destinations": [off]}) as it:
        found = inspan("trace", "t", *control_of(it.socket))
        assert (found.code, "no destination of this sidecar keeps a trail" in found.err) == (1, True)
