"""Rows and a scenario for tests, complete but for what a test is about."""

from typing import Any

from bench.harness.risk import BOOKS, MACHINE
from bench.harness.row import Machine, Measures, Row
from bench.harness.scenario import SPEED, Goal, Scenario
from bench.harness.settings import Case, Load
from bench.harness.systems import NOTHING, OURS, ROTEL

MACHINE_OF_TESTS = Machine(model="m", cores=2, kernel="k", python="p", libraries="l", commit="c", load=0.5)
CASES = tuple(Case(name=f"{spans} spans", x=spans, load=Load(spans=spans)) for spans in (1, 100))


def row(found: dict[str, Any] | None = None, **changed: Any) -> Row:
    """One run."""
    made: dict[str, Any] = {
        "scenario": "relay",
        "case": "1 spans",
        "x": 1.0,
        "system": "inspan",
        "version": "1",
        "run": 1,
        "attempt": 1,
        "kept": True,
        "disturbed": "",
        "started": "2026-01-01T00:00:00+00:00",
        "seed": 1,
        "config": "[]",
    }
    return Row(**made | changed, machine=MACHINE_OF_TESTS, found=Measures(**found or {}))


def runs(system: str, speeds: list[float], case: str = "1 spans") -> list[Row]:
    """Runs that relayed so many spans in a second of CPU time."""
    return [
        row(found={"spans": round(speed), "cpu": 1.0, "lost": 0}, system=system, case=case, run=number)
        for number, speed in enumerate(speeds, 1)
    ]


def scenario(run: Any = None, **changed: Any) -> Scenario:
    """One that asks for speed."""
    made: dict[str, Any] = {
        "name": "relay",
        "asks": "How fast?",
        "how": "In turns.",
        "cases": CASES,
        "quick": ("1 spans",),
        "systems": (OURS, ROTEL, NOTHING),
        "run": run,
        "figures": (SPEED,),
        "risks": (*MACHINE, BOOKS),
        "goals": (Goal("1 spans", "rotel", 2.0),),
    }
    return Scenario(**made | changed)
