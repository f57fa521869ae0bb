"""The dashboards: what they ask for exists and parses, and what Grafana needs is there."""

import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from helm.dashboards.__main__ import written
from tests.prometheus.boards import BOARDS, Shown, filled, panels, queries
from tests.prometheus.programs import promtool
from tests.prometheus.rules import alerts, known, names


def test_they_are_what_their_sources_say() -> None:
    assert {path: path.read_text(encoding="utf-8") for path in written()} == written(), "python -m helm.dashboards"


def test_links_name_them_as_they_did_before() -> None:
    assert {board["uid"] for board in BOARDS.values()} == BOARDS.keys() == {"inspan-fleet", "inspan-sidecar"}


def test_every_expression_parses(tmp_path: Path) -> None:
    rules = [{"record": f"parsed:{number}", "expr": filled(each.expression)} for number, each in enumerate(queries())]
    assert not any("$" in rule["expr"] for rule in rules)
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "parsed", "rules": rules}]}))
    code, said = promtool("check", "rules", path)
    assert code == 0, said


@pytest.mark.parametrize("shown", list(queries()), ids=str)
def test_every_series_is_one_that_a_sidecar_shows(shown: Shown) -> None:
    """Recorded ones would leave a panel empty where the rules are not installed."""
    assert names(shown.expression)
    assert names(shown.expression) <= known()


def test_every_series_that_a_sidecar_shows_is_on_a_dashboard() -> None:
    """Of a histogram its buckets, or its sum and count: asking for one of them will do."""
    asked = set().union(*(names(shown.expression) for shown in queries()))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in known()}
    missing = {each for each in families if not any(name.startswith(each) for name in asked)}
    # Counted where it comes in, and implied by accepted and refused.
    assert missing == {"inspan_spans_received_total"}


@pytest.mark.parametrize("board", BOARDS)
def test_no_panel_looks_at_more_moments_the_longer_the_time_that_is_shown(board: str) -> None:
    """A subquery with a step of its own is 360 queries in 6 hours, each over all sidecars."""
    for panel in panels(board):
        for target in panel["targets"]:
            steps = re.findall(r"\[[^\]]*:([^\]]*)\]", target["expr"])
            assert not steps or (set(steps) == {"$__interval"} and panel["maxDataPoints"] <= 60)


def test_the_worst_of_a_line_panel_are_the_same_ones_all_the_time() -> None:
    """Else each that was among them for a moment is a line."""
    for shown in queries():
        for chosen in re.findall(r"topk\((.*)", shown.expression):
            assert not shown.instant
            assert all("@ end()" in each for each in re.findall(r"inspan_\w+{[^}]*}(\S* @ end\(\))?", chosen))


@pytest.mark.parametrize("board", BOARDS)
def test_every_panel_asks_the_chosen_prometheus_and_says_what_it_shows_in_which_unit(board: str) -> None:
    (source, *_) = BOARDS[board]["templating"]["list"]
    assert source["type"] == "datasource"
    for panel in panels(board):
        for asked in (panel, *panel["targets"]):
            assert asked["datasource"] == {"type": "prometheus", "uid": f"${{{source['name']}}}"}
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
    assert max(Counter(panel["title"] for panel in panels(board)).values()) == 1


@pytest.mark.parametrize("board", BOARDS)
def test_every_variable_of_an_expression_can_be_chosen(board: str) -> None:
    offered = {each["name"] for each in BOARDS[board]["templating"]["list"]}
    asked = re.findall(r"\$([a-z]+)", " ".join(shown.expression for shown in queries() if shown.board == board))
    assert set(asked) <= offered


@pytest.mark.parametrize("board", BOARDS)
def test_what_is_lost_comes_first(board: str) -> None:
    """On the first screen of a laptop: 22 of Grafana's rows."""
    first = [panel["title"] for panel in panels(board) if panel["gridPos"]["y"] + panel["gridPos"]["h"] <= 22]
    assert [title for title in first if title.startswith("Lost")] == [
        panel["title"] for panel in panels(board) if panel["title"].startswith("Lost")
    ]
    assert {panel["type"] for panel in panels(board) if panel["title"] in first} >= {"stat", "table", "timeseries"}


@pytest.mark.parametrize("board", BOARDS)
def test_no_panel_covers_another(board: str) -> None:
    def covers(one: dict[str, int], other: dict[str, int]) -> bool:
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        return not beside and not (one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"])

    placed = BOARDS[board]["panels"]
    assert len({panel["id"] for panel in placed}) == len(placed)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in placed)
    assert not [
        (one["title"], other["title"])
        for one, other in combinations(placed, 2)
        if covers(one["gridPos"], other["gridPos"])
    ]


def links(board: dict[str, Any]) -> list[str]:
    return [link["url"] for panel in board["panels"] for link in panel.get("links", [])]


def test_every_alert_is_behind_a_panel_and_every_panel_leads_to_one_that_there_is() -> None:
    places = {f"docs/runbook.md#{name.lower()}" for name in alerts()}
    assert {url for board in BOARDS.values() for url in links(board)} == places
