"""Each alert fires and clears, and what only looks like it does not fire: the cases are the files beside this one."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.prometheus.programs import promtool
from tests.prometheus.rules import FILE, alerts, known, names, rules

CASES = sorted(Path(__file__).parent.glob("*.yml"))


def checks(name: str) -> list[dict[str, Any]]:
    """What the cases expect of one alert, in the order of the files."""
    return [
        check
        for path in CASES
        for case in yaml.safe_load(path.read_text())["tests"]
        for check in case.get("alert_rule_test", [])
        if check["alertname"] == name
    ]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_cases_hold(path: Path) -> None:
    code, said = promtool("test", "rules", path)
    assert code == 0, said


def test_promtool_finds_no_fault_with_the_rules() -> None:
    code, said = promtool("check", "rules", FILE)
    assert code == 0, said


@pytest.mark.parametrize("name", alerts())
def test_every_alert_has_a_case_in_which_it_fires_and_clears_and_one_of_near_misses(name: str) -> None:
    expected = [bool(check["exp_alerts"]) for check in checks(name)]
    assert any(before and not after for before, after in pairwise(expected))
    path = Path(__file__).with_name(re.sub(r"(?<!^)(?=[A-Z])", "_", name.removeprefix("Inspan")).lower() + ".yml")
    quiet = yaml.safe_load(path.read_text())["tests"][-1]
    assert quiet["name"].endswith("none") or quiet["name"].endswith("quiet")
    assert all(
        name in check["expr"] or "record" in check["expr"] or ":" in check["expr"]
        for check in quiet["promql_expr_test"]
    )
    assert not any(check.get("exp_samples") for check in quiet["promql_expr_test"])


@pytest.mark.parametrize("name", alerts())
def test_every_alert_says_who_what_and_where_to_read_on(name: str) -> None:
    alert = alerts()[name]
    assert alert["labels"]["severity"] in ("critical", "warning")
    words = alert["annotations"]
    assert words.keys() == {"summary", "description", "runbook_url"}
    # Outside Kubernetes there is no pod, and the address says which sidecar.
    assert (
        "{{ with $labels.pod }}{{ $labels.namespace }}/{{ . }}{{ else }}{{ $labels.instance }}{{ end }}"
        in words["summary"]
    )
    assert words["runbook_url"] == f"docs/runbook.md#{name.lower()}"


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_every_series_of_a_rule_is_one_that_a_sidecar_shows_or_that_is_recorded(rule: dict[str, Any]) -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert names(rule["expr"]) <= known() | recorded
