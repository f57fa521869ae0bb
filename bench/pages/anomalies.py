"""What is against expectation, each with its evidence, out of the rows."""

from collections.abc import Iterator
from typing import Final

from bench.harness.risk import oddities
from bench.harness.scenario import Goal
from bench.harness.systems import LIMIT, NOTHING, OURS
from bench.pages.medians import Median, Taken

APART: Final = 0.2  # of the median; quiet machines show a tenth
NEAR: Final = 0.9  # of what the harness could do with a system that relays nothing


def anomalies(taken: Taken) -> list[str]:
    """Sentences."""
    return [*_disturbed(taken), *_odd(taken), *_apart(taken), *_near(taken), *_missed(taken), *_few(taken)]


def reached(taken: Taken, goal: Goal) -> tuple[float, bool] | None:
    """The ratio, and whether it is enough; None where one side was not measured."""
    figure = taken.scenario.figures[0]
    ours, theirs = (taken.median(figure, goal.case, system) for system in (OURS, goal.beside))
    if ours is None or theirs is None or not ours.middle or not theirs.middle:
        return None
    ratio = theirs.middle / ours.middle if figure.less else ours.middle / theirs.middle
    return ratio, ratio >= goal.least


def _disturbed(taken: Taken) -> Iterator[str]:
    kept = [row for row in taken.rows if row.kept]
    spoiled = [row for row in kept if row.disturbed]
    if repeated := len(taken.rows) - len(kept):
        yield f"{repeated} runs were disturbed and repeated."
    if spoiled:
        worst = max(spoiled, key=lambda row: (row.found.steal or 0) + (row.found.others or 0))
        yield (
            f"**{len(spoiled)} of {len(kept)} runs that count were disturbed in their last attempt too.** "
            f"At worst, {worst.system} at {worst.case}: {worst.disturbed}."
        )


def _odd(taken: Taken) -> Iterator[str]:
    """Once a risk, with the words of the first run."""
    for case in taken.cases:
        for system in taken.systems:
            rows, seen = taken.kept(case, system), dict[str, list[str]]()
            for row in rows:
                for risk, words in oddities(taken.scenario.risks, taken.scenario.case(case), row.found):
                    seen.setdefault(risk.name, []).append(words)
            for name, told in seen.items():
                yield f"{name}: {system} at {case}, in {len(told)} of {len(rows)} runs: {told[0]}."


def _apart(taken: Taken) -> Iterator[str]:
    """One sentence: where a machine is restless, it is so everywhere."""
    figure = taken.scenario.figures[0]
    pairs = [(case, system) for case in taken.cases for system in taken.systems]
    spreads = {
        pair: median.spread for pair in pairs if (median := taken.median(figure, *pair)) is not None and median.runs > 1
    }
    wide = {pair: spread for pair, spread in spreads.items() if spread > APART}
    if wide:
        case, system = max(wide, key=lambda pair: wide[pair])
        yield (
            f"runs lie over {APART:.0%} apart in {len(wide)} of {len(spreads)} medians of {figure.name}; most of all "
            f"{system} at {case}, {wide[case, system]:.0%}."
        )


def _near(taken: Taken) -> Iterator[str]:
    """Whoever takes spans as fast as the fastest that is no system was not measured, the harness was: CPU a span still
    holds, time does not."""
    for case in taken.cases:
        bound = max(_pace(taken, case, NOTHING), _pace(taken, case, LIMIT))
        for system in taken.systems:
            pace = _pace(taken, case, system)
            if bound and pace > NEAR * bound and system not in (NOTHING, LIMIT):
                share = f"{pace / bound:.0%} as fast as what does the least"
                yield f"{system} at {case} took spans {share}: the harness is near its limit."


def _pace(taken: Taken, case: str, system: str) -> float:
    rows = [row.found for row in taken.kept(case, system)]
    paces = sorted(found.spans / found.load_wall for found in rows if found.spans and found.load_wall)
    return paces[len(paces) // 2] if paces else 0.0


def _missed(taken: Taken) -> Iterator[str]:
    for goal in taken.scenario.goals:
        found = reached(taken, goal)
        if found is not None and not found[1]:
            beside = f"{goal.case}, {OURS} beside {goal.beside}"
            yield f"Goal missed: {beside}: {found[0]:.2f}, at least {goal.least:g} was aimed at."


def _few(taken: Taken) -> Iterator[str]:
    figure = taken.scenario.figures[0]
    found: list[Median | None] = [taken.median(figure, case, name) for case in taken.cases for name in taken.systems]
    least = min((median.runs for median in found if median is not None), default=0)
    if least < 5:
        yield f"Of some there are only {least} runs: this is a first look, and no result."
