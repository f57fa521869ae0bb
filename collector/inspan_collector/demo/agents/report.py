"""What an agent says of itself: a JSON line on standard output, a few times a second."""

import sys
import time
from collections.abc import Iterator
from typing import Final

import msgspec

INTERVAL: Final = 0.02  # s; a view should not show spans as received before it shows them as made


class Report(msgspec.Struct, kw_only=True):
    """An agent's own books. Of copies: copies = accepted + lost + what it has not posted yet.

    name: for people. spans: started. copies: made of them, to be posted. accepted: answered 2xx by the sidecar.
    lost: given up. ended: spans of which a copy with an end was accepted. running: spans of which a copy was accepted,
    and none with an end. requests: answered, in whatever way.
    """

    name: str
    spans: int = 0
    copies: int = 0
    accepted: int = 0
    lost: int = 0
    ended: int = 0
    running: int = 0
    requests: int = 0

    def say(self) -> None:
        """Write the line."""
        sys.stdout.write(msgspec.json.encode(self).decode() + "\n")
        sys.stdout.flush()


def turns(report: Report, seconds: float, per_second: float) -> Iterator[None]:
    """Yield at that pace until the seconds are over, and report meanwhile. Who falls behind does not catch up."""
    now = time.monotonic()
    end, due, said = now + seconds, now, 0.0
    while now < end:
        if now - said >= INTERVAL:
            report.say()
            said = now
        yield
        due = max(due + 1 / per_second, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
        now = time.monotonic()
