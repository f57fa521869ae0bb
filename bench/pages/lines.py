"""Lines: how a figure grows with what is varied, a line a system, with whiskers from the lowest run to the highest."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from bench.harness.systems import NOTHING
from bench.pages.medians import Median, Taken
from bench.pages.svg import COLOURS, WIDTH, line, picture, short, text, whisker

LEFT, RIGHT, TOP, BOTTOM, HEIGHT = 64, 190, 44, 56, 360  # px
WIDE: Final = 30  # from the least to the most; beyond it equal steps are equal factors
DASHES: Final = ("", "7 4", "2 3", "9 3 2 3", "12 4", "1 5")
APART: Final = 14  # px between two names at the end of lines
STEPS: Final = 5  # lines of the grid


class Axis(NamedTuple):
    """From values to pixels. low, high: of the values; begin, end: of the pixels."""

    low: float
    high: float
    begin: float
    end: float
    log: bool

    def at(self, value: float) -> float:
        """Where a value lies."""
        low, high = self._of(self.low), self._of(self.high)
        return self.begin + (self._of(value) - low) / ((high - low) or 1) * (self.end - self.begin)

    def steps(self) -> list[float]:
        """Values for a grid."""
        low, high = self._of(self.low), self._of(self.high)
        found = [low + (high - low) * step / (STEPS - 1) for step in range(STEPS)]
        return [math.exp(value) for value in found] if self.log else found

    def _of(self, value: float) -> float:
        return math.log(value) if self.log else value


def axis(values: Sequence[float], begin: float, end: float, *, zero: bool) -> Axis:
    """zero: a scale that is not one of factors begins there."""
    low, high = min(values), max(values)
    log = low > 0 and high / low > WIDE
    return Axis(0.0 if zero and not log else low, high, begin, end, log)


def lines(taken: Taken) -> str:
    """The scenario's first figure over x."""
    figure, scenario = taken.scenario.figures[0], taken.scenario
    found: dict[str, list[tuple[float, Median]]] = {}
    for system in taken.systems:
        for case in taken.cases:
            median = taken.median(figure, case, system)
            if median is not None and system != NOTHING:
                found.setdefault(system, []).append((scenario.case(case).x, median))
    points = [point for line_ in found.values() for point in line_]
    if not points:
        return picture(f"{scenario.name}: nothing was measured", "nothing", TOP, [])
    across = axis([x for x, _ in points], LEFT, WIDTH - RIGHT, zero=False)
    up = axis([v for _, m in points for v in (m.lowest, m.highest)], HEIGHT - BOTTOM, TOP, zero=True)
    shapes = [*_grid(across, up, sorted({x for x, _ in points})), *_names(found, up)]
    for number, line_ in enumerate(found.values()):
        shapes += _line(line_, number, across, up)
    says = f"{figure.name}, {figure.unit}, over {scenario.axis}; {'less' if figure.less else 'more'} is better; "
    says += f"whiskers: lowest and highest run{'; steps are factors' if up.log or across.log else ''}"
    shapes.append(text(12, HEIGHT - 10, says, kind="small"))
    return picture(f"{scenario.name}: {figure.name}, {figure.unit}", says, HEIGHT, shapes)


def _grid(across: Axis, up: Axis, xs: list[float]) -> list[str]:
    shapes = []
    for value in up.steps():
        y = up.at(value)
        shapes += [
            line(LEFT, y, WIDTH - RIGHT, y, "grid"),
            text(LEFT - 6, y + 4, short(value), anchor="end", kind="small"),
        ]
    return shapes + [text(across.at(x), HEIGHT - BOTTOM + 18, short(x), anchor="middle", kind="small") for x in xs]


def _line(points: list[tuple[float, Median]], number: int, across: Axis, up: Axis) -> list[str]:
    colour, dash = number % len(COLOURS), DASHES[number % len(DASHES)]
    path = " ".join(f"{across.at(x):.1f},{up.at(median.middle):.1f}" for x, median in points)
    shapes = [f'<polyline points="{path}" class="line c{colour}" stroke-dasharray="{dash}"/>']
    for x, median in points:
        at = across.at(x)
        shapes.append(whisker(at, up.at(median.lowest), at, up.at(median.highest)))
        shapes.append(f'<circle cx="{at:.1f}" cy="{up.at(median.middle):.1f}" r="3.5" class="fill c{colour}"/>')
    return shapes


def _names(found: dict[str, list[tuple[float, Median]]], up: Axis) -> list[str]:
    """Each at the end of its line, and none above another."""
    ends = sorted((up.at(line_[-1][1].middle), name) for name, line_ in found.items())
    shapes, below = [], -math.inf
    for y, name in ends:
        below = max(y, below + APART)
        dash = DASHES[list(found).index(name) % len(DASHES)]
        mark = f'stroke-dasharray="{dash}" class="line c{list(found).index(name) % len(COLOURS)}"'
        begin = WIDTH - RIGHT + 8
        shapes.append(f'<line x1="{begin}" y1="{below:.1f}" x2="{begin + 22}" y2="{below:.1f}" {mark}/>')
        shapes.append(text(begin + 27, below + 4, name, kind="small"))
    return shapes
