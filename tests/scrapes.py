"""Both laws of the books, checked on the numbers of one scrape."""

import re
from collections import defaultdict
from collections.abc import Mapping

SERIES = re.compile(r'inspan_(?P<name>\w+)\{(?P<of>dialect|destination)="(?P<who>\w+)"(,reason="\w+")?\}')
SOURCES = ("spans_enqueued_total", "spans_recovered_total", "spans_replayed_total", "spans_synthesized_total")
PLACES = ("queue_spans", "in_flight_spans", "spool_spans")
FATES = ("spans_delivered_total", "spans_merged_total", "spans_quarantined_total", "spans_dropped_total")


def check_scrape(metrics: Mapping[str, float]) -> None:
    """Fails where a law does not hold, or the sidecar's own recount differs."""
    shown = {series: value for series, value in metrics.items() if value and "span" in series}
    assert metrics["inspan_ledger_imbalance_spans"] == 0, shown
    found: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for series, value in metrics.items():
        match = SERIES.fullmatch(series)
        if match:
            found[match["of"], match["who"]][match["name"]] += value
    for (of, who), sums in found.items():
        if of == "dialect":
            assert sums["spans_received_total"] == sums["spans_accepted_total"] + sums["spans_refused_total"], who
        else:
            held = sum(sums[name] for name in (*PLACES, *FATES))
            assert sum(sums[name] for name in SOURCES) == held, who


def held(metrics: Mapping[str, float]) -> int:
    """Spans of all destinations that have no fate yet."""
    names = tuple(f"inspan_{name}{{" for name in PLACES)
    return int(sum(value for series, value in metrics.items() if series.startswith(names)))
