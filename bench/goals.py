"""What the figures should reach, beside what they do reach."""

from collections.abc import Sequence

import msgspec

from bench.peers.inspan import Inspan
from bench.quiet import Quiet
from bench.table import median, spread
from bench.throughput import Figure

GZIP, PLAIN = "inspan, gzip", "inspan, no compression"
ROTEL, BLACKHOLE = "rotel, gzip", "rotel, blackhole"

# (shape, ours, theirs, at least this ratio). The blackhole only decodes, which is a bound in its favour.
RATIOS = (
    ("100x358", GZIP, ROTEL, 6.0),
    ("10x365", GZIP, ROTEL, 1.8),
    ("100x4.4K", GZIP, ROTEL, 1.8),
    ("1x436", GZIP, ROTEL, 1.0),
    ("100x358", PLAIN, BLACKHOLE, 4.0),
)
SPEED = ("100x358", GZIP, 1_200_000)  # spans per CPU-second, at least
PEAK = ("100x4.4K", GZIP, 150e6)  # bytes, at most
READY = 0.7  # s from exec to the socket, at most
IDLE = 50e6  # bytes of RSS, at most
LINGER = Inspan.linger  # s; by default, as it is measured
LATENCY = 0.003  # s added to the linger at the median, at most

Figures = dict[tuple[str, str], list[Figure]]  # by shape and peer, in the order of the runs
Quiets = dict[str, list[Quiet]]  # by peer


class Goal(msgspec.Struct, frozen=True):
    """One line: what was measured in each run, and the bound. at_least: or else at most. scale, show: for people."""

    what: str
    values: Sequence[float]
    bound: float
    at_least: bool
    show: str = ",.2f"
    scale: float = 1
    unit: str = ""
    middle: float | None = None

    def row(self) -> list[str]:
        """Cells of a table."""
        goal = f"{'≥' if self.at_least else '≤'} {self._shown(self.bound)}"
        if not self.values:
            return [self.what, "not measured", "", goal, ""]
        value = median(self.values) if self.middle is None else self.middle
        reached = value >= self.bound if self.at_least else value <= self.bound
        lowest = spread(self.values, self.show, self.scale)
        return [self.what, self._shown(value), lowest, goal, "yes" if reached else "NO"]

    def _shown(self, value: float) -> str:
        return f"{format(value * self.scale, self.show)}{self.unit}"


def goals(figures: Figures, quiets: Quiets) -> list[Goal]:
    """Every goal, measured or not."""
    found = [_ratio(figures, *each) for each in RATIOS]
    shape, peer, bound = SPEED
    speeds = [figure.speed for figure in figures.get((shape, peer), [])]
    found.append(Goal(f"{shape}: spans per CPU-second, {peer}", speeds, bound, at_least=True, show=",.0f"))
    shape, peer, most = PEAK
    peaks = [figure.peak for figure in figures.get((shape, peer), [])]
    found.append(_most(f"{shape}: peak RSS, {peer}", peaks, most, ",.1f", 1e-6, " MB"))
    quiet = quiets.get(GZIP, [])
    found.append(_most("ready after exec", [each.ready for each in quiet], READY, ",.2f", 1, " s"))
    found.append(_most("idle RSS", [each.idle for each in quiet], IDLE, ",.1f", 1e-6, " MB"))
    added = [latency - LINGER for each in quiet for latency in each.latencies]
    found.append(_most("post to upstream, less the linger", added, LATENCY, ",.2f", 1e3, " ms"))
    return found


def _ratio(figures: Figures, shape: str, ours: str, theirs: str, bound: float) -> Goal:
    """The ratio of the medians; its spread is that of the runs, each of which had both within seconds."""
    a = [figure.speed for figure in figures.get((shape, ours), [])]
    b = [figure.speed for figure in figures.get((shape, theirs), [])]
    ratios = [x / y for x, y in zip(a, b, strict=False)]
    middle = median(a) / median(b) if ratios else None
    return Goal(f"{shape}: {ours} / {theirs}", ratios, bound, at_least=True, unit="x", middle=middle)


def _most(what: str, values: Sequence[float], bound: float, show: str, scale: float, unit: str) -> Goal:
    return Goal(what, values, bound, at_least=False, show=show, scale=scale, unit=unit)
