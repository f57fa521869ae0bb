"""The charts as Helm and people who install them see them."""

import importlib.util
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.helm.helms import CHARTS, ROOT, Helm3, Helm4, Rendered, example, examples

from inspan.version import __version__


def chart_of(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((CHARTS / name / "Chart.yaml").read_text(encoding="utf-8"))
    return read


@pytest.mark.parametrize("name", examples())
def test_lint_has_nothing_to_say(name: str, helm: Helm4, chart: Path) -> None:
    assert helm.ask("lint", chart=str(chart), values=example(name), kube="1.33.0") == []


def test_lint_of_the_library_and_of_the_oldest_helm_has_nothing_to_say(helm: Helm4, helm3: Helm3, chart: Path) -> None:
    assert helm.ask("lint", chart=str(CHARTS / "inspan"), values={}, kube="1.33.0") == []
    for path in (chart, CHARTS / "inspan"):
        assert "0 chart(s) failed" in helm3.run("lint", "--strict", str(path))


def test_charts_and_program_have_one_version() -> None:
    assert {chart_of("inspan")[key] for key in ("version", "appVersion")} == {__version__}
    values = yaml.safe_load((CHARTS / "inspan" / "values.yaml").read_text(encoding="utf-8"))
    assert values["image"]["tag"] == __version__
    assert chart_of("example")["dependencies"][0]["version"] == __version__


def test_the_schema_of_the_values_is_what_the_program_says() -> None:
    spec = importlib.util.spec_from_file_location("values_schema", CHARTS / "schema.py")
    assert spec is not None and spec.loader is not None
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    assert (CHARTS / "inspan" / "values.schema.json").read_text(encoding="utf-8") == writer.text(), "run: make chart"


def test_every_value_of_the_schema_has_a_default_and_a_word() -> None:
    text = (CHARTS / "inspan" / "values.yaml").read_text(encoding="utf-8")
    known = json.loads((CHARTS / "inspan" / "values.schema.json").read_text(encoding="utf-8"))["properties"]
    values = yaml.safe_load(text)
    assert values.keys() == known.keys() - {"global"}
    for key in values:
        assert re.search(rf"(^|\n)(# .*\n)+(  .*\n)?{key}:|\n{key}:.*\n  # ", text), key


def test_the_page_names_every_value_and_every_template() -> None:
    page = (CHARTS / "README.md").read_text(encoding="utf-8")
    known = json.loads((CHARTS / "inspan" / "values.schema.json").read_text(encoding="utf-8"))["properties"]
    for name, value in known.items():
        below = value.get("properties") if name in ("image", "spool") else None
        for key in [f"{name}.{each}" for each in below] if below else [name]:
            assert name == "global" or f"`{key}" in page, key
    templates = "".join(path.read_text(encoding="utf-8") for path in (CHARTS / "inspan" / "templates").iterdir())
    named = set(re.findall(r'define "(inspan\.[a-zA-Z.]+)"', templates))
    # The others are the chart's own.
    sums = "bytes|seconds|quantity|millicores|port|booksMi"
    own = rf"inspan\.(checks|config|{sums}|image|spooled|claimed|telltale)"
    offered = {name for name in named if not re.match(own, name)}
    assert set(re.findall(r"`(inspan\.[a-zA-Z.]+)`", page)) & named == offered


@pytest.fixture
def smallest(helm: Helm4, chart: Path) -> Rendered:
    return helm.render(chart, {})


def test_the_notes_say_how_to_see_it_work(smallest: Rendered) -> None:
    for part in ("traces (otlp)", "port-forward", "/status", "http://127.0.0.1:19464/", "-n shops", "-c inspan"):
        assert part in smallest.notes
    selector = re.search(r"-l (\S+)", smallest.notes)
    assert selector is not None
    wanted = dict(pair.split("=") for pair in selector[1].split(","))
    assert wanted.items() <= smallest.pods[0]["metadata"]["labels"].items()


def test_a_checkout_has_what_helm_wants_without_a_download(helm3: Helm3, smallest: Rendered, tmp_path: Path) -> None:
    shutil.copytree(CHARTS, tmp_path / "helm", ignore=shutil.ignore_patterns("charts"))
    copy = tmp_path / "helm" / "example"
    helm3.run("dependency", "update", str(copy), "--skip-refresh")
    assert helm3.render(copy, {}).documents == smallest.documents


def test_nothing_here_names_an_address_to_download_from() -> None:
    lock = json.loads((ROOT / "tests" / "helm" / "package-lock.json").read_text(encoding="utf-8"))
    assert all("resolved" not in package for package in lock["packages"].values())
    assert {each["repository"] for each in chart_of("example")["dependencies"]} == {"file://../inspan"}
