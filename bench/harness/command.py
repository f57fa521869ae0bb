"""`python -m bench SCENARIO | quick | full`: what is run, and where its rows go."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.harness.environment import machine
from bench.harness.row import Machine, Row, write
from bench.harness.runner import ATTEMPTS, Plan, Runner
from bench.harness.scenario import Scenario
from bench.harness.stage import Stage
from bench.harness.systems import found
from bench.process import ROOT, cores
from bench.progress import Progress

RESULTS: Final = Path(__file__).parents[1] / "results"
GLANCES: Final = ROOT / ".bench" / "results"  # of all but the long run: what is published is not to be lost to it
RUNS: Final = 5
QUICK: Final = 0.5  # of a scenario's seconds: ten minutes in all


def run(scenarios: Sequence[Scenario], argv: Sequence[str], rows: Path, *, quick: bool = False) -> int:
    """Measure, and write a file of rows a scenario. Returns 1 where a run failed or spans were lost."""
    options = _parser(rows).parse_args(argv)
    plans = [_plan(scenario, options, quick=quick) for scenario in scenarios]
    here, progress = machine(), Progress(sum(plan.size for plan in plans))
    print(f"{here.model}, {here.cores} cores, load {here.load:.2f}; {here.kernel}; {here.python}", flush=True)
    lost = [_run(plan, options, here, progress, quick=quick) for plan in plans if plan.size]
    for failure in progress.failures:
        print(f"failed: {failure}")
    return 1 if progress.failures or any(lost) else 0


def folder(argv: Sequence[str], rows: Path) -> Path:
    """Where rows go that would go to `rows`."""
    where: Path = _parser(rows).parse_args(argv).results
    return where


def _plan(scenario: Scenario, options: argparse.Namespace, *, quick: bool) -> Plan:
    wanted = [case for case in scenario.cases if not quick or case.name in scenario.quick]
    cases = [case for case in wanted if any(word in case.name for word in options.case or [""])]
    named = [name for name in scenario.systems if any(word in name for word in options.system or [""])]
    systems, missing = found(tuple(named))
    for why in missing:
        print(f"{scenario.name}: without {why}", flush=True)
    return Plan(scenario, cases, systems, options.runs, options.attempts)


def _run(plan: Plan, options: argparse.Namespace, here: Machine, progress: Progress, *, quick: bool) -> bool:
    """Returns whether spans were lost. What there is stays in the file, however it ends."""
    seconds = options.seconds or plan.scenario.seconds * (QUICK if quick else 1)
    rows: list[Row] = []
    options.results.mkdir(parents=True, exist_ok=True)

    def keep(row: Row) -> None:
        rows.append(row)
        write(rows, options.results / f"{plan.scenario.name}.csv")

    with Stage(*cores(), seconds) as stage:
        Runner(stage, here, progress, keep).run(plan)
    return any(row.found.lost for row in rows if row.kept)


def _parser(rows: Path) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="of each system in each case (default: %(default)s)")
    parser.add_argument("--seconds", type=float, help="of load in each run (default: the scenario's)")
    parser.add_argument("--attempts", type=int, default=ATTEMPTS, help="of a disturbed run (default: %(default)s)")
    parser.add_argument("--case", action="append", metavar="WORD", help="only cases with WORD in their name; repeat")
    parser.add_argument("--system", action="append", metavar="WORD", help="only systems with WORD in it; repeat")
    parser.add_argument("--results", type=Path, default=rows, help="folder for the rows (default: %(default)s)")
    return parser
