"""`python -m bench [quick | full | profile | report | SCENARIO] [options]`: which measurement."""

import sys
from collections.abc import Callable, Sequence
from typing import Final

from bench import agent, custody, memory, page, sizing, upserts
from bench.harness import command, profile
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
    if name in ("quick", "full"):
        return _all(options, quick=name == "quick")
    if name in SCENARIOS:
        return command.run([SCENARIOS[name]], options)
    known = ", ".join(["quick", "full", "profile", "report", *SCENARIOS, *BY_THEMSELVES])
    print(f"bench: no scenario {name!r}; there is {known}", file=sys.stderr)  # options are a scenario's own
    return 2


def _all(options: Sequence[str], *, quick: bool) -> int:
    """Every scenario, then what came of them. The long run has those with tables of their own as well."""
    profile.main([])
    code = command.run(list(SCENARIOS.values()), options, quick=quick)
    if command.folder(options) == command.RESULTS:  # rows that are kept elsewhere are none of the page's
        results.main([])
    return code if quick else max(code, *(measure([]) for measure in BY_THEMSELVES.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
