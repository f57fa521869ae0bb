"""The tables of a run of custody, and its goals."""

from collections.abc import Mapping, Sequence
from typing import Final

from bench import beside, durable, recovery
from bench.goals import Goal
from bench.table import mebibytes, median, spread, table

NONE: Final = "no spool"
CONTROL: Final = "no spool, again"
OVERFLOW: Final = "overflow"
ALWAYS: Final = "always"
MODES: Final = {NONE: None, OVERFLOW: "overflow", CONTROL: None, ALWAYS: "always"}

ACKED: Final = 100_000  # spans a second, acknowledged as durable, at least
LAG: Final = 0.010  # s at p99, at most
SHARE: Final = 0.95  # of the spans per CPU-second without a spool, at least
FIRST: Final = 1.0  # s from ready to the first delivery, at most
READ: Final = 300_000  # spans a second, at least

Acked = Sequence[durable.Figure]  # in the order of the runs
Besides = Mapping[str, Mapping[str, Sequence[beside.Figure]]]  # by load and mode
Recoveries = Mapping[str, Sequence[recovery.Figure]]  # by load
HEAD: Final = ("", "median", "lowest – highest", "goal", "reached")


def report(acked: Acked, besides: Besides, recoveries: Recoveries) -> str:
    """Everything that was measured."""
    tables = [_acked(acked)] if acked else []
    tables += [_beside(name, modes) for name, modes in besides.items()]
    tables += [_recovered(recoveries)] if recoveries else []
    rows = [goal.row() for goal in goals(acked, besides, recoveries)]
    return "\n".join([*tables, table("Goals", HEAD, rows)])


def goals(acked: Acked, besides: Besides, recoveries: Recoveries) -> list[Goal]:
    """Every goal, measured or not."""
    waiting = [run.levels["durable"] for run in acked]
    found = [
        Goal("spans acked as durable, a second", [each.rate for each in waiting], ACKED, at_least=True, show=",.0f"),
        _most("loop lag p99 meanwhile", [each.lag for each in waiting], LAG, ",.2f", 1e3, " ms"),
    ]
    found += [_share(f"{name}: overflow / no spool", modes, OVERFLOW) for name, modes in besides.items()]
    relayed = recoveries.get(RELAY, [])
    found.append(_most("first delivery after ready", [each.ready for each in relayed], FIRST, ",.2f", 1, " s"))
    rates = [each.spans / each.read for each in relayed]
    found.append(Goal("read back, spans a second", rates, READ, at_least=True, show=",.0f"))
    return found


RELAY: Final = "OTLP, 100 spans a row"
UPSERTS: Final = "copies, one a row"


def ratios(modes: Mapping[str, Sequence[beside.Figure]], mode: str) -> list[float]:
    """Spans per CPU-second by those without a spool, of each run."""
    return [a.speed / b.speed for a, b in zip(modes.get(mode, []), modes.get(NONE, []), strict=False)]


def _share(what: str, modes: Mapping[str, Sequence[beside.Figure]], mode: str) -> Goal:
    return Goal(what, ratios(modes, mode), SHARE, at_least=True, show=".3f")


def _most(what: str, values: Sequence[float], bound: float, show: str, scale: float, unit: str) -> Goal:
    return Goal(what, values, bound, at_least=False, show=show, scale=scale, unit=unit)


def _acked(acked: Acked) -> str:
    head = (
        "mode always, Inspan-Ack", "spans/s", "lowest – highest", "p50", "p99", "lowest – highest", "max",
        "µs a span", "lag p50", "lag p99", "lowest – highest", "MiB/s to disk", "429s", "lost",
    )  # fmt: skip
    rows = []
    for name in acked[0].levels:
        runs = [run.levels[name] for run in acked]
        p99 = [run.acks.p99 for run in runs]
        lags = [run.lag for run in runs]
        rows.append(
            [
                name,
                f"{median([run.rate for run in runs]):,.0f}",
                spread([run.rate for run in runs]),
                _ms([run.acks.p50 for run in runs]),
                _ms(p99),
                spread(p99, ".2f", 1e3),
                f"{max(run.acks.most for run in runs) * 1e3:.1f} ms",
                f"{median([run.own / run.spans for run in runs]) * 1e6:.2f}",
                _ms([median(run.lags) for run in runs]),
                _ms(lags),
                spread(lags, ".2f", 1e3),
                f"{median([run.disk / run.acks.wall for run in runs]) / 2**20:,.0f}",
                f"{sum(run.acks.refused for run in runs):,}",
                f"{sum(run.lost for run in runs):,}",
            ]
        )
    rest = median([durable.p99(run.rest) for run in acked])
    how = f"GET /livez 200 times a second; at rest p99 {rest * 1e3:.2f} ms: transport, aiohttp, the wait for a core"
    title = f"Acks, and how late the loop is ({how})"
    return table(title, head, rows)


def _beside(name: str, modes: Mapping[str, Sequence[beside.Figure]]) -> str:
    head = ("spool", "spans per CPU-s", "lowest – highest", "of no spool", "lowest – highest", "core", "spans/s",
            "peak RSS", "MiB to disk", "429s", "lost")  # fmt: skip
    rows = []
    for mode, runs in modes.items():
        speeds, shares = [run.speed for run in runs], ratios(modes, mode)
        rows.append(
            [
                mode,
                f"{median(speeds):,.0f}",
                spread(speeds),
                f"{median(shares):.3f}" if mode != NONE else "",
                spread(shares, ".3f") if mode != NONE else "",
                f"{median([run.own / run.wall for run in runs]):.0%}",
                f"{median([run.spans / run.wall for run in runs]):,.0f}",
                mebibytes(max(run.peak for run in runs)),
                f"{median([run.disk for run in runs]) / 2**20:,.1f}",
                f"{sum(run.refused for run in runs):,}",
                f"{sum(run.lost for run in runs):,}",
            ]
        )
    return table(f"{name}: what a spool costs, acks accepted. '{CONTROL}' shows how far equals differ", head, rows)


def _recovered(recoveries: Recoveries) -> str:
    head = ("left on disk", "spans", "first, after exec", "after ready", "read back/s", "lowest – highest",
            "delivered/s", "µs a span", "peak RSS", "fresh p50", "p99", "lost")  # fmt: skip
    rows = []
    for name, runs in recoveries.items():
        fresh = sorted(each for run in runs for each in run.fresh)
        rates = [run.spans / run.read for run in runs]
        rows.append(
            [
                name,
                f"{runs[0].spans:,}",
                f"{median([run.started for run in runs]):.2f} s",
                f"{median([run.ready for run in runs]):.2f} s",
                f"{median(rates):,.0f}",
                spread(rates),
                f"{median([run.spans / run.delivered for run in runs]):,.0f}",
                f"{median([run.own / run.spans for run in runs]) * 1e6:.2f}",
                mebibytes(max(run.peak for run in runs)),
                _ms([median(fresh)]),
                _ms([fresh[len(fresh) * 99 // 100]] if fresh else []),
                f"{sum(run.lost for run in runs):,}",
            ]
        )
    return table("A start with spans on disk; fresh ones come meanwhile, 20 a second", head, rows)


def _ms(values: Sequence[float]) -> str:
    return f"{median(values) * 1e3:.2f} ms"
