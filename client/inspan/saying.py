"""What an operator should know, said through `logging`: the first of a kind at once, repeats each minute with a count.

Called by the sending thread alone: a log may be slow, and the agent does not wait.
"""

import sys
from collections.abc import Callable
from typing import Final

QUIET: Final = 60.0  # s between two lines of one kind

LEVELS: Final = {"connected": "info", "untold": "info"}  # all others are warnings


class Saying:
    """Lines of the logger `inspan`. clock: seconds that only grow."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kinds: dict[str, tuple[float, int]] = {}  # quiet until, kept back since

    def __repr__(self) -> str:
        return f"<Saying of {', '.join(self._kinds) or 'nothing yet'}>"

    def say(self, kind: str, message: str) -> None:
        """Say it, or count it where its kind was said lately."""
        until, kept_back = self._kinds.get(kind, (0.0, 0))
        now = self._clock()
        if now < until:
            self._kinds[kind] = (until, kept_back + 1)
            return
        self._kinds[kind] = (now + QUIET, 0)
        more = f" ({kept_back} more of this kind lately)" if kept_back else ""
        try:
            _log(LEVELS.get(kind, "warning"), f"{message}{more}")
        except BaseException:  # noqa: BLE001  the agent's own log handlers run in here, and spans must go on
            return


def _log(level: str, line: str) -> None:
    """Import nothing: a fork in the midst of it would leave a child that can never import the same."""
    logging = sys.modules.get("logging")
    if logging is not None:
        getattr(logging.getLogger("inspan"), level)("%s", line)
    elif level == "warning" and sys.stderr is not None:  # as logging does where nobody configured it
        sys.stderr.write(f"inspan: {line}\n")
