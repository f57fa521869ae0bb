"""The runbook has a section for each alert, and no other; and every link in it leads somewhere."""

import re
from pathlib import Path

import pytest
from tests.prometheus.boards import BOARDS
from tests.prometheus.programs import ROOT, promtool
from tests.prometheus.rules import alerts

RUNBOOK = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (Inspan\w+)\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))
# What a tired person looks for, in this order.
PARTS = ("Means.", "How bad.", "Look at.", "Do.", "Leave it")
SEVERITIES = re.compile(r"^\| \[(\w+)\]\(#(\w+)\) \| (\w+) \|", re.MULTILINE)

# One pod that is scraped, one whose port is closed, and one that no job knows. At last there is none.
OWN = """
rule_files: [own.yml]
tests:
  - interval: 1m
    input_series:
      - {series: 'up{job="monitoring/inspan-monitoring", namespace="shop", pod="a"}', values: 1x20 stale}
      - {series: 'up{job="monitoring/inspan-monitoring", namespace="shop", pod="b"}', values: 0x40}
      - {series: 'inspan_build_info{namespace="shop", pod="a"}', values: 1x20 stale}
      - series: kube_pod_init_container_status_running{namespace="shop", pod="a", container="inspan"}
        values: 1x20 stale
      - series: kube_pod_init_container_status_running{namespace="shop", pod="c", container="inspan"}
        values: 1x40
    promql_expr_test:
      - expr: count by (alertname, pod) (ALERTS{alertstate="firing"})
        eval_time: 10m
        exp_samples:
          - {labels: '{alertname="InspanNotScraped", pod="b"}', value: 1}
          - {labels: '{alertname="InspanNotFound", pod="c"}', value: 1}
      - expr: count(ALERTS{alertname="InspanNoneScraped", alertstate="firing"})
        eval_time: 30m
        exp_samples: [{labels: "{}", value: 1}]
"""


def anchor(heading: str) -> str:
    """As the pages of a forge make it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


def test_every_alert_has_its_section_and_every_section_its_alert() -> None:
    assert list(SECTIONS) == list(alerts())


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_says_what_a_tired_person_needs_in_the_same_order(name: str) -> None:
    assert tuple(re.findall(r"^\*\*(.+?)\*\*", SECTIONS[name], re.MULTILINE)) == PARTS


def test_the_table_has_every_alert_with_its_severity_and_its_place() -> None:
    rows = {name: (place, severity) for name, place, severity in SEVERITIES.findall(RUNBOOK)}
    assert rows == {name: (name.lower(), alert["labels"]["severity"]) for name, alert in alerts().items()}


def test_the_panels_that_it_names_are_on_the_dashboards() -> None:
    titles = {panel["title"] for board in BOARDS.values() for panel in board["panels"]}
    titles |= {board["title"].removeprefix("inspan / ") for board in BOARDS.values()}
    named = re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", RUNBOOK)
    assert named
    assert set(named) <= titles


def test_the_rules_of_ones_own_that_it_offers_are_such(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```", RUNBOOK, re.MULTILINE | re.DOTALL)
    (tmp_path / "own.yml").write_text(text)
    (tmp_path / "cases.yml").write_text(OWN)
    code, said = promtool("check", "rules", tmp_path / "own.yml")
    assert code == 0, said
    code, said = promtool("test", "rules", tmp_path / "cases.yml")
    assert code == 0, said


def test_every_link_leads_somewhere() -> None:
    for page, place in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", RUNBOOK):
        path = ROOT / "docs" / (page or "runbook.md")
        assert path.exists(), page
        assert not place or place in anchors(path), (page, place)
