"""A line of a frame: pieces with colours, never wider than the terminal. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from inspan_collector.screen.cells import cells, clip
from inspan_collector.screen.paint import Paint


class Piece(NamedTuple):
    """Text, and how it is painted; empty for as it is."""

    text: str
    code: str = ""


def line(pieces: Sequence[Piece], columns: int, paint: Paint) -> str:
    """The pieces one behind the other, cut where the terminal ends."""
    left, painted = columns, []
    for piece in pieces:
        text = clip(piece.text, left)
        painted.append(paint(text, piece.code) if piece.code else text)
        left -= cells(text)
    return "".join(painted).rstrip()


def fitting(pieces: Sequence[Piece], columns: int, gap: str = "  ") -> list[Piece]:
    """As many pieces as have room, whole, with a gap between them; the most important first."""
    found: list[Piece] = []
    left = columns
    for piece in pieces:
        need = cells(piece.text) + (len(gap) if found else 0)
        if piece.text and need <= left:
            found += [Piece(gap), piece] if found else [piece]
            left -= need
    return found


def apart(left: Sequence[Piece], right: Sequence[Piece], columns: int) -> list[Piece]:
    """Left and right ends of a line; where there is no room for both, the left one gives way."""
    width = sum(cells(piece.text) for piece in right)
    kept: list[Piece] = []
    room = columns - width - 1
    for piece in left:
        text = clip(piece.text, max(0, room))
        kept.append(Piece(text, piece.code))
        room -= cells(text)
    return [*kept, Piece(" " * (room + 1)), *right]
