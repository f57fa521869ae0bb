"""Status and headers to decisions, without a socket."""

from email.utils import formatdate

import pytest

from inspan_collector.errors import Isolate, Later, Pause
from inspan_collector.exporters.verdict import raise_for, retry_after

NOW = 1_800_000_000.0

DECISIONS = {
    **dict.fromkeys((200, 201, 202, 204, 299), None),
    **dict.fromkeys((408, 429, 500, 501, 502, 503, 504, 507, 529, 599), Later),
    **dict.fromkeys((400, 409, 413, 422), Isolate),
    **dict.fromkeys((300, 301, 302, 304, 307, 308, 401, 402, 403, 404, 405, 407, 410, 411, 415, 418, 421, 451), Pause),
}

RETRY_AFTER = {
    "seconds": ({"retry-after": "7"}, 7.0),
    "a fraction": ({"retry-after": "0.5"}, 0.5),
    "zero": ({"retry-after": "0"}, 0.0),
    "milliseconds": ({"retry-after-ms": "250"}, 0.25),
    "milliseconds win": ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
    "nonsense milliseconds lose": ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
    "a date": ({"retry-after": formatdate(NOW + 90, usegmt=True)}, 90.0),
    "a date that is past": ({"retry-after": formatdate(NOW - 90, usegmt=True)}, 0.0),
    "a date without a zone": ({"retry-after": formatdate(NOW + 90).replace("-0000", "")}, 90.0),
    "an obsolete date": ({"retry-after": "Friday, 15-Jan-27 08:01:30 GMT"}, 90.0),
    "none": ({}, None),
    "nonsense": ({"retry-after": "soon"}, None),
    "empty": ({"retry-after": ""}, None),
    "negative": ({"retry-after": "-3"}, None),
    "infinite": ({"retry-after": "inf"}, None),
    "not a number": ({"retry-after": "nan"}, None),
    "a year that does not exist": ({"retry-after": "Fri, 15 Jan 99999 08:01:30 GMT"}, None),
    "a hundred digits": ({"retry-after": "9" * 400}, None),
}


@pytest.mark.parametrize(("status", "decision"), DECISIONS.items())
def test_each_status_asks_for_one_decision(status: int, decision: type[Exception] | None) -> None:
    if decision is None:
        raise_for(status, b"", {}, NOW)
    else:
        with pytest.raises(decision, match=str(status)):
            raise_for(status, b"", {}, NOW)


@pytest.mark.parametrize(("headers", "seconds"), RETRY_AFTER.values(), ids=RETRY_AFTER.keys())
def test_retry_after_in_each_of_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds
    with pytest.raises(Later) as later:
        raise_for(429, b"", headers, NOW)
    assert later.value.retry_after == seconds


def test_the_words_of_an_upstream_are_bounded_and_never_in_the_reason() -> None:
    words = b"span llm.chat: \xff" + b"x" * 100_000
    for status in (400, 401, 503):
        with pytest.raises((Isolate, Pause, Later)) as error:
            raise_for(status, words, {}, NOW)
        assert "llm.chat" not in str(error.value)
        assert error.value.words.startswith("span llm.chat") and len(error.value.words) <= 300


def test_of_where_a_redirect_leads_scheme_and_host_are_said() -> None:
    with pytest.raises(Pause) as pause:
        raise_for(307, b"", {"location": "https://other.example/v1?key=sesame"}, NOW)
    assert "https://other.example;" in str(pause.value)
    assert "sesame" not in str(pause.value)
