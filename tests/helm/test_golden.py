"""What the examples come to, to be read beside their values. `INSPAN_WRITE_GOLDEN=1 make chart` writes them anew."""

import os
from pathlib import Path

import pytest
from tests.helm.helms import GOLDEN, Helm3, Helm4, example, examples


@pytest.mark.parametrize("name", examples())
def test_an_example_renders_as_it_did(name: str, helm: Helm4, chart: Path) -> None:
    text = "---\n".join(f"# {path}\n{text}" for path, text in helm.render(chart, example(name)).text.items())
    golden = GOLDEN / f"{name}.yaml"
    if os.environ.get("INSPAN_WRITE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_every_golden_file_is_of_an_example() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.yaml")) == sorted(examples())


@pytest.mark.parametrize("name", examples())
def test_the_oldest_helm_renders_the_same(name: str, helm: Helm4, helm3: Helm3, chart: Path) -> None:
    assert helm3.render(chart, example(name)).documents == helm.render(chart, example(name)).documents
