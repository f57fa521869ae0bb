"""RFC 3339 as nanoseconds, to the last one."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspan_collector.translate.times import nanoseconds

SECOND = 10**9
TIMES = {
    "1970-01-01T00:00:00Z": 0,
    "1970-01-01T00:00:00.000000001Z": 1,
    "2026-11-21T01:09:41.674752+00:00": 1795223381_674752000,
    "2026-11-21T01:09:41.674752813Z": 1795223381_674752813,
    "2026-11-21T01:09:41.123456789999Z": 1795223381_123456789,
    "2026-11-21t01:09:41z": 1795223381 * SECOND,
    "2026-11-21 01:09:41": 1795223381 * SECOND,
    "2026-11-21T02:39:41+01:30": 1795223381 * SECOND,
    "2026-11-20T20:09:41-0500": 1795223381 * SECOND,
    "2026-11-21T03:09:41+02": 1795223381 * SECOND,
    "2026-11-21T01:09:41-00:00": 1795223381 * SECOND,
    "2016-12-31T23:59:60Z": 1483228800 * SECOND,  # a leap second is the next one: POSIX time has none
    "2024-02-29T00:00:00Z": 1709164800 * SECOND,
    "1970-01-01T00:30:00+00:30": 0,
    "2554-07-21T23:34:33.709551615Z": 2**64 - 1,
}


@pytest.mark.parametrize(("text", "expected"), TIMES.items())
def test_a_time_keeps_every_nanosecond(text: str, expected: int) -> None:
    assert nanoseconds(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1795223381",
        "2026-11-21",
        "2026-11-21T01:09",
        "2026-11-21T01:09:41.Z",
        "2026-11-21T01:09:41,5Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T01:60:00Z",
        "2026-11-21T01:09:61Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-11-21T01:09:41+24:00",
        "2026-11-21T01:09:41Z\n",
        " 2026-11-21T01:09:41Z",
        "٢٠٢٦-11-21T01:09:41Z",
        "1969-12-31T23:59:59.999999999Z",
        "1970-01-01T00:00:00+00:01",
        "2554-07-21T23:34:33.709551616Z",
        "9999-12-31T23:59:59Z",
    ],
)
def test_what_is_no_time_in_otlp_is_none(text: str) -> None:
    assert nanoseconds(text) is None


@given(
    st.integers(86_400 * 10**6, 18_000_000_000 * 10**6),  # µs since 1970
    st.integers(-23 * 60, 23 * 60),
    st.text("0123456789", max_size=12),
)
def test_it_agrees_with_datetime_where_that_is_exact(microseconds: int, offset: int, finer: str) -> None:
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    there = when.astimezone(timezone(timedelta(minutes=offset)))
    text = there.strftime("%Y-%m-%dT%H:%M:%S.%f") + finer + there.isoformat()[-6:]
    assert nanoseconds(text) == microseconds * 1000 + int(finer[:3].ljust(3, "0"))
