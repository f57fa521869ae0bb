"""Secrets taken out of what an upstream says: it may repeat what it was sent.

The text is read as what it means, with escapes undone, and searched for what secrets mean. So each costs the same
however it is written, and no words make the search slow: it runs on the loop, and the words are another's.
"""

import base64
import binascii
import html
import json
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote_plus

from yarl import URL

from inspan.wire import ACCOUNT
from inspan_collector.config.destination import DestinationConfig
from inspan_collector.config.secret import MASK
from inspan_collector.exporters.written import MAX_TEXT, plain

LEAST: Final = 8  # characters: a shorter one is no secret for long, and may be part of any word
LEAD: Final = 12  # characters at the beginning of a longer secret, which upstreams show of a key to say which it is
_SEPARATORS: Final = re.compile(r"[\s,;&]+")
_SMALL: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)  # one character for one, always


def secrets_sent(config: DestinationConfig, url: URL, headers: Mapping[str, str]) -> list[str]:
    """What this request carried and nobody may see: what the configured headers held, and the query."""
    held = [headers[name] for name in config.headers if name in headers and name != ACCOUNT]
    query = url.raw_query_string
    return [*held, *([query, unquote_plus(query)] if query else [])]


def masked(text: str, secrets: Iterable[str]) -> str:
    """The beginning of a text, MAX_TEXT characters, with a mask for each secret, for each part of one that is a secret
    by itself, and for LEAD characters or more at the beginning of one, however written."""
    forms = _all_forms(tuple(secrets))
    meant, starts = plain(text[:MAX_TEXT])
    meant = meant.translate(_SMALL)
    found = [span for form in forms for span in _found(meant, form)]
    if len(text) > MAX_TEXT:
        found += [(len(meant) - half, len(meant)) for form in forms if (half := _half(meant, form))]
    kept, at = [], 0
    for begin, end in _joined(found):
        kept += [text[at : starts[begin]], MASK]
        at = starts[end]
    return "".join([*kept, text[at:MAX_TEXT]])


def _found(meant: str, form: str) -> Iterator[tuple[int, int]]:
    """Where a form is, or begins. Each place is looked at once: what begins like a secret is masked."""
    lead = form[:LEAD]
    at = meant.find(lead)
    while at >= 0:
        end = at + len(lead)
        while end < len(meant) and end - at < len(form) and meant[end] == form[end - at]:
            end += 1
        yield at, end
        at = meant.find(lead, end)


def _half(meant: str, form: str) -> int:
    """Characters of a form that we cut through ourselves, where too few of it are left to be found."""
    lengths = range(min(LEAD, len(form)) - 1, 0, -1)
    return next((length for length in lengths if meant.endswith(form[:length])), 0)


def _joined(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """In their order, those that overlap as one."""
    begin = end = -1
    for first, last in sorted(spans):
        if first > end:
            if end > 0:
                yield begin, end
            begin = first
        end = max(end, last)
    if end > 0:
        yield begin, end


@lru_cache(maxsize=16)  # destinations, and what each sends is mostly the same; a long token costs milliseconds
def _all_forms(secrets: tuple[str, ...]) -> frozenset[str]:
    forms = {form for secret in secrets for part in _parts(secret) for form in _forms(part)}
    meant = {plain(form[: 2 * MAX_TEXT])[0].translate(_SMALL) for form in forms}  # longer ones are not in the text
    return frozenset(form for form in meant if len(form) >= LEAST)


def _parts(secret: str) -> Iterator[str]:
    """`Bearer abc` is a secret, and so is `abc`; of `Basic dTpw` that is `u:p` too, and `p`."""
    yield secret
    for part in _SEPARATORS.split(secret):
        yield from (part, part.partition("=")[2])
        decoded = _decoded(part)
        yield from (decoded, decoded.partition(":")[2])


def _forms(part: str) -> Iterator[str]:
    """As it may be written in JSON, HTML, a URL, or another header: an escape in it may be escaped once more."""
    if len(part) < LEAST:
        return
    encoded = base64.b64encode(part.encode("utf-8", "replace")).decode().rstrip("=")
    yield from (part, json.dumps(part)[1:-1], html.escape(part))
    yield from (quote(part, errors="replace"), quote(part, safe="", errors="replace"))
    yield from (encoded, encoded.replace("+", "-").replace("/", "_"))


def _decoded(part: str) -> str:
    try:
        return base64.b64decode(part, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
