"""One gate a destination: whether an attempt may start now. Pure: time and randomness are arguments.

An upstream that is down is one fact, not one for each slot. While the gate is shut or paused, one attempt at a time
passes it: the probe.
"""

from collections.abc import Callable
from typing import Final, Literal

State = Literal["open", "shut", "paused"]
STATES: Final[tuple[State, ...]] = ("open", "shut", "paused")

MAX_RETRY_AFTER: Final = 300.0  # s; an upstream that asks for longer is asked again all the same: it may have healed
PROBE_PAUSED: Final = 30.0  # s between probes of a destination whose configuration looks wrong
SECOND_LOOK: Final = 2.0  # s to the first probe where only few spans were refused: other spans may have come by then
GROWTH: Final = 2.0
MIN_SHARE: Final = 0.1  # of the backoff: full jitter, but never so small that a dead upstream is hammered


class Gate:
    """open: all may pass. shut: the upstream asked for time. paused: it refuses us, and waiting alone will not help.

    initial, longest: seconds, the first and the longest backoff. uniform: random.uniform, or a seeded one.
    """

    def __init__(self, initial: float, longest: float, uniform: Callable[[float, float], float]) -> None:
        self.initial = initial
        self.longest = longest
        self.uniform = uniform
        self.state: State = "open"
        self.reason = ""
        self.since = 0.0  # time at which the state last changed
        self.next = 0.0  # time at which the next probe may start
        self.backoff = initial
        self.obeyed = MAX_RETRY_AFTER
        self.asked = 0.0  # until when the upstream asked us to wait
        self.probing = False
        self.failures = 0  # in a row

    def __repr__(self) -> str:
        return f"<Gate {self.state} {self.failures} failures {self.reason!r}>"

    def wait(self, now: float) -> float | None:
        """Seconds until an attempt may start: 0 when it may start now; None while a probe is under way."""
        if self.state == "open":
            return 0.0
        if self.probing:
            return None
        return max(0.0, self.next - now)

    def enter(self) -> bool:
        """An attempt starts. True where it is the probe: its verdict must come back with `probe=True`."""
        probe = self.state != "open"
        self.probing = self.probing or probe
        return probe

    def succeeded(self, now: float, *, probe: bool) -> bool:
        """An attempt was answered with anything that shows the upstream works. True where that opened the gate.

        One that was under way when the upstream asked for time does not cut that time short.
        """
        if self.state == "shut" and not probe and now < self.asked:
            return False
        opened = self.state != "open"
        if opened:
            self.since = now
        self.state = "open"
        self.reason = ""
        self.probing = False
        self.backoff = self.initial
        self.failures = 0
        return opened

    def failed(self, now: float, reason: str, *, retry_after: float | None = None, probe: bool = False) -> bool:
        """An attempt was put off. True where that shut the gate.

        Attempts that were under way when the gate shut tell the same fact again: of them only a longer
        `retry_after` (seconds) counts.
        """
        asked = 0.0 if retry_after is None else now + min(retry_after, self.obeyed)
        self.asked = max(self.asked, asked)
        if self.state != "open" and not probe:
            self.next = max(self.next, asked)
            return False
        changed = self._change("shut", now, reason, probe=probe)
        least = self.backoff * MIN_SHARE  # also where the upstream says 0, and means it each time
        self.next = max(asked, now + (self.uniform(least, self.backoff) if retry_after is None else least))
        self.backoff = min(self.backoff * GROWTH, self.longest)
        return changed

    def pause(self, now: float, reason: str, wait: float = PROBE_PAUSED, *, probe: bool = False) -> bool:
        """The destination will not have anything from us. True where that is news.

        wait: seconds until the next probe. Where it is paused already and this is not a probe's verdict, nothing moves.
        """
        if self.state == "paused" and not probe:
            return False
        changed = self._change("paused", now, reason, probe=probe)
        self.next = now + min(wait, self.obeyed)
        return changed

    def withdrawn(self) -> None:
        """The probe was abandoned with no verdict: another may probe."""
        self.probing = False

    def hurry(self, now: float) -> None:
        """Draining: the wait in hand is cut short and later ones stay at the shortest, whatever is asked for."""
        self.next = min(self.next, now)
        self.asked = min(self.asked, now)
        self.backoff = self.longest = self.obeyed = self.initial

    def _change(self, state: State, now: float, reason: str, *, probe: bool) -> bool:
        changed = state != self.state
        if changed:
            self.since = now
        self.state, self.reason = state, reason
        self.probing = self.probing and not probe
        self.failures += 1
        return changed
