"""The tables of a run of upserts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from bench.holding import Holding
from bench.outcome import TRANSPORT, Ran
from bench.rows_sink import ANSWER
from bench.table import median, table
from bench.traced import Figure
from bench.upsert_goals import END_ONLY, INSPAN, STARTS_TOO, goals, waiting_goals
from bench.waiting import Waiting

Figures = Mapping[float, Mapping[str, list[Figure]]]  # by rate and name, in the order of the runs
NAMES: Final = (INSPAN, END_ONLY, STARTS_TOO)
HEAD: Final = ("", "median", "lowest – highest", "goal", "reached")


class Line(msgspec.Struct, frozen=True):
    """A line of the table. read: None where the figure does not apply. show, scale, unit: for people."""

    what: str
    read: Callable[[Figure], float | None]
    show: str = ",.0f"
    scale: float = 1
    unit: str = ""

    def cell(self, figures: Sequence[Figure]) -> str:
        """The median, and the spread where there is one."""
        values = [value for value in map(self.read, figures) if value is not None and value == value]
        if not values:
            return "–"
        shown = self._shown(median(values))
        lowest, highest = self._shown(min(values)), self._shown(max(values))
        return (shown if lowest == highest else f"{shown} ({lowest} – {highest})") + self.unit

    def _shown(self, value: float) -> str:
        return format(value * self.scale, self.show)


def _sidecar(figure: Figure) -> float | None:
    return figure.side.cpu / figure.ran.copies if figure.side else None


def _saved(name: str) -> Callable[[Figure], float | None]:
    return lambda figure: figure.side.saved.get(name) if figure.side else None


LINES: Final = (
    Line("spans recorded", lambda f: f.outcome.spans),
    Line("  still open at the end", lambda f: f.outcome.unended),
    Line("copies not recorded: no time", lambda f: f.ran.missed),
    Line("  of the ended longer than hold_open", lambda f: f.outcome.longer, ",.1f", 100, " %"),
    Line("writes a span that ended", lambda f: f.outcome.writes, ",.3f"),
    Line("requests per second", lambda f: f.outcome.requests, ",.2f"),
    Line("MiB upstream", lambda f: f.outcome.size, ",.1f", 2**-20),
    Line("running spans to be seen", lambda f: f.outcome.running),
    Line("  not seen in time", lambda f: f.outcome.late),
    Line("  seen, at worst, after hold_open and linger", lambda f: f.outcome.lateness, ",.2f", 1, " s"),
    Line("end to upstream, p50", lambda f: f.outcome.delay(0.5), ",.0f", 1e3, " ms"),
    Line("end to upstream, p99", lambda f: f.outcome.delay(0.99), ",.0f", 1e3, " ms"),
    Line("ended spans lost", lambda f: f.outcome.lost),
    Line("  of which the agent counted", lambda f: f.ran.dropped),
    Line("open at the end, never seen", lambda f: f.outcome.unseen),
    Line("open copies after their end", lambda f: f.outcome.overtaken),
    Line("posts made again", lambda f: f.ran.reposts),
    Line("CPU of the sidecar, a copy", _sidecar, ",.1f", 1e6, " µs"),
    Line("peak RSS of the sidecar", lambda f: f.side.peak if f.side else None, ",.1f", 2**-20, " MiB"),
    Line("copies merged, by the ledger", lambda f: f.side.merged if f.side else None),
    Line("imbalance of the closing ledger", lambda f: f.side.imbalance if f.side else None),
    Line("agent behind its schedule", lambda f: f.ran.behind, ",.2f", 1, " s"),
    Line("core that the upstream took", lambda f: f.sink, ",.0f", 100, " %"),
    Line("CPU of the agent, a copy", lambda f: f.ran.cpu / f.ran.copies, ",.1f", 1e6, " µs"),
)


def report(figures: Figures, idle: Mapping[float, list[Ran]], holding: Holding, waiting: Waiting | None) -> str:
    """Everything that was measured."""
    tables = [_table(rate, found, idle.get(rate, [])) for rate, found in figures.items()]
    rows = [goal.row() for rate, found in figures.items() for goal in goals(rate, found.get(INSPAN, []), holding)]
    rows += [goal.row() for goal in waiting_goals(waiting)] if waiting else []
    inside = (
        ""
        if waiting is None
        else f"""
Merging, in one process: {waiting.copies:,} copies of {waiting.bytes_a_copy:,.0f} bytes; a plain queue takes \
{median(waiting.plain) * 1e6:.2f} µs for each. A waiting key beside its body: {waiting.held:.0f} bytes held, \
{waiting.ready:.0f} ready, {waiting.alone:.0f} where it came in a post of its own."""
    )
    due = f"""
To be seen: a span that ran more than {holding.longest + ANSWER + TRANSPORT:g} s: hold_open {holding.hold_open:g}, \
linger {holding.linger:g}, an answer {ANSWER:g}, transport {TRANSPORT:g}."""
    return "\n".join([*tables, inside, due, table("Goals of inspan", HEAD, rows)])


def _table(rate: float, found: Mapping[str, list[Figure]], idle: Sequence[Ran]) -> str:
    names = [name for name in NAMES if name in found]
    own = median([ran.cpu / ran.copies for ran in idle])
    net = Line("  less the schedule's own", lambda f: f.ran.cpu / f.ran.copies - own, ",.1f", 1e6, " µs")
    rows = [[line.what, *(line.cell(found[name]) for name in names)] for line in (*LINES, net, *_savings(found))]
    title = f"{rate:g} requests per second; following the schedule is {own * 1e6:,.1f} µs of an agent's CPU a copy"
    return table(title, ("", *names), rows)


def _savings(found: Mapping[str, list[Figure]]) -> list[Line]:
    """What /status says was saved, by its own names, where this version says so."""
    sides = [figure.side for figure in found.get(INSPAN, []) if figure.side]
    names = sorted({name for side in sides for name in side.saved})
    return [Line(f"{name} saved, by /status", _saved(name)) for name in names]
