"""The terminal: colours where they are wanted, a frame that is drawn over the one before."""

import os
import shutil
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from typing import Final, TextIO

COLUMNS: Final = 80
ROWS: Final = 24

GOOD: Final = "32"
WARN: Final = "33"
BAD: Final = "31;1"
DIM: Final = "2"
BOLD: Final = "1"

HIDE_CURSOR: Final = "\x1b[?25l"
SHOW_CURSOR: Final = "\x1b[?25h"
UP: Final = "\x1b[{}F"
TO_LINE_END: Final = "\x1b[K"
BELOW: Final = "\x1b[J"


class Paint:
    """Colours text, or leaves it as it is. Pad before painting: codes have a length too."""

    def __init__(self, *, on: bool) -> None:
        self.on = on

    def __call__(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on and text.strip() else text


def colours(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether what is written there may be coloured (https://no-color.org)."""
    return stream.isatty() and environ.get("TERM") != "dumb" and not environ.get("NO_COLOR")


class Screen:
    """Where the demo writes. live: a frame can be drawn over; else there are only lines."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str] = os.environ) -> None:
        self.stream = stream
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 gets ? for ✓, not a traceback
        terminal = stream.isatty() and environ.get("TERM") != "dumb"
        columns, rows = shutil.get_terminal_size()
        self.live = terminal and columns >= COLUMNS and rows >= ROWS
        self.paint = Paint(on=colours(stream, environ))
        self.drawn = 0

    def __repr__(self) -> str:
        return f"<Screen {'live' if self.live else 'lines'} {self.drawn} lines drawn>"

    def draw(self, lines: Sequence[str]) -> None:
        """Put a frame in the place of the one before."""
        back = UP.format(self.drawn) if self.drawn else HIDE_CURSOR
        self.stream.write(back + "".join(f"{line}{TO_LINE_END}\n" for line in lines) + BELOW)
        self.stream.flush()
        self.drawn = len(lines)

    def write(self, *lines: str) -> None:
        """Add lines below."""
        self.stream.write("".join(f"{line}\n" for line in lines))
        self.stream.flush()

    def release(self) -> None:
        """Leave the frame as it is, and give the cursor back."""
        if self.drawn:
            self.stream.write(SHOW_CURSOR)
            self.stream.flush()
            self.drawn = 0
