"""What a former life left, and what is found when the disk can be read: the books are brought in line with it."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from inspan_collector.ledger import (
    DROPPED_CRASH,
    DROPPED_SPOOL_CORRUPT,
    QUARANTINED,
    RECOVERED,
    REPLAYED,
    SPOOLED,
)
from inspan_collector.pipeline.destination import Destination
from inspan_collector.pipeline.questions import Questions, Spooled
from inspan_collector.row import Total
from inspan_collector.spool.share import Share


class Former(msgspec.Struct, frozen=True):
    """What a former life's books say of this destination.

    held: spans without a fate. gone: rows of which all spans had one. again: of rows that will be sent once more, the
    spans that had one. noted: how many notes these are. spooled: of what was held, what was on disk alone.
    """

    held: int = 0
    gone: frozenset[int] = frozenset()
    again: Mapping[int, int] = {}
    noted: int = 0
    spooled: int = 0


class Bequest(Questions):
    """Books what was taken over, when it is known what of it is on disk."""

    def __init__(self, destination: Destination, share: Share, disk: Spooled) -> None:
        super().__init__(destination, share, disk)
        self.former = Former()
        self.reopened: Callable[[], None] = lambda: None  # told when the disk works again

    def inherit(self, former: Former) -> None:
        """What the former life held is taken over, as if it were on disk: that is known when the disk can be read."""
        self.former = former
        self.destination.ledger.move(RECOVERED, SPOOLED, former.held)

    def asked(self) -> Sequence[int]:
        """Rows of a former life of which it must be known whether they are there."""
        return [] if self.settled else [*self.former.gone, *self.former.again]

    def found(self, total: Total, present: Mapping[int, int], *, salvaged: bool, damaged: int = 0) -> None:
        """The disk can be read: bring the books in line with what is there.

        total: of this destination, all rows. present: spans by seq, of those rows asked about that are there.
        damaged: spans of rows that were read, and could not be understood: they are in quarantine.
        """
        ledger, share, name = self.destination.ledger, self.share, self.destination.name
        share.disk_spans = total.spans
        if not self.settled:
            self._settle_former(present)
        lost = ledger.balances[SPOOLED] - share.spooled()
        lost -= self._book_damaged(min(damaged, lost))
        if lost > 0:
            self._book_lost(lost, 0 if salvaged or self.settled else self.former.held - self.former.spooled)
        elif lost < 0:
            ledger.move(RECOVERED, SPOOLED, -lost)
        if not self.settled and self.spans():
            self.destination.events.record("backlog", name, "spans of a former life are on disk", spans=self.spans())
        self.settled = True
        self.opened += 1
        self.open = True
        share.cursor = 0
        ledger.publish()
        if salvaged or share.always:
            self.reopened()
        self.destination.poke()

    def _book_damaged(self, spans: int) -> int:
        if spans <= 0:
            return 0
        self.destination.ledger.move(SPOOLED, QUARANTINED, spans)
        message = "rows of a damaged spool cannot be understood any more"
        self.destination.events.record("quarantined", self.destination.name, message, spans=spans)
        return spans

    def _book_lost(self, spans: int, in_memory: int) -> None:
        """These are not on disk. in_memory: how many of them may never have been, as memory died with a process."""
        crashed = min(spans, in_memory)
        for lost, fate, message in (
            (crashed, DROPPED_CRASH, "was in memory alone when inspan was killed"),
            (spans - crashed, DROPPED_SPOOL_CORRUPT, "could not be read back from the spool"),
        ):
            if lost:
                self.destination.ledger.move(SPOOLED, fate, lost)
                self.destination.events.record("dropped", self.destination.name, message, spans=lost)

    def _settle_former(self, present: Mapping[int, int]) -> None:
        former, share = self.former, self.share
        share.bequeathed({seq: spans for seq, spans in present.items() if seq in former.gone}, former.noted)
        again = sum(spans for seq, spans in former.again.items() if seq in present and seq not in former.gone)
        if again:
            self.destination.ledger.move(RECOVERED, SPOOLED, again)
            message = "spans with a fate are in rows that are sent again"
            self.destination.events.record("sent_again", self.destination.name, message, spans=again)

    def replayed(self, spans: int) -> None:
        """Spans were put back on disk by command."""
        self.destination.ledger.move(REPLAYED, SPOOLED, spans)
        self.destination.ledger.publish()
        self.share.cursor = 0
        self.destination.poke()


def memory_lost(destination: Destination, held: int) -> None:
    """Without a spool: all that the former life held was in memory alone."""
    if held:
        destination.ledger.move(RECOVERED, DROPPED_CRASH, held)
        destination.ledger.publish()
        destination.events.record("dropped", destination.name, "was in memory when inspan was killed", spans=held)
