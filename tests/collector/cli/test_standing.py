"""What is said of a span: short, and never what a terminal could act on."""

from typing import Any

import pytest

from inspan_collector.cli.standing import duration, outcome, standing

NOW = 1_800_000_000.0


def span(**known: Any) -> dict[str, Any]:
    step = (1, NOW - 0.3, "delivered", 0, "", "")
    return {"start": None, "end": None, "status": None, "now": step, "answer": ""} | known


@pytest.mark.parametrize(
    ("status", "attempt", "detail", "answer", "text", "mood"),
    [
        ("delivered", 0, "", "", "delivered (0.3s ago)", "good"),
        ("accepted", 0, "open", "", "waits (0.3s ago)", ""),
        ("in_flight", 1, "", "", "in flight (0.3s ago)", ""),
        ("in_flight", 3, "", "503", "in flight, attempt 3: 503 (0.3s ago)", "slow"),
        ("put_off", 1, "503", "503", "put off, attempt 1: 503 (0.3s ago)", "slow"),
        ("quarantined", 0, "422 no\x1b[2J", "", "quarantined: 422 no\\x1b[2J (0.3s ago)", "bad"),
        ("dropped", 0, "expired", "", "dropped: expired (0.3s ago)", "bad"),
        ("merged", 0, "", "", "merged into what was sent before (0.3s ago)", ""),
        ("new\n", 0, "", "", "new\\n (0.3s ago)", ""),
    ],
)
def test_where_it_is_in_words(status: str, attempt: int, detail: str, answer: str, text: str, mood: str) -> None:
    found = standing(span(now=(1, NOW - 0.3, status, attempt, detail, ""), answer=answer), NOW)
    assert (found.text, found.mood) == (text, mood)


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.25Z", "250ms"),
        ("2026-01-01T00:00:00", "2026-01-01T00:00:01.5+00:00", "1.50s"),
        ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", "60m"),
        ("2027-01-15T07:59:48Z", None, "open for 12s"),
        (None, None, "open for 0s"),
        ("yesterday", "2026-01-01T00:00:00Z", "?"),
        ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "3652060d"),
    ],
)
def test_how_long_it_took_or_has_been_open(start: str | None, end: str | None, text: str) -> None:
    assert duration(span(start=start, end=end), NOW) == text


def test_how_it_ended() -> None:
    said = [
        outcome(span(end="x", status=status)) for status in (None, "SUCCESS", "ok", "Error", "CANCELED", "\x1b" * 99)
    ]
    assert said == ["OK", "OK", "OK", "ERROR", "CANCELED", ("\\x1b" * 3)[:11] + "…"]
    assert outcome(span(status="SUCCESS")) == "open"
    assert outcome(span(status="INTERRUPTED")) == "INTERRUPTED"
    assert duration(span(status="INTERRUPTED"), NOW) == "?"
