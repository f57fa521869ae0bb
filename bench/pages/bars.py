"""Bars: a group a case, a bar a system, from zero, with whiskers from the lowest run to the highest."""

from typing import Final

from bench.harness.systems import NOTHING
from bench.pages.medians import Median, Taken
from bench.pages.svg import COLOURS, WIDTH, picture, short, text, whisker

LETTER: Final = 7.2  # px, of a system's name: a wide one in the fonts that browsers take
VALUES: Final = 90  # px for the numbers at the end
BAR, GROUP, TOP = 18, 34, 40  # px: of a bar, of what is above a group, above all


def bars(taken: Taken) -> str:
    """The scenario's first figure. What relays nothing is left out: it bounds the harness, and shrinks the rest."""
    figure, shapes, y = taken.scenario.figures[0], [], float(TOP)
    systems = [system for system in taken.systems if system != NOTHING]
    found = {
        (case, system): median
        for case in taken.cases
        for system in systems
        if (median := taken.median(figure, case, system)) is not None
    }
    left = 24 + LETTER * max(map(len, systems), default=0)
    scale = (WIDTH - left - VALUES) / max((median.highest for median in found.values()), default=1.0)
    for case in taken.cases:
        shapes.append(text(12, y + GROUP - 10, case))
        y += GROUP
        for number, system in enumerate(systems):
            if (case, system) in found:
                shapes.append(_bar(system, number, found[case, system], y, left, scale))
                y += BAR
    better = "less" if figure.less else "more"
    says = f"{figure.name}, {figure.unit}; {better} is better; whiskers: lowest and highest run"
    return picture(
        f"{taken.scenario.name}: {figure.name}", says, y + 26, [*shapes, text(12, y + 18, says, kind="small")]
    )


def _bar(system: str, number: int, median: Median, y: float, left: float, scale: float) -> str:
    width, middle = median.middle * scale, y + BAR / 2
    colour = number % len(COLOURS)
    return "".join(
        [
            text(left - 6, middle + 4, system, anchor="end"),
            f'<rect x="{left:.1f}" y="{y + 2:.1f}" width="{width:.1f}" height="{BAR - 4}" class="fill c{colour}"/>',
            whisker(left + median.lowest * scale, middle, left + median.highest * scale, middle),
            text(left + max(width, median.highest * scale) + 6, middle + 4, short(median.middle), kind="small"),
        ]
    )
