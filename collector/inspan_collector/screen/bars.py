"""Shares and their course, as characters. Pure."""

from collections.abc import Sequence
from typing import Final

FULL: Final = "█"
PARTS: Final = " ▏▎▍▌▋▊▉"  # eighths of a cell
LEVELS: Final = "▁▂▃▄▅▆▇█"
REST: Final = "·"


def bar(share: float, columns: int) -> str:
    """A share of a whole, 0 to 1. Something that is there shows, however little it is."""
    eighths = round(min(1.0, max(0.0, share)) * columns * 8)
    if share > 0:
        eighths = max(1, eighths)
    filled = FULL * (eighths // 8) + (PARTS[eighths % 8] if eighths % 8 else "")
    return filled.ljust(columns, REST)


def spark(shares: Sequence[float | None]) -> str:
    """A cell for each share, 0 to 1. Nothing is the lowest line, something always more, and a dot is not known."""
    return "".join(map(_level, shares))


def _level(share: float | None) -> str:
    if share is None:
        return REST
    return LEVELS[0] if share <= 0 else LEVELS[min(len(LEVELS) - 1, 1 + int(share * (len(LEVELS) - 1)))]
