"""Pictures as text: what all charts share. They are seen in dark pages and in light ones, and by people who tell few
colours apart: colours are those of Okabe and Ito, and none says anything that words or forms do not."""

from html import escape
from typing import Final

FONT: Final = "system-ui, sans-serif"
# Two shades a colour: either has a contrast of 3 to 1 with its background, as WCAG 2.2 asks of graphics (1.4.11).
COLOURS: Final = (
    ("#0072b2", "#56b4e9"),
    ("#c04f00", "#f0854a"),
    ("#00795a", "#00b887"),
    ("#a0527e", "#d98cb8"),
    ("#8a6a00", "#e6b400"),
    ("#6b6b6b", "#a8a8a8"),
)
WIDTH: Final = 820  # px; what a page of a repository shows without shrinking


def picture(title: str, says: str, height: float, shapes: list[str]) -> str:
    """A whole file. says: what is seen in it, for those who do not see it."""
    light = "".join(f".c{number}{{--c:{pair[0]}}}" for number, pair in enumerate(COLOURS))
    dark = "".join(f".c{number}{{--c:{pair[1]}}}" for number, pair in enumerate(COLOURS))
    style = (
        f"svg{{--ink:#1f2328;--faint:#d0d7de;--paper:#fff}}{light}"
        f"@media (prefers-color-scheme:dark){{svg{{--ink:#e6edf3;--faint:#3d444d;--paper:#0d1117}}{dark}}}"
        f"text{{font:13px {FONT};fill:var(--ink)}}.small{{font-size:11px}}.title{{font-weight:600;font-size:15px}}"
        ".fill{fill:var(--c)}.line{stroke:var(--c);fill:none;stroke-width:2}.whisker{stroke:var(--ink);stroke-width:1.5}"
        ".grid{stroke:var(--faint)}.paper{fill:var(--paper)}"
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img">',
            f"<title>{escape(title)}</title><desc>{escape(says)}</desc><style>{style}</style>",
            f'<rect class="paper" width="{WIDTH}" height="{height:g}"/>',
            text(12, 22, title, kind="title"),
            *shapes,
            "</svg>\n",
        ]
    )


def text(x: float, y: float, words: str, *, anchor: str = "start", kind: str = "") -> str:
    """A line of text; y is its base line."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def whisker(x1: float, y1: float, x2: float, y2: float) -> str:
    """From the lowest to the highest run, with an end across at both."""
    across = 3.0
    dx, dy = (0.0, across) if y1 == y2 else (across, 0.0)
    ends = [line(x - dx, y - dy, x + dx, y + dy, "whisker") for x, y in ((x1, y1), (x2, y2))]
    return "".join([line(x1, y1, x2, y2, "whisker"), *ends])


def short(value: float) -> str:
    """A number on an axis."""
    for size, unit in ((1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"
