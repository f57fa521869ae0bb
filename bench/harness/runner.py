"""Runs of a scenario: systems in turns, disturbed ones once more, each a row."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Final

import msgspec

from bench.bodies import SEED
from bench.harness.risk import disturbances
from bench.harness.row import Machine, Row
from bench.harness.scenario import Scenario
from bench.harness.settings import Case
from bench.harness.stage import Stage
from bench.harness.systems import System, able
from bench.progress import Progress

ATTEMPTS: Final = 3  # of a run; a machine that is disturbed three times in a row is, and the row says so


class Plan(msgspec.Struct, frozen=True):
    """What is measured of a scenario. systems: with their versions."""

    scenario: Scenario
    cases: list[Case]
    systems: list[tuple[System, str]]
    runs: int
    attempts: int = ATTEMPTS

    @property
    def size(self) -> int:
        """Runs in all, without those that are repeated."""
        return len(list(order(self)))


class Runner:
    """keep: is given every row as soon as there is one."""

    def __init__(self, stage: Stage, machine: Machine, progress: Progress, keep: Callable[[Row], None]) -> None:
        self.stage = stage
        self.machine = machine
        self.progress = progress
        self.keep = keep

    def __repr__(self) -> str:
        return f"<Runner {self.progress!r}>"

    def run(self, plan: Plan) -> None:
        """All runs. Systems follow each other within a case, so that a slow minute hits all of them."""
        for number, case, system, version in order(plan):
            name = f"run {number}  {plan.scenario.name} {case.name}  {system.name}"
            self.progress.measure(name, partial(self._measure, plan, case, system, version, number))

    def _measure(self, plan: Plan, case: Case, system: System, version: str, number: int) -> str:
        """Until a run is not disturbed, or has been tried often enough. Returns what to say of it."""
        rows: list[Row] = []
        for attempt in range(1, plan.attempts + 1):
            found = plan.scenario.run(self.stage, system, case)
            rows.append(
                Row(
                    scenario=plan.scenario.name,
                    case=case.name,
                    x=case.x,
                    system=system.name,
                    version=version,
                    run=number,
                    attempt=attempt,
                    kept=False,
                    disturbed=disturbances(plan.scenario.risks, case, found),
                    started=datetime.now(UTC).isoformat(timespec="seconds"),
                    seed=SEED,
                    config=msgspec.json.encode([case.load, case.settings, self.stage.seconds]).decode(),
                    machine=self.machine,
                    found=found,
                )
            )
            if not rows[-1].disturbed:
                break
        rows[-1].kept = True
        for row in rows:
            self.keep(row)
        return said(plan.scenario, rows)


def order(plan: Plan) -> Iterator[tuple[int, Case, System, str]]:
    """Each run has every case once, and each case every system, in an order that changes from run to run."""
    for number in range(1, plan.runs + 1):
        chance = random.Random(number)
        for case in plan.cases:
            there = [each for each in plan.systems if able(each[0], case)]
            for system, version in chance.sample(there, len(there)):
                yield number, case, system, version


def said(scenario: Scenario, rows: list[Row]) -> str:
    """A line of progress."""
    figure, row = scenario.figures[0], rows[-1]
    value = figure.of(row)
    shown = "–" if value is None else f"{format(value * figure.scale, figure.show)} {figure.unit}"
    tries = f" (attempt {row.attempt})" if row.attempt > 1 else ""
    return f"{shown}{tries}{f'; disturbed: {row.disturbed}' if row.disturbed else ''}"
