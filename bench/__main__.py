"""`python -m bench [quick | full | profile | report | SCENARIO] [options]`: which measurement."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from bench import agent, custody, memory, page, sizing, upserts
from bench.harness import command, profile
from bench.harness.scenario import Scenario
from bench.pages import results
from bench.scenarios import SCENARIOS

# Those that measure one thing in their own way, and print tables.
BY_THEMSELVES: Final[dict[str, Callable[[Sequence[str]], int]]] = {
    "upserts": upserts.main,
    "custody": custody.main,
    "agent": agent.main,
    "memory": memory.main,
    "sizing": sizing.main,
    "page": page.main,
}


def main(argv: Sequence[str]) -> int:
    """Run what is named first, else the short run. Returns the exit code."""
    name, *options = argv or ["quick"]
    if name in BY_THEMSELVES:
        return BY_THEMSELVES[name](options)
    if name == "profile":
        return profile.main(options)
    if name == "report":
        return results.main(options)
    if name == "full":
        code = _measured(list(SCENARIOS.values()), options, command.RESULTS)
        return max(code, *(measure([]) for measure in BY_THEMSELVES.values()))
    if name == "quick":
        return _measured(list(SCENARIOS.values()), options, command.GLANCES, quick=True)
    if name in SCENARIOS:
        return _measured([SCENARIOS[name]], options, command.GLANCES)
    known = ", ".join(["quick", "full", "profile", "report", *SCENARIOS, *BY_THEMSELVES])
    print(f"bench: no scenario {name!r}; there is {known}", file=sys.stderr)  # options are a scenario's own
    return 2


def _measured(scenarios: Sequence[Scenario], options: Sequence[str], default: Path, *, quick: bool = False) -> int:
    """Run, then write what came of it: beside the rows, or where it is published. default: the folder of the rows."""
    rows = command.folder(options, default)
    if len(scenarios) > 1:
        profile.main(["--results", str(rows)])
    code = command.run(scenarios, options, default, quick=quick)
    results.main(["--results", str(rows), "--into", str(rows.parent if rows == command.RESULTS else rows)])
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
