"""What the chart's page advises for Prometheus and Alertmanager fits the alerts that there are."""

import re
from typing import Any

import pytest
import yaml
from tests.prometheus.programs import CHART
from tests.prometheus.rules import GOLDEN, alerts, known, names, rules
from tests.prometheus.test_rules import checks

PAGE = (CHART / "README.md").read_text(encoding="utf-8")
SCRAPING, ALERTMANAGER = (
    yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
)
# What tells that spans are going, or are about to: nothing may silence these.
LOUD = {name for name in alerts() if re.search("Dropp|Losses|Refused|Paused|Imbalance", name)}


def named(matchers: list[str]) -> set[str]:
    """The alerts that they match."""
    ((label, sign, value),) = [re.fullmatch(r'(\w+)(=~|=)"(.+)"', each).groups() for each in matchers]  # type: ignore[union-attr]
    assert label == "alertname"
    return {each for each in alerts() if (re.fullmatch(value, each) if sign == "=~" else value == each)}


def test_what_may_be_dropped_is_asked_for_by_no_rule() -> None:
    (rule,) = SCRAPING["podMonitor"]["metricRelabelings"]
    dropped = {name for name in known() if re.fullmatch(rule["regex"], name)}
    assert dropped == {name for name in known() if name.endswith("_bucket")}
    assert not dropped & set().union(*(names(rule["expr"]) for rule in rules()))


def test_a_sidecar_with_one_destination_shows_as_many_series_as_the_page_says() -> None:
    series = [line for line in GOLDEN.read_text().splitlines() if not line.startswith("#")]
    assert f"A sidecar with one destination shows {len(series)} series" in PAGE


def test_every_alert_is_routed_and_grouped_by_what_it_has() -> None:
    (route,) = ALERTMANAGER["route"]["routes"]
    assert named(route["matchers"]) == alerts().keys()
    assert route["group_by"] == ["alertname", "destination"]


@pytest.mark.parametrize("rule", ALERTMANAGER["inhibit_rules"], ids=lambda rule: rule["source_matchers"][0])
def test_what_silences_and_what_is_silenced_have_the_labels_that_are_compared(rule: dict[str, Any]) -> None:
    """A label that one has and the other lacks would let nothing be silenced; one that both lack, too much."""
    sources, targets = named(rule["source_matchers"]), named(rule["target_matchers"])
    for matchers, found in ((rule["source_matchers"], sources), (rule["target_matchers"], targets)):
        assert len(found) == matchers[0].count("|") + 1
    assert not targets & (LOUD | sources)
    assert {alerts()[name]["labels"]["severity"] for name in sources} == {"critical"}
    for name in sources | targets:
        (labels, *_) = [each["exp_labels"] for check in checks(name) for each in check["exp_alerts"]]
        assert labels.keys() >= set(rule["equal"]), name
