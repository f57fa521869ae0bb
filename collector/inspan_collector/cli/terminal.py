"""What people are shown: tables, ages and sizes; and nothing that could speak to their terminal.

Words of upstreams and agents are foreign. What is not printable is written as its escape, as Python would: control
characters (which begin the sequences that move cursors, set titles and answer for the user), and those that turn the
direction of text.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Any, Final

from inspan_collector.errors import Unwritten
from inspan_collector.screen.cells import clip

UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def safe(text: str) -> str:
    """One line of foreign words. A line's end is escaped too."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def safe_lines(text: str) -> str:
    """Foreign words of several lines."""
    return "\n".join(safe(line) for line in text.split("\n"))


def prepare() -> None:
    """Foreign words may hold what the terminal's encoding does not: then it gets an escape, and we no traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str, *, now: bool = False) -> None:
    """Write a line of ours. now: do not wait until more has come together. Raises Unwritten."""
    try:
        sys.stdout.write(text + "\n")
        if now:
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unwritten(error.strerror) from None


def note(text: str) -> None:
    """Write a line beside what the command writes."""
    sys.stderr.write(text + "\n")


def add_json(parser: argparse.ArgumentParser) -> None:
    """The option that every command has which prints. What goes wrong is said in words all the same, beside it."""
    parser.add_argument("--json", action="store_true", help="for programs")


def say_json(found: Any) -> None:
    """For programs; in ASCII, so that it is safe where there is a terminal after all."""
    say(json.dumps(found, indent=2))


def width() -> int:
    """Columns of the terminal; None of them too many where there is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with columns under their names, cut to the terminal. Numbers to the right; the last column is for words."""
    if not rows:
        return []
    every = [heading, *rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(heading))]
    right = [all(row[column][:1].isdecimal() or row[column] == "-" for row in rows) for column in range(len(heading))]
    lines = []
    for row in every:
        cells = [cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, right, strict=True)]
        lines.append(cut("  ".join(cells).rstrip(), width()))
    return lines


def cut(text: str, columns: int) -> str:
    """At most so many columns, with a sign where there was more."""
    return clip(text, max(1, columns))


def plural(count: int, one: str, many: str = "") -> str:
    """A number of things. many: where that is not one with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def age(seconds: float) -> str:
    """How long ago, in the unit in which people would say it."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{int(seconds / size)}{unit}"
    return f"{max(0, int(seconds))}s"


def size(count: float) -> str:
    """Bytes, in the unit in which people would say it."""
    for unit in UNITS:
        if count < 1000 or unit == UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError


def confirmed(question: str) -> bool | None:
    """Whether the one at the terminal says yes; None where nobody can be asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


class Progress:
    """A line that is written over, on a terminal; nothing elsewhere."""

    def __init__(self) -> None:
        self.on = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self.last = 0

    def __call__(self, text: str) -> None:
        """How far it is."""
        if self.on:
            line = cut(text, shutil.get_terminal_size().columns - 1)
            sys.stderr.write("\r" + line.ljust(self.last))
            sys.stderr.flush()
            self.last = len(line)

    def end(self) -> None:
        """Leave no trace of it."""
        if self.last:
            self("")
            sys.stderr.write("\r")
            self.last = 0
