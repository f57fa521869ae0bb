"""The rules as the chart ships them, read."""

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml
from tests.prometheus.programs import CHART, ROOT

FILE: Final = CHART / "rules.yaml"
GOLDEN: Final = ROOT / "tests/collector/golden_metrics.txt"
# Of a histogram the golden text names the family; these are what it is asked for.
PARTS: Final = ("", "_bucket", "_sum", "_count")


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """By name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def names(expression: str) -> set[str]:
    """The series of ours that an expression asks for."""
    return set(re.findall(r"\binspan[_:][a-z0-9_:]+", expression))


def known() -> set[str]:
    """All series that a sidecar shows."""
    return set(_series())


def _series() -> Iterator[str]:
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", GOLDEN.read_text(), re.MULTILINE):
        yield from (name + part for part in (PARTS[1:] if kind == "histogram" else PARTS[:1]))
