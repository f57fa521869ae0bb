"""What was dropped, said to an operator by reason: how many, and why the last of them was."""

from collections.abc import Callable
from typing import Final

from inspan.buffer import Buffer

LOOK: Final = 1.0  # s between two looks


class Losses:
    """Looks at the buffer's account for what is new. clock: seconds that only grow. say: see Saying.say."""

    def __init__(self, buffer: Buffer, clock: Callable[[], float], say: Callable[[str, str], None]) -> None:
        self._buffer = buffer
        self._clock = clock
        self._say = say
        self._looked = 0.0
        self._said: dict[str, int] = {}
        self._all_said = 0
        self._whys = {
            "buffer_full": f"the sidecar took too little, and {buffer.max_bytes} bytes wait (max_bytes)",
            "unencodable": "there was no room on the stack, or no memory, for encoding them",
            "closed": "recorded after close()",
            "exit": "the sidecar did not take them before the end",
        }

    def __repr__(self) -> str:
        return f"<Losses {self._all_said} said>"

    def explain(self, reason: str, why: str) -> None:
        """Why the last one was. From any thread."""
        self._whys[reason] = why

    def say(self, *, at_once: bool = False) -> None:
        """Say what is new. at_once: there will be no other look."""
        if self._buffer.lost == self._all_said:
            return
        now = self._clock()
        if now - self._looked < LOOK and not at_once:
            return
        dropped = dict(self._buffer.dropped)
        for reason, count in dropped.items():
            new = count - self._said.get(reason, 0)
            if new and reason != "refused":  # which is said with the sidecar's words
                self._say(reason, f"{new} spans were dropped as {reason}: {self._whys[reason]}")
        self._looked, self._said, self._all_said = now, dropped, sum(dropped.values())
