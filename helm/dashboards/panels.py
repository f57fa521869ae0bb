"""The panels of a Grafana dashboard, as the JSON that Grafana reads ("dashboard JSON model" in its documentation).

Nothing is told by colour alone: lines have names and numbers beside them. The colours are those of Okabe and Ito, which
people with any sight of colours can tell apart.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

Json = dict[str, Any]

SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
# Black is theirs too, and cannot be seen on a dark page.
COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
CALM: Final = "#0072B2"
ALARM: Final = "#D55E00"
POINTS: Final = 60  # of a table: $__interval is a sixtieth of the time that is shown, 6 minutes of 6 hours
RUNBOOK: Final = "docs/runbook.md"  # which the chart replaces by where it really is


class Query(NamedTuple):
    """An expression, and what its series are called. `{{label}}` in the name is filled in by Grafana."""

    expression: str
    name: str = ""


def stat(
    title: str,
    text: str,
    queries: Sequence[Query],
    *,
    unit: str = "short",
    alarm: float | None = 1,
    alert: str = "",
) -> Json:
    """One number. alarm: from where it is in the alarming colour, None for a number that never is."""
    steps: list[Json] = [{"color": CALM, "value": None}]
    if alarm is not None:
        steps.append({"color": ALARM, "value": alarm})
    panel = _panel("stat", title, text, queries, unit, alert, instant=True)
    panel["fieldConfig"]["defaults"] |= {"decimals": 0, "thresholds": {"mode": "absolute", "steps": steps}}
    panel["options"] = {
        "colorMode": "value" if alarm is None else "background",
        "graphMode": "none",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "auto",
    }
    return panel


def lines(
    title: str,
    text: str,
    queries: Sequence[Query],
    *,
    unit: str = "short",
    bars: bool = False,
    most: float | None = None,
    alert: str = "",
) -> Json:
    """Numbers over time. bars: what happened in each interval, stacked. most: where a line across the panel is."""
    panel = _panel("timeseries", title, text, queries, unit, alert)
    custom: Json = {"drawStyle": "line", "fillOpacity": 0, "lineWidth": 2, "showPoints": "auto", "spanNulls": False}
    if bars:
        custom |= {"drawStyle": "bars", "fillOpacity": 80, "stacking": {"mode": "normal", "group": "A"}}
    panel["fieldConfig"]["defaults"] |= {"custom": custom, "min": 0, "noValue": "none"}
    if most is not None:
        custom["thresholdsStyle"] = {"mode": "dashed"}
        steps = [{"color": CALM, "value": None}, {"color": ALARM, "value": most}]
        panel["fieldConfig"]["defaults"]["thresholds"] = {"mode": "absolute", "steps": steps}
    if len(queries) > 1:
        panel["fieldConfig"]["overrides"] = _coloured(panel["targets"])
    panel["options"] = {
        "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel


def table(title: str, text: str, queries: Sequence[Query], *, time: str, link: str = "", alert: str = "") -> Json:
    """A row for each set of labels, a column for each query.

    time: the column that is a moment, in ms since the epoch. link: where a pod's name leads.
    """
    panel = _panel("table", title, text, queries, "short", alert, instant=True)
    references = [target["refId"] for target in panel["targets"]]
    renamed = {f"Value #{each}": query.name for each, query in zip(references, queries, strict=True)}
    panel["transformations"] = [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": renamed}},
    ]
    panel["fieldConfig"]["defaults"]["decimals"] = 0
    panel["fieldConfig"]["overrides"] = [
        {"matcher": {"id": "byName", "options": time}, "properties": [{"id": "unit", "value": "dateTimeFromNow"}]}
    ]
    if link:
        url = [{"id": "links", "value": [{"title": "this sidecar", "url": link}]}]
        panel["fieldConfig"]["overrides"].append({"matcher": {"id": "byName", "options": "pod"}, "properties": url})
    panel["maxDataPoints"] = POINTS
    panel["options"] = {"showHeader": True, "sortBy": [{"displayName": queries[0].name, "desc": True}]}
    return panel


def timeline(title: str, text: str, queries: Sequence[Query], *, shown: dict[str, str], alert: str = "") -> Json:
    """Which state it was in, over time. shown: by the number that a query gives, its word."""
    panel = _panel("state-timeline", title, text, queries, "none", alert)
    panel["fieldConfig"]["defaults"]["mappings"] = [
        {
            "type": "value",
            "options": {
                number: {"text": word, "color": COLOURS[(0, 1, 5)[index]], "index": index}
                for index, (number, word) in enumerate(shown.items())
            },
        }
    ]
    panel["options"] = {"showValue": "always", "mergeValues": True, "legend": {"showLegend": False}}
    return panel


def _coloured(targets: Sequence[Json]) -> list[Json]:
    """A colour for each query; where it has several series, shades of it."""
    return [
        {
            "matcher": {"id": "byFrameRefID", "options": target["refId"]},
            "properties": [{"id": "color", "value": {"mode": "shades", "fixedColor": colour}}],
        }
        for target, colour in zip(targets, COLOURS, strict=False)
    ]


def _panel(
    kind: str, title: str, text: str, queries: Sequence[Query], unit: str, alert: str, *, instant: bool = False
) -> Json:
    panel: Json = {
        "type": kind,
        "title": title,
        "description": text,
        "datasource": SOURCE,
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": SOURCE,
                "expr": query.expression,
                "legendFormat": query.name or "__auto",
                "instant": instant,
                "range": not instant,
                "format": "table" if kind == "table" else "time_series",
            }
            for number, query in enumerate(queries)
        ],
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
    }
    if alert:
        panel["links"] = [{"title": "what to do", "url": f"{RUNBOOK}#{alert.lower()}", "targetBlank": True}]
    return panel
