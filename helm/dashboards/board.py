"""A dashboard: its head, and its panels laid out in rows."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from helm.dashboards.panels import RUNBOOK, SOURCE, Json

WIDTH: Final = 24  # columns of Grafana's grid
SCHEMA: Final = 39  # of Grafana 11; newer ones bring it forward by themselves
TAG: Final = "inspan"


class Row(NamedTuple):
    """A headline with panels below it: their height, and each with its width."""

    title: str
    height: int
    panels: Sequence[tuple[int, Json]]


class Variable(NamedTuple):
    """A choice above the panels. many: several of them, or all, at once."""

    name: str
    query: str
    many: bool


def board(uid: str, title: str, text: str, variables: Sequence[Variable], rows: Sequence[Row]) -> Json:
    """A dashboard. uid: how links name it, for good."""
    return {
        "uid": uid,
        "title": title,
        "description": text,
        "tags": [TAG],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,  # one crosshair for all panels: what happened at the same moment
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [
            {"type": "dashboards", "title": "inspan", "tags": [TAG], "asDropdown": False, "keepTime": True},
            {"type": "link", "title": "Runbook", "url": f"{RUNBOOK}#runbook-what-to-do-about-an-alert"},
        ],
        "templating": {"list": [_source(), *map(_variable, variables)]},
        "panels": _laid_out(rows),
    }


def _source() -> Json:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _variable(variable: Variable) -> Json:
    made: dict[str, Any] = {
        "name": variable.name,
        "label": variable.name,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": variable.query, "refId": variable.name},
        "refresh": 2,  # when the time range changes: pods come and go
        "sort": 1,
        "multi": variable.many,
        "includeAll": variable.many,
    }
    if variable.many:
        # Not a list of all that there are, and so it has those too that have no such label.
        made |= {"allValue": ".*", "current": {"text": "All", "value": "$__all"}}
    return made


def _laid_out(rows: Sequence[Row]) -> list[Json]:
    placed: list[Json] = []
    y = 0
    for row in rows:
        placed.append({"type": "row", "title": row.title, "collapsed": False, "panels": []} | _grid(0, y, WIDTH, 1))
        x, y = 0, y + 1
        for width, panel in row.panels:
            if x + width > WIDTH:
                x, y = 0, y + row.height
            placed.append(panel | _grid(x, y, width, row.height))
            x += width
        y += row.height
    return [panel | {"id": number} for number, panel in enumerate(placed, 1)]


def _grid(x: int, y: int, width: int, height: int) -> Json:
    return {"gridPos": {"x": x, "y": y, "w": width, "h": height}}
