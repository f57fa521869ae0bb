"""Flame graphs of folded stacks, and the same by room: where the time goes."""

import re
from collections import Counter
from html import escape
from pathlib import Path
from typing import Final

import msgspec

from bench.harness.profile import THREADS
from bench.pages.svg import COLOURS, WIDTH, picture, text

ROW: Final = 17  # px of a frame
TOP: Final = 40  # px
LEAST: Final = 0.7  # px; what is narrower cannot be seen
LETTER: Final = 6.2  # px, of small text
OURS: Final = re.compile(r"\(inspan_collector/(\w+)")
LOOP: Final = "the loop and its sockets"
LIMIT: Final = re.compile(r"\(bench/peers/limit\)")


class Frame(msgspec.Struct):
    """One function with all that it called. samples: in which it was on the stack."""

    name: str
    samples: int = 0
    below: dict[str, "Frame"] = {}


def read(path: Path) -> Counter[tuple[str, ...]]:
    """Samples by stack, outermost frame first."""
    found: Counter[tuple[str, ...]] = Counter()
    for line in path.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        found[tuple(stack.split(";"))] += int(count)
    return found


def tree(stacks: Counter[tuple[str, ...]]) -> Frame:
    """The frames put together."""
    root = Frame("all", below={})
    for stack, count in stacks.items():
        root.samples += count
        frame = root
        for name in stack:
            frame = frame.below.setdefault(name, Frame(name, below={}))
            frame.samples += count
    return root


def rooms(stacks: Counter[tuple[str, ...]]) -> list[tuple[str, float]]:
    """The shares of our rooms, each with what it called outside of ours; most first."""
    total: Counter[str] = Counter()
    for stack, count in stacks.items():
        total[room(stack)] += count
    return [(name, count / total.total()) for name, count in total.most_common()]


def room(stack: tuple[str, ...]) -> str:
    """Of the innermost frame that is ours; what runs the sidecar is above all of them, and is none."""
    if stack[0] == THREADS:
        return THREADS
    for name in reversed(stack):
        found = OURS.search(name)
        if found and found.group(1) not in ("cli", "__main__"):
            return found.group(1)
        if LIMIT.search(name) and not name.startswith(("main", "serve", "<module>")):
            return "limit"
    return LOOP


def flame(title: str, stacks: Counter[tuple[str, ...]]) -> str:
    """The outermost frame above, and as wide as its share of the samples."""
    root = tree(stacks)
    colours = {name: number % len(COLOURS) for number, (name, _) in enumerate(rooms(stacks))}
    shapes: list[str] = []
    depth = _draw(root, (), 0.0, 0, (WIDTH / max(1, root.samples), colours), shapes)
    says = (
        f"{root.samples:,} samples; a frame is as wide as its share; colours are those of the rooms that it works for"
    )
    height = TOP + (depth + 1) * ROW + 26
    return picture(title, says, height, [*shapes, text(12, height - 8, says, kind="small")])


def _draw(
    frame: Frame, above: tuple[str, ...], x: float, depth: int, how: tuple[float, dict[str, int]], shapes: list[str]
) -> int:
    """Returns the depth that it reached. how: pixels a sample, and the colours of rooms."""
    scale, colours = how
    width, y, deepest = frame.samples * scale, TOP + depth * ROW, depth
    stack = (*above, frame.name)
    share = f"{escape(frame.name)}: {frame.samples * scale / WIDTH:.1%}"
    shapes.append(
        f'<g><title>{share}</title><rect x="{x:.1f}" y="{y}" width="{max(width - 0.5, 0.2):.1f}" height="{ROW - 1}" '
        f'class="fill c{colours.get(room(stack), 0)}" opacity="0.35"/>{_label(frame.name, x, y, width)}</g>'
    )
    for below in sorted(frame.below.values(), key=lambda each: each.name):
        if below.samples * scale >= LEAST:
            deepest = max(deepest, _draw(below, stack, x, depth + 1, how, shapes))
        x += below.samples * scale
    return deepest


def _label(name: str, x: float, y: float, width: float) -> str:
    letters = int((width - 4) / LETTER)
    if letters < 3:
        return ""
    return text(x + 2, y + ROW - 5, name if len(name) <= letters else f"{name[: letters - 1]}…", kind="small")
