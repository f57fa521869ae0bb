"""A dashboard as people write it, in YAML, read into what Grafana reads."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from helm.dashboards.board import Row, Variable, board
from helm.dashboards.panels import Json, Query, lines, stat, table, timeline

HERE: Final = Path(__file__).parent
WORD: Final = re.compile(r"\b[A-Z][A-Z_]+\b")
PANELS: Final[Mapping[str, Callable[..., Json]]] = {"stat": stat, "lines": lines, "table": table, "timeline": timeline}
BOARDS: Final = ("fleet", "sidecar")


def read(name: str) -> Json:
    """One of BOARDS. Errors: KeyError and TypeError name what the file has and a panel does not know."""
    told = yaml.safe_load((HERE / f"{name}.yaml").read_text(encoding="utf-8"))
    words = yaml.safe_load((HERE / "words.yaml").read_text(encoding="utf-8")) | told["words"]
    rows = [Row(row["title"], row["height"], [_panel(panel, words) for panel in row["panels"]]) for row in told["rows"]]
    variables = [
        Variable(each["name"], spelled_out(each["query"], words), many=each["many"]) for each in told["variables"]
    ]
    return board(told["uid"], told["title"], told["text"], variables, rows)


def spelled_out(text: str, words: Mapping[str, str]) -> str:
    """The text with each word in capitals replaced by what it stands for; one that is not known stays."""
    return WORD.sub(lambda found: spelled_out(words[found[0]], words) if found[0] in words else found[0], text)


def _panel(told: Mapping[str, Any], words: Mapping[str, str]) -> tuple[int, Json]:
    """(width, panel)."""
    kind = next(each for each in PANELS if each in told)
    more = {key: value for key, value in told.items() if key not in (kind, "text", "width", "queries")}
    if "link" in more:
        more["link"] = spelled_out(more["link"], words)
    queries = [Query(spelled_out(each["expr"], words), each.get("name", "")) for each in told["queries"]]
    return told["width"], PANELS[kind](told[kind], told["text"], queries, **more)
