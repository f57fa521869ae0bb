"""RESULTS.md: what was asked, on what it was measured, what came out, and what is odd about it."""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench.harness.command import RESULTS
from bench.harness.profile import SUFFIX
from bench.harness.row import Measures, Row, read
from bench.harness.scenario import COST, Figure
from bench.pages import flame
from bench.pages.anomalies import anomalies, reached
from bench.pages.bars import bars
from bench.pages.lines import lines
from bench.pages.medians import Median, Taken
from bench.scenarios import SCENARIOS

BENCH: Final = RESULTS.parent
BEGIN: Final = """# Results

Written by `python -m bench report` from rows of CSV, never by hand. `make bench` measures the short run anew, in ten
minutes, with rows and page in `.bench/results`; `make bench-full` measures all of it. Figures are medians, with the
lowest and the highest run in brackets. CPU and memory are those of a system's whole tree of processes, from the
operating system. Before every run's clock starts, a stretch of load is thrown away; systems take turns; and what was
acknowledged is compared with what the sink received, in each run.
"""
PROFILED: Final = """Samples of the stacks of the loop's thread at 100 x 360 B, by the room whose work was done; what a
room calls outside of ours is in its share. inspan compresses large bodies in threads beside the loop, and their part is
what the kernel counted of their CPU time. While it is looked at a process is slower, so that this is no figure.
"""
PRICED: Final = ("relay", "100 x 360 B")  # the case whose cost stands for a system


def main(argv: Sequence[str]) -> int:
    """Write the page and its charts. Returns 0, or 1 where there are no rows."""
    parser = argparse.ArgumentParser(prog="bench report", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the rows")
    parser.add_argument("--into", type=Path, default=BENCH, help="folder for the page and its charts")
    options = parser.parse_args(argv)
    paths = {name: options.results / f"{name}.csv" for name in SCENARIOS}
    taken = [Taken(SCENARIOS[name], read(path)) for name, path in paths.items() if path.exists()]
    charts = options.into / "charts"
    charts.mkdir(parents=True, exist_ok=True)
    for each in taken:
        (charts / f"{each.scenario.name}.svg").write_text(lines(each) if each.scenario.chart == "lines" else bars(each))
    profiles = {path.stem: flame.read(path) for path in sorted(options.results.glob(f"*{SUFFIX}"))}
    for name, stacks in profiles.items():
        (charts / f"{name}-flame.svg").write_text(flame.flame(f"{name}: where the time goes", stacks))
    (options.into / "RESULTS.md").write_text("\n".join([*page(taken), *_profiles(profiles)]) + "\n")
    print(f"{options.into / 'RESULTS.md'}: {len(taken)} scenarios, {sum(len(each.rows) for each in taken):,} runs")
    return 0 if taken else 1


def page(taken: Sequence[Taken]) -> Iterator[str]:
    """The lines of it."""
    yield BEGIN
    yield "## Measured on\n"
    yield from _machines([row for each in taken for row in each.rows])
    yield "\n## Goals\n"
    yield from _goals(taken)
    yield from _priced(taken)
    yield "\n## Anomalies\n"
    for each in taken:
        yield from (f"* {each.scenario.name}: {words}" for words in anomalies(each))
    for each in taken:
        yield from _scenario(each)


def _profiles(profiles: dict[str, Counter[tuple[str, ...]]]) -> Iterator[str]:
    if not profiles:
        return
    yield "\n## Where the time goes\n"
    yield PROFILED
    for name, stacks in profiles.items():
        yield f"{name}, {stacks.total():,} samples:\n"
        yield from _table(("room", "share"), [(room, f"{share:.1%}") for room, share in flame.rooms(stacks)])
        yield f"\n![{name}: where the time goes](charts/{name}-flame.svg)\n"


def _machines(rows: list[Row]) -> Iterator[str]:
    for here in dict.fromkeys(
        (row.machine.model, row.machine.cores, row.machine.kernel, row.machine.python) for row in rows
    ):
        yield f"* {here[0]}, {here[1]} cores; {here[2]}; {here[3]}"
    libraries = dict.fromkeys(row.machine.libraries for row in rows)
    commits = dict.fromkeys(row.machine.commit for row in rows if row.machine.commit)
    yield from (f"* {words}" for words in libraries)
    if commits:
        yield f"* commit {', '.join(commits)}"
    for name, version in sorted({(row.system, row.version) for row in rows}):
        yield f"* {name}: {version}"


def _goals(taken: Sequence[Taken]) -> Iterator[str]:
    yield from _table(("scenario", "case", "inspan beside", "at least", "measured", "reached"), _goal_rows(taken))


def _goal_rows(taken: Sequence[Taken]) -> Iterator[Sequence[str]]:
    for each in taken:
        for goal in each.scenario.goals:
            found = reached(each, goal)
            told = ("not measured", "") if found is None else (f"{found[0]:.2f}", "yes" if found[1] else "**no**")
            yield each.scenario.name, goal.case, goal.beside, f"{goal.least:g}", *told


def _priced(taken: Sequence[Taken]) -> Iterator[str]:
    """One number a system."""
    name, case = PRICED
    for each in taken:
        if each.scenario.name == name and case in each.cases:
            yield f"\n## A million spans\n\nIn CPU-seconds, at {case}:\n"
            found = [(system, each.median(COST, case, system)) for system in each.systems]
            yield from _table(("system", "CPU-seconds"), [(who, _shown(median, COST)) for who, median in found])


def _scenario(taken: Taken) -> Iterator[str]:
    scenario = taken.scenario
    yield f"\n## {scenario.name}\n\n{scenario.asks} {scenario.how}\n\n![{scenario.asks}](charts/{scenario.name}.svg)"
    for figure in scenario.figures:
        rows = list(_figures(taken, figure))
        if rows:
            yield f"\n{figure.name}, {figure.unit}:\n"
            yield from _table((scenario.axis or "case", *taken.systems), rows)
    sent = list(_sent(taken))
    if sent:
        yield "\nWhat was really sent, as the sink saw it:\n"
        head = (
            "case",
            "system",
            "encoding",
            "spans a request",
            "most",
            "bytes a span",
            "connections",
            "lost",
            "generator",
        )
        yield from _table(head, sent)
    if scenario.tried:
        yield "\nWhat was tried, and what stands in the way:\n"
        yield from (f"* {words}" for words in scenario.tried)
    commits = ", ".join(dict.fromkeys(row.machine.commit or "unknown" for row in taken.rows))
    seconds = ", ".join(dict.fromkeys(_seconds(row) for row in taken.rows))
    yield f"\n{len(taken.rows)} runs of {seconds} s of load, at commit {commits}."
    yield "\nWatched in each run: " + "; ".join(f"{risk.name} ({risk.why})" for risk in scenario.risks) + "."


def _seconds(row: Row) -> str:
    """Of load, as the row's config has them last."""
    config = msgspec.json.decode(row.config)
    return f"{config[-1]:g}" if config else "unknown"


def _figures(taken: Taken, figure: Figure) -> Iterator[Sequence[str]]:
    for case in taken.cases:
        found = [taken.median(figure, case, system) for system in taken.systems]
        if any(found):
            shown = [_shown(each, figure) for each in found]
            yield case, *shown


def _shown(median: Median | None, figure: Figure) -> str:
    if median is None:
        return "–"
    return f"{median.middle:{figure.show}} ({median.lowest:{figure.show}} to {median.highest:{figure.show}})"


def _sent(taken: Taken) -> Iterator[Sequence[str]]:
    for case in taken.cases:
        for system in taken.systems:
            found = [row.found for row in taken.kept(case, system) if row.found.requests]
            if found:
                yield case, system, *_saw(found)


def _saw(found: list[Measures]) -> Sequence[str]:
    spans, requests = sum(each.spans or 0 for each in found), sum(each.requests or 0 for each in found)
    walls = sum(each.load_wall or 0 for each in found)
    return (
        "+".join(sorted({each.encodings or "" for each in found})),
        f"{spans / requests:,.0f}",
        f"{max(each.most_spans or 0 for each in found):,}",
        f"{sum(each.sent_bytes or 0 for each in found) / max(1, spans):,.0f}",
        f"{max(each.connections or 0 for each in found):,}",
        f"{sum(each.lost or 0 for each in found):,}",
        f"{sum(each.generator_cpu or 0 for each in found) / walls:.0%} of its core" if walls else "–",
    )


def _table(head: Sequence[str], rows: Iterator[Sequence[str]] | list[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
