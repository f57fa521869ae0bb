"""Where a share of what was measured lies. The standard library alone: the peers' own Pythons read this too."""

from collections.abc import Sequence


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies; they are in order. nan where there are none."""
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if len(ordered) else float("nan")
