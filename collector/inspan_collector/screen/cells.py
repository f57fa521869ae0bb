"""How many columns of a terminal a text takes. Pure.

Source: Unicode Standard Annex 11, East Asian Width. Sequences that terminals draw as one emoji are counted part by
part: too wide rather than too narrow, since not all draw them so.
"""

from typing import Final
from unicodedata import category, east_asian_width

MARKS: Final = frozenset({"Mn", "Me", "Cf"})  # drawn onto the character before, or not at all


def cells(text: str) -> int:
    """Columns."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def clip(text: str, columns: int) -> str:
    """As much as has room, with a sign at the end where there was more."""
    if cells(text) <= columns:
        return text
    left, kept = columns - 1, []
    for character in text:
        left -= _cells(character)
        if left < 0:
            break
        kept.append(character)
    return "".join(kept) + "…" * (columns > 0)


def padded(text: str, columns: int) -> str:
    """With spaces behind it, up to so many columns."""
    return text + " " * (columns - cells(text))


def _cells(character: str) -> int:
    if character.isascii():
        return 1
    return 0 if category(character) in MARKS else 2 if east_asian_width(character) in "WF" else 1
