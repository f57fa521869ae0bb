"""What a text means where it is written for JSON, HTML or a URL. Pure."""

import re
from typing import Final

MAX_TEXT: Final = 2048  # characters that are read: 300 are shown, and a mask is shorter than what it hides

# Any number of backslashes: JSON in a log line in JSON has three before a quote. Possessive, so that it is linear.
_ESCAPE: Final = re.compile(
    r"\\++(?:u(?P<u>[0-9a-f]{4}))?|%(?P<url>[0-9a-f]{2})|&#x(?P<hex>[0-9a-f]{1,6});|&#(?P<ten>[0-9]{1,7});"
    r"|&(?P<name>amp|lt|gt|quot|apos);",
    re.IGNORECASE,
)
_NAMED: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}  # the five of XML, which HTML shares


def plain(text: str) -> tuple[str, list[int]]:
    """The text with its escapes undone once, and where in the text each character of that begins, and the end."""
    pieces: list[str] = []
    starts: list[int] = []
    at = 0
    for escape in _ESCAPE.finditer(text):
        pieces.append(text[at : escape.start()])
        starts += range(at, escape.start())
        meant = _meant(escape)
        pieces.append(meant)
        starts += [escape.start()] * len(meant)
        at = escape.end()
    return "".join([*pieces, text[at:]]), [*starts, *range(at, len(text) + 1)]


def _meant(escape: re.Match[str]) -> str:
    """One character; none for backslashes alone, and for a number that no character has."""
    if escape["name"]:
        return _NAMED[escape["name"].lower()]
    code = int(escape["ten"]) if escape["ten"] else int(escape["u"] or escape["url"] or escape["hex"] or "0", 16)
    return chr(code) if 0 < code <= 0x10FFFF else ""  # 0x10FFFF: the last of Unicode
