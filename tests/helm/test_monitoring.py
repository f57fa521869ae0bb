"""The chart that a cluster has once: all of it is off by default, and what it renders meets the sidecars."""

import json
from typing import Any

import pytest
import yaml
from tests.helm.helms import CHARTS, KUBE, NAMESPACE, RELEASE, Helm3, Helm4, Refused, Tree

from inspan import __version__

CHART = CHARTS / "inspan-monitoring"
ON = {"podMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}, "dashboards": {"enabled": True}}
RUNBOOK = "https://runbooks.example/inspan.md"


def with_values(**more: Tree | str) -> Tree:
    """All of it, and these."""
    merged: Tree = {key: dict(value) for key, value in ON.items()}
    for key, value in more.items():
        merged[key] = merged.get(key, {}) | value if isinstance(value, dict) else value
    return merged


def documents(helm: Helm4, **more: Tree | str) -> dict[str, Tree]:
    """What it renders to, by kind, or name where a kind has several."""
    found = helm.render(CHART, with_values(**more)).documents
    return {each["metadata"]["name"] if each["kind"] == "ConfigMap" else each["kind"]: each for each in found}


def test_it_has_the_version_of_the_program() -> None:
    assert yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["version"] == __version__


@pytest.mark.parametrize("values", [{}, ON], ids=["off", "on"])
def test_lint_has_nothing_to_say(helm: Helm4, values: Tree) -> None:
    assert helm.ask("lint", chart=str(CHART), values=values, kube=KUBE) == []


def test_nothing_is_installed_unless_it_is_asked_for(helm: Helm4) -> None:
    rendered = helm.render(CHART, {})
    assert rendered.documents == []
    assert "Nothing is installed" in rendered.notes


def test_the_page_names_every_value() -> None:
    page = (CHART / "README.md").read_text(encoding="utf-8")
    for key, value in yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8")).items():
        below = value if key != "labels" and isinstance(value, dict) else [""]
        for name in [f"{key}.{each}".rstrip(".") for each in below]:
            assert f"`{name}`" in page


@pytest.mark.parametrize("part", ON)
def test_each_part_comes_alone(helm: Helm4, part: str) -> None:
    kinds = {each["kind"] for each in helm.render(CHART, {part: ON[part]}).documents}
    assert kinds == {{"podMonitor": "PodMonitor", "prometheusRule": "PrometheusRule"}.get(part, "ConfigMap")}


def test_the_pod_monitor_meets_the_pods_that_the_library_makes(helm: Helm4, chart: Any) -> None:
    spec = documents(helm)["PodMonitor"]["spec"]
    (endpoint,) = spec["podMetricsEndpoints"]
    (pod, *_) = helm.render(chart, {}).pods
    assert spec["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    ports = {port["name"]: port for each in pod["spec"]["initContainers"] for port in each["ports"]}
    assert endpoint["port"] in ports
    assert spec["namespaceSelector"] == {"any": True}
    assert [each["targetLabel"] for each in endpoint["relabelings"]] == ["namespace", "pod", "node"]


def test_a_short_interval_needs_no_other_timeout(helm: Helm4) -> None:
    """The operator refuses a timeout over the interval; Prometheus' own gives way by itself."""
    (endpoint,) = documents(helm, podMonitor={"interval": "5s"})["PodMonitor"]["spec"]["podMetricsEndpoints"]
    assert (endpoint["interval"], endpoint.get("scrapeTimeout")) == ("5s", None)
    (endpoint,) = documents(helm, podMonitor={"scrapeTimeout": "4s"})["PodMonitor"]["spec"]["podMetricsEndpoints"]
    assert endpoint["scrapeTimeout"] == "4s"
    more = {"interval": "1m", "scrapeTimeout": "60s"}
    (endpoint,) = documents(helm, podMonitor=more)["PodMonitor"]["spec"]["podMetricsEndpoints"]
    assert (endpoint["interval"], endpoint["scrapeTimeout"]) == ("1m", "60s")


def test_what_is_kept_of_a_scrape_can_be_chosen(helm: Helm4) -> None:
    (endpoint,) = documents(helm)["PodMonitor"]["spec"]["podMetricsEndpoints"]
    assert "metricRelabelings" not in endpoint
    rules = [{"sourceLabels": ["__name__"], "regex": "inspan_.+_bucket", "action": "drop"}]
    (endpoint,) = documents(helm, podMonitor={"metricRelabelings": rules})["PodMonitor"]["spec"]["podMetricsEndpoints"]
    assert endpoint["metricRelabelings"] == rules


def test_the_namespaces_that_are_scraped_can_be_named(helm: Helm4) -> None:
    spec = documents(helm, podMonitor={"namespaces": ["a", "b"]})["PodMonitor"]["spec"]
    assert spec["namespaceSelector"] == {"matchNames": ["a", "b"]}


def test_the_rules_are_those_of_the_file_and_lead_to_the_runbook(helm: Helm4) -> None:
    spec = documents(helm, runbookUrl=RUNBOOK)["PrometheusRule"]["spec"]
    text = (CHART / "rules.yaml").read_text(encoding="utf-8")
    assert spec == yaml.safe_load(text.replace("docs/runbook.md", RUNBOOK))
    assert yaml.safe_dump(spec).count(RUNBOOK + "#inspan") == text.count("runbook_url")


def test_the_dashboards_are_those_of_the_files_and_lead_to_the_runbook(helm: Helm4) -> None:
    found = documents(helm, runbookUrl=RUNBOOK)
    for path in (CHART / "dashboards").glob("*.json"):
        text = found[f"{RELEASE}-{path.stem}"]["data"][path.name]
        assert json.loads(text) == json.loads(path.read_text().replace("docs/runbook.md", RUNBOOK))
        assert RUNBOOK in text


def test_labels_namespaces_and_annotations_go_where_an_operator_looks(helm: Helm4) -> None:
    assert {each["metadata"]["namespace"] for each in documents(helm).values()} == {NAMESPACE}
    found = documents(
        helm,
        labels={"release": "prometheus"},
        podMonitor={"labels": {"team": "traces"}, "namespace": "monitors"},
        dashboards={"namespace": "grafana", "annotations": {"grafana_folder": "inspan"}},
    )
    assert all(each["metadata"]["labels"]["release"] == "prometheus" for each in found.values())
    assert found["PodMonitor"]["metadata"]["labels"]["team"] == "traces"
    assert found["PodMonitor"]["metadata"]["namespace"] == "monitors"
    board = found[f"{RELEASE}-inspan-fleet"]["metadata"]
    assert board["labels"]["grafana_dashboard"] == "1"
    assert (board["namespace"], board["annotations"]) == ("grafana", {"grafana_folder": "inspan"})


def test_grafanas_label_can_be_another(helm: Helm4) -> None:
    found = documents(helm, dashboards={"labels": {"grafana_dashboard": None, "boards": "yes"}})
    labels = found[f"{RELEASE}-inspan-fleet"]["metadata"]["labels"]
    assert "grafana_dashboard" not in labels
    assert labels["boards"] == "yes"


def test_every_kubernetes_from_1_29_on_takes_the_dashboards(helm: Helm4) -> None:
    maps = [each for each in helm.render(CHART, ON).documents if each["kind"] == "ConfigMap"]
    for kube in helm.ask("versions"):
        if tuple(map(int, kube.split("."))) >= (1, 29):
            assert helm.ask("validate", documents=maps, kube=kube) == [], kube


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"podMonitor": {"intervall": "15s"}}, "intervall"),
        ({"podMonitor": {"enabled": "yes"}}, "enabled"),
        ({"podMonitor": {"interval": "15"}}, "interval"),
        ({"podMonitor": {"interval": "5m"}}, "interval"),
        ({"podMonitor": {"interval": "61s"}}, "interval"),
        ({"podMonitor": {"scrapeTimeout": "90s"}}, "scrapeTimeout"),
        (
            {"podMonitor": {"enabled": True, "scrapeTimeout": "60s"}},
            "scrapeTimeout: 60s is over podMonitor.interval, 15s",
        ),
        ({"podMonitor": {"metricRelabelings": ["drop"]}}, "metricRelabelings"),
        ({"dashboards": {"namespace": "Not A Name"}}, "namespace"),
        ({"runbookUrl": "https://runbooks.example/inspan.md#top"}, "runbookUrl"),
        ({"prometheusRules": {"enabled": True}}, "prometheusRules"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_value_is_named(helm: Helm4, wrong: Tree, named: str) -> None:
    with pytest.raises(Refused, match=named):
        helm.render(CHART, wrong)


def test_the_oldest_helm_renders_the_same(helm: Helm4, helm3: Helm3) -> None:
    values = with_values(labels={"release": "prometheus"}, runbookUrl=RUNBOOK)
    assert helm3.render(CHART, values).documents == helm.render(CHART, values).documents
