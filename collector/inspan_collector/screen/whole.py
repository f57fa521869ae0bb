"""The whole terminal for as long as something runs, and given back as it was, whatever ends it."""

import contextlib
import os
import sys
import termios
import tty
from collections.abc import Sequence
from typing import Any, Final, Self

from inspan_collector.screen.paint import BELOW, COLUMNS, HIDE_CURSOR, ROWS, SHOW_CURSOR, TO_LINE_END

# xterm's private modes: another screen, so that what was there comes back; and no wrapping, so that a character that is
# wider than we think costs its own line's end and not the frame.
ENTER: Final = "\x1b[?1049h\x1b[?7l" + HIDE_CURSOR
LEAVE: Final = SHOW_CURSOR + "\x1b[?7h\x1b[?1049l"
HOME: Final = "\x1b[H"


class Whole:
    """`with Whole() as whole:` has the terminal of standard output, and reads keys one by one if there are any."""

    def __init__(self) -> None:
        self.out = sys.stdout
        self.keys = sys.stdin.fileno() if sys.stdin.isatty() else None
        self.before: list[Any] | None = None

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def take(self) -> None:
        """Have it, also again."""
        if self.keys is not None:
            self.before = termios.tcgetattr(self.keys)
            tty.setcbreak(self.keys)
        self._write(ENTER)

    def give_back(self) -> None:
        """As it was."""
        if self.keys is not None and self.before is not None:
            with contextlib.suppress(termios.error):  # it has gone
                termios.tcsetattr(self.keys, termios.TCSADRAIN, self.before)
            self.before = None
        with contextlib.suppress(OSError):
            self._write(LEAVE)

    def size(self) -> tuple[int, int]:
        """Columns and rows, now."""
        found = os.get_terminal_size(self.out.fileno())
        return (found.columns, found.lines) if found.columns and found.lines else (COLUMNS, ROWS)

    def draw(self, lines: Sequence[str]) -> None:
        """A frame in the place of the one before."""
        self._write(HOME + "\r\n".join(line + TO_LINE_END for line in lines) + BELOW)

    def _write(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()
