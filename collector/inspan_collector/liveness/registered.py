"""One registered agent: its state, what it says, and what of it came."""

from typing import Final

from inspan.wire import DROPPED, NEVER_ARRIVED
from inspan_collector.liveness.services import OTHER, Totals
from inspan_collector.liveness.told import Registration, Report

RUNNING: Final = "running"
COMPLETED: Final = "completed"  # it said so, and that is final
LOST: Final = "lost"  # silent for too long; it may come back
STATES: Final = (RUNNING, COMPLETED, LOST)
# Characters of an id that status, events and logs have: enough to tell agents apart. Who knows all of it can post in
# its name, and its own posts pass for re-posts then, which are answered and not taken.
SHOWN: Final = 8


class Registered:
    """An agent with a name, whatever its connections. Numbers are spans.

    seen: when it was heard last, in the registry's time. heard: the same, as the loop time of the sweep before it.
    recorded, queued, dropped: as it said last. before: what sidecars of before took of it. arrived: what was taken of
    its posts here, each post once.
    """

    __slots__ = (
        "arrived",
        "before",
        "dropped",
        "heard",
        "id",
        "orphaned",
        "pid",
        "queued",
        "recorded",
        "seen",
        "state",
        "totals",
    )

    def __init__(self, told: Registration, totals: Totals, seen: float, heard: float) -> None:
        self.id = told.registration_id
        self.pid = told.pid
        self.totals = totals
        self.seen = seen
        self.heard = heard
        self.orphaned = False  # nobody expects it to end its spans any more
        self.state = RUNNING
        self.recorded = told.reported.recorded
        self.dropped = _by_reason(told.reported.dropped)
        self.before = told.reported.accepted
        self.queued = 0
        self.arrived = 0

    def __repr__(self) -> str:
        return (
            f"<Registered {self.shown} of {self.service} {self.state} recorded {self.recorded} arrived {self.arrived}>"
        )

    def __str__(self) -> str:
        """For people, as who posted a span."""
        return f"agent {self.shown}"

    @property
    def shown(self) -> str:
        """What everybody may know of its id."""
        return self.id[:SHOWN]

    @property
    def service(self) -> str:
        """The label that it is counted under."""
        return self.totals.service

    @property
    def missing(self) -> int:
        """What it recorded that neither came nor was given up; of a running agent that is still to come."""
        return max(0, self.recorded - sum(self.dropped.values()) - self.before - self.arrived)

    def tell(self, report: Report) -> None:
        """Take its word. A total that went down is one that was overtaken, and says nothing new."""
        totals = self.totals
        if report.recorded > self.recorded:
            totals.recorded += report.recorded - self.recorded
            self.recorded = report.recorded
        for reason, count in _by_reason(report.dropped).items():
            known = self.dropped.get(reason, 0)
            if count > known:
                totals.dropped[reason] += count - known
                self.dropped[reason] = count
        self.queued = report.queued

    def write_off(self) -> int:
        """Nothing more will come: what is missing was lost on the way. Returns how many spans that is."""
        missing = self.missing
        if missing:
            self.dropped[NEVER_ARRIVED] = self.dropped.get(NEVER_ARRIVED, 0) + missing
            self.totals.dropped[NEVER_ARRIVED] += missing
        self.queued = 0
        return missing


def _by_reason(told: dict[str, int]) -> dict[str, int]:
    """Under the reasons that there are. What never arrived is for us to find, so an agent's word for it is another."""
    found: dict[str, int] = {}
    for reason, count in told.items():
        name = reason if reason in DROPPED else OTHER
        found[name] = found.get(name, 0) + count
    return found
