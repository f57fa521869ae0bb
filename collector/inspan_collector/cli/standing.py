"""What is said of one span of a trail: how long it took, how it ended, and what became of it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from inspan_collector.cli.terminal import age, cut, safe
from inspan_collector.trail.statuses import (
    ACCEPTED,
    DELIVERED,
    DROPPED,
    IN_FLIGHT,
    INTERRUPTED,
    ISOLATED,
    MERGED,
    PAUSED,
    PUT_OFF,
    QUARANTINED,
    RECOVERED,
    REJECTED,
    SPOOLED,
    SYNTHESIZED,
)

BAD: Final = frozenset({QUARANTINED, REJECTED, DROPPED})
SLOW: Final = frozenset({PUT_OFF, ISOLATED, PAUSED, SPOOLED})
WAITING: Final = frozenset({ACCEPTED, RECOVERED, SYNTHESIZED})  # whose detail is that the copy is open, or has ended
WORDS: Final = {
    ACCEPTED: "waits",
    RECOVERED: "waits, read back from disk",
    SYNTHESIZED: "waits, ended for an agent that is gone",
    IN_FLIGHT: "in flight",
    PUT_OFF: "put off",
    ISOLATED: "refused in a batch, tried again",
    PAUSED: "paused",
    SPOOLED: "on disk",
    MERGED: "merged into what was sent before",
}


class Standing(NamedTuple):
    """mood: good, slow, bad or empty."""

    text: str
    mood: str


def standing(span: Mapping[str, Any], now: float) -> Standing:
    """Where it is. now: seconds since the epoch."""
    _, at, status, attempt, detail, _ = span["now"]
    words = WORDS.get(status, status)
    why = span["answer"] if status == IN_FLIGHT else "" if status in WAITING else detail
    if attempt > 1 or (attempt and status != IN_FLIGHT):
        words += f", attempt {attempt}"
    if why:
        words += f": {why}"
    mood = "bad" if status in BAD else "slow" if status in SLOW or why else "good" if status == DELIVERED else ""
    return Standing(safe(f"{words} ({ago(now - at)})"), mood)


def ago(seconds: float) -> str:
    """How long ago, to a tenth of a second where that is short."""
    return f"{max(0.0, seconds):.1f}s ago" if seconds < 10 else f"{age(seconds)} ago"


def duration(span: Mapping[str, Any], now: float) -> str:
    """From its start to its end, as the agent says; of one that is open, how long it has been so."""
    start, end = moment(span["start"]), moment(span["end"])
    if span["end"] is None and span["status"] == INTERRUPTED:
        return "?"
    if span["end"] is None:
        since = start if start is not None else span["now"][1]
        return f"open for {age(now - since)}"
    if start is None or end is None:
        return "?"
    return short(end - start)


def short(seconds: float) -> str:
    """A duration, with three digits or so."""
    if abs(seconds) < 1:
        return f"{seconds * 1000:.0f}ms"
    return f"{seconds:.2f}s" if abs(seconds) < 100 else age(seconds)


def outcome(span: Mapping[str, Any]) -> str:
    """OK, ERROR or open: as translate.outcome reads a status. A word that it does not know is shown as it is."""
    if span["end"] is None:
        return INTERRUPTED if span["status"] == INTERRUPTED else "open"
    said = (span["status"] or "").upper()
    return {"": "OK", "SUCCESS": "OK", "OK": "OK", "ERROR": "ERROR"}.get(said, cut(safe(said[:12]), 12))


def merged(found: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Spans by id, each by destination: (destination, span)."""
    spans: dict[str, dict[str, Mapping[str, Any]]] = {}
    for name, span in found:
        spans.setdefault(span["id"], {})[name] = span
    return spans


def moment(text: str | None) -> float | None:
    """Seconds since the epoch, of what an agent wrote as a time; None where it makes no sense."""
    try:
        at = datetime.fromisoformat(text or "")
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
