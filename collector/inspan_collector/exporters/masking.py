"""Secrets taken out of what an upstream says: it may repeat what it was sent."""

import base64
import binascii
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote, unquote_plus

from yarl import URL

from inspan.wire import ACCOUNT
from inspan_collector.config.destination import DestinationConfig
from inspan_collector.config.secret import MASK

LEAST: Final = 8  # characters: a shorter one is no secret for long, and may be part of any word
_SEPARATORS: Final = re.compile(r"[\s,;&]+")


def secrets_sent(config: DestinationConfig, url: URL, headers: Mapping[str, str]) -> list[str]:
    """What this request carried and nobody may see: what the configured headers held, and the query."""
    held = [headers[name] for name in config.headers if name in headers and name != ACCOUNT]
    query = url.raw_query_string
    return [*held, *([query, unquote_plus(query)] if query else [])]


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text with a mask for each secret, and for each part of one that is a secret by itself, however written."""
    forms = {form for secret in secrets for part in _parts(secret) for form in _forms(part) if len(form) >= LEAST}
    if not forms:
        return text
    longest_first = "|".join(map(_pattern, sorted(forms, key=len, reverse=True)))
    return re.sub(longest_first, MASK, text, flags=re.IGNORECASE)


def _pattern(form: str) -> str:
    """With any number of backslashes between its characters: JSON in a log line in JSON has three before a quote."""
    return r"\\*".join(map(re.escape, form))


def _parts(secret: str) -> Iterator[str]:
    """`Bearer abc` is a secret, and so is `abc`; of `Basic dTpw` that is `u:p` too, and `p`."""
    yield secret
    for part in _SEPARATORS.split(secret):
        yield from (part, part.partition("=")[2])
        plain = _decoded(part)
        yield from (plain, plain.partition(":")[2])


def _forms(part: str) -> Iterator[str]:
    """As it may be written in JSON, HTML, a URL, or another header."""
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
