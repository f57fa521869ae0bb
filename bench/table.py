"""Tables as text, and numbers as people read them."""

import statistics
from collections.abc import Sequence

WIDTH = 2  # spaces between columns


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need; the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        return (" " * WIDTH).join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]).rstrip()

    rule = "-" * (sum(widths) + WIDTH * (len(widths) - 1))
    return "\n".join(["", title, rule, line(head), rule, *map(line, rows), rule])


def median(values: Sequence[float]) -> float:
    """nan where there are none."""
    return statistics.median(values) if values else float("nan")


def spread(values: Sequence[float], show: str = ",.0f", scale: float = 1) -> str:
    """Lowest to highest."""
    return f"{format(min(values) * scale, show)} – {format(max(values) * scale, show)}" if values else "–"


def percent(share: float) -> str:
    """Of one core."""
    return f"{share * 100:.0f} %"


def mebibytes(size: float) -> str:
    """Bytes as MiB."""
    return f"{size / 2**20:.1f} MiB"
