"""Numbers of the books and the histograms, as /status has them."""

from typing import Any

from inspan_collector.histogram import Histogram
from inspan_collector.ledger import Reception


def some(counts: dict[str, int]) -> dict[str, int]:
    """Those that are not 0."""
    return {reason: count for reason, count in counts.items() if count}


def reception(book: Reception) -> dict[str, Any]:
    """Of requests, where the books are of spans."""
    return {
        "requests": sum(book.requests.values()),
        "bytes": book.bytes,
        "requests_refused": some(book.requests_refused),
    }


def durations(histogram: Histogram) -> dict[str, Any]:
    """Of all that was delivered in this life. p50, p99: bounds in seconds; None also above the last.

    counts: by `life.duration_bounds`, and above; their differences are of the time between two looks.
    """
    return {"p50": _bound(histogram, 0.5), "p99": _bound(histogram, 0.99), "counts": histogram.counts}


def _bound(histogram: Histogram, share: float) -> float | None:
    found = histogram.quantile(share)
    return None if found is None or found == float("inf") else found
