"""The dashboards as the chart ships them, read."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from tests.prometheus.programs import CHART

BOARDS: Final = {path.stem: json.loads(path.read_text()) for path in sorted((CHART / "dashboards").glob("*.json"))}
# What Grafana fills in, the longer names first. A choice that is not made is all there is.
FILLED: Final = {
    "$__rate_interval": "1m",
    "$__interval": "1m",
    "$__range_s": "3600",
    "$__range": "1h",
    "$namespace": ".*",
    "$pod": ".*",
    "$destination": ".*",
}


class Shown(NamedTuple):
    """One query of a panel. instant: one moment, and not a line."""

    board: str
    panel: str
    reference: str
    expression: str
    instant: bool

    def __str__(self) -> str:
        return f"{self.board} {self.panel} {self.reference}".replace(" ", "_")


def panels(board: str) -> list[dict[str, Any]]:
    """All that show something, in the order of the screen."""
    return [panel for panel in BOARDS[board]["panels"] if panel["type"] != "row"]


def queries() -> Iterator[Shown]:
    for board in BOARDS:
        for panel in panels(board):
            for each in panel["targets"]:
                yield Shown(board, panel["title"], each["refId"], each["expr"], each["instant"])


def filled(expression: str, chosen: Mapping[str, str] | None = None) -> str:
    """As Grafana asks for it. chosen: what is put in place of a variable instead of all."""
    for variable, value in (FILLED | dict(chosen or {})).items():
        expression = expression.replace(variable, value)
    return expression
