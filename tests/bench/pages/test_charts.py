"""Charts are well formed, say what they show in words, and draw what was measured to scale."""

import xml.etree.ElementTree as ET

import pytest
from bench.harness.systems import NOTHING
from bench.pages.bars import bars
from bench.pages.lines import axis, lines
from bench.pages.medians import Taken
from tests.bench.made import CASES, row, runs, scenario

SVG = "{http://www.w3.org/2000/svg}"
ROWS = [
    *runs("inspan", [100, 110, 120]),
    *runs("rotel", [50, 55, 60]),
    *runs(NOTHING, [900, 900, 900]),
    *runs("inspan", [1000, 1000, 1000], case=CASES[1].name),
]


def test_bars_are_as_long_as_the_medians_say_and_leave_out_what_relays_nothing() -> None:
    root = ET.fromstring(bars(Taken(scenario(), ROWS)))
    widths = [float(each.get("width", "0")) for each in root.iter(f"{SVG}rect")][1:]  # the first is the paper
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.01)
    assert widths[2] / widths[0] == pytest.approx(1000 / 110, rel=0.01)
    assert len(widths) == 3


@pytest.mark.parametrize("draw", [bars, lines])
def test_a_chart_says_what_is_seen_and_has_a_dark_side(draw: object) -> None:
    text = draw(Taken(scenario(axis="spans <a> request"), ROWS))  # type: ignore[operator]
    root = ET.fromstring(text)
    said = root.find(f"{SVG}desc")
    assert said is not None
    assert said.text is not None
    assert "lowest and highest run" in said.text
    assert "prefers-color-scheme:dark" in text


def test_lines_join_the_cases_of_a_system_in_the_order_of_what_is_varied() -> None:
    root = ET.fromstring(lines(Taken(scenario(), ROWS)))
    paths = [each.get("points", "").split() for each in root.iter(f"{SVG}polyline")]
    assert [len(path) for path in paths] == [2, 1]
    (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in paths[0])
    assert x1 < x2
    assert y1 > y2  # up is more


def test_steps_are_factors_only_where_the_range_is_wide() -> None:
    assert axis([1, 100], 0, 100, zero=True).at(10) == pytest.approx(50)
    assert axis([5, 10], 0, 100, zero=True).at(5) == pytest.approx(50)
    assert axis([3, 3], 0, 100, zero=False).at(3) == 0


def test_a_scenario_without_figures_is_drawn_all_the_same() -> None:
    ET.fromstring(lines(Taken(scenario(), [row()])))
    ET.fromstring(bars(Taken(scenario(), [row()])))
