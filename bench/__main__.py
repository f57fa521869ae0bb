"""`python -m bench [relay | upserts | custody | agent | memory | sizing | page] [options]`: which measurement."""

import sys
from collections.abc import Callable, Sequence
from typing import Final

from bench import agent, custody, memory, page, relay, sizing, upserts

SCENARIOS: Final[dict[str, Callable[[Sequence[str]], int]]] = {
    "relay": relay.main,
    "upserts": upserts.main,
    "custody": custody.main,
    "agent": agent.main,
    "memory": memory.main,
    "sizing": sizing.main,
    "page": page.main,
}


def main(argv: Sequence[str]) -> int:
    """Run the scenario that is named first, else all. Returns the exit code."""
    if argv and argv[0] in SCENARIOS:
        return SCENARIOS[argv[0]](argv[1:])
    if argv:  # options are a scenario's own, so they come after its name
        print(f"bench: no scenario {argv[0]!r}; there is {', '.join(SCENARIOS)}", file=sys.stderr)
        return 2
    return max(scenario([]) for scenario in SCENARIOS.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
