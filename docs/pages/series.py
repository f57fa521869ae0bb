"""The tables of docs/metrics.md: what a sidecar serves, a row for each family, and the values of labels."""

import asyncio
import json
import tempfile
from collections.abc import Sequence
from typing import Final

from docs.pages.regions import table
from docs.pages.watch import WATCH
from prometheus_client import Metric

from inspan_collector.config.load import load
from inspan_collector.liveness import REASONS
from inspan_collector.metrics import Metrics
from inspan_collector.receiver.dialects import NAMES
from inspan_collector.service import Service

# Labels with more values than a page can list: they come from the configuration, or from outside.
FREE: Final = {
    "code": "the HTTP status",
    "destination": "as configured",
    "python": "the version, such as 3.12.1",
    "service": "as agents say, 64 at most, then `_other`",
    "version": "the version of inspan",
}
# Where a fresh sidecar has no series yet.
LATER: Final = {("inspan_agent_spans_dropped", "reason"): REASONS, ("inspan_requests", "dialect"): NAMES}


def tables() -> dict[str, str]:
    """Of the regions `metrics` and `labels`. Errors: LookupError where `WATCH` names a metric that there is not."""
    families = asyncio.run(served())
    unknown = WATCH.keys() - {shown(family) for family in families}
    if unknown:
        raise LookupError(f"docs/pages/watch.py names {', '.join(sorted(unknown))}, which is no metric")
    rows = [
        [code(shown(family)), family.type, named(family), family.documentation, WATCH.get(shown(family), "")]
        for family in families
    ]
    return {
        "metrics": table(["metric", "type", "labels", "what it counts", "look when"], rows),
        "labels": table(["label", "of", "values"], values(families)),
    }


async def served() -> list[Metric]:
    """The families of a sidecar that has not run yet, in the order of a scrape."""
    with tempfile.TemporaryDirectory() as home:
        tree = {
            "socket": {"path": f"{home}/inspan.sock"},
            "destinations": [{"name": "any", "kind": "file", "path": home}],
        }
        return list(Metrics(Service(load(json.dumps(tree), "pages", {})).view).collect())


def shown(family: Metric) -> str:
    """The name as it is scraped."""
    return family.name + ("_total" if family.type == "counter" else "")


def named(family: Metric) -> str:
    """Its labels; `le` of a histogram is Prometheus's own."""
    return ", ".join(code(name) for name in _labels(family))


def values(families: Sequence[Metric]) -> list[list[str]]:
    """Each label with its values, and which metrics have just these."""
    found: dict[tuple[str, str], list[str]] = {}
    for family in families:
        for name in _labels(family):
            found.setdefault((name, _values(family, name)), []).append(code(shown(family)))
    labels = [name for name, _ in found]
    alone = {name for name in labels if labels.count(name) == 1}
    return [[code(name), "" if name in alone else ", ".join(of), text] for (name, text), of in sorted(found.items())]


def code(text: str) -> str:
    return f"`{text}`"


def _values(family: Metric, name: str) -> str:
    if name in FREE:
        return FREE[name]
    seen = dict.fromkeys(sample.labels[name] for sample in family.samples)
    return ", ".join(code(value) for value in seen or LATER[family.name, name])


def _labels(family: Metric) -> Sequence[str]:
    """Also where there is no series yet, which is why the samples do not do."""
    found: Sequence[str] = getattr(family, "_labelnames", ())
    return found
