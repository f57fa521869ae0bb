"""An upstream's answer, translated once into a decision. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from inspan_collector.errors import Isolate, Later, Pause

MAX_MESSAGE: Final = 300  # characters of an upstream's words that are kept
REFUSED: Final = frozenset({400, 409, 413, 422})  # something in this request; its neighbours may be fine
LATER: Final = frozenset({408, 429})  # and every 5xx: the spans are fine, the time is not

_HOST: Final = re.compile(r"[a-z0-9.-]{1,253}")  # a name of DNS or an address of IPv4


def retry_after(headers: Mapping[str, str], wall: float) -> float | None:
    """Seconds that the upstream asks us to wait, None where it does not say or says nonsense.

    wall: seconds since the epoch. `retry-after-ms` (Stainless, Azure) wins over Retry-After (RFC 9110, 10.2.3).
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)  # RFC 9110: an HTTP-date is in UTC
    return max(0.0, date.timestamp() - wall)


def _number(value: str | None) -> float | None:
    """A finite number that is not negative."""
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _place(headers: Mapping[str, str]) -> str:
    """Scheme and host of a redirect's target, where they are no more than that: all else may quote a span."""
    try:
        target = urlsplit(headers.get("location", ""))
        host = target.hostname or ""
        known = target.scheme in ("http", "https") and _HOST.fullmatch(host) is not None
        port = f":{target.port}" if target.port else ""
    except ValueError:
        return ""
    return f" to {target.scheme}://{host}{port}" if known else ""


def raise_for(status: int, words: bytes, headers: Mapping[str, str], wall: float) -> None:
    """Raise the decision that an answer asks for; nothing for 2xx.

    words: the body of the answer, or its beginning. Raises Later, Isolate or Pause.
    """
    if 200 <= status < 300:
        return
    message = words.decode("utf-8", "replace")[:MAX_MESSAGE].strip()
    if status in LATER or status >= 500:
        raise Later(str(status), message, retry_after(headers, wall))
    if status in REFUSED:
        raise Isolate(status, message)
    if 300 <= status < 400:
        raise Pause(f"{status}: the upstream redirects{_place(headers)}; set the url to where spans should go", message)
    raise Pause(f"{status}: check url, headers and credentials", message)
