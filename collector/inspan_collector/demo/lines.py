"""The progress as lines, for logs and for terminals that cannot be drawn over. Pure."""

from typing import Final

from inspan_collector.demo.observed import Moment

HEADING: Final = " time  spans received queued in flight delivered  merged dropped requests  each"


class Lines:
    """A line of numbers a moment, and a line of words where something changed."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}

    def of(self, moment: Moment) -> list[str]:
        """What to write now."""
        states = _states(moment)
        changed = [f"  {what} {state}" for what, state in states.items() if self.said.get(what) != state]
        first = [] if self.said else [HEADING]
        self.said = states
        return [*first, *changed, _numbers(moment)]


def _states(moment: Moment) -> dict[str, str]:
    gates = {f"the gate of {each.name} is": each.gate.state for each in moment.status.destinations}
    return {"the upstream": moment.mood.words, **gates}


def _numbers(moment: Moment) -> str:
    """Below HEADING: spans of the agents, the rest in copies, from `queued` on summed over the destinations."""
    books, destinations = moment.status.ledger, moment.status.destinations
    accounts = [
        sum(books.of(name, account) for name in books.destinations)
        for account in ("queued", "in_flight", "delivered", "merged")
    ]
    spans = sum(report.spans for report in moment.agents.values())
    received = sum(book.received for book in books.dialects.values())
    dropped = sum(books.dropped(name) for name in books.destinations)
    sent = sum(each.batches.sent for each in destinations)
    each = sum(each.batches.spans for each in destinations) / max(1, sent)
    moved = zip(accounts, (7, 10, 10, 8), strict=True)
    cells = [(spans, 7), (received, 9), *moved, (dropped, 8), (sent, 9), (round(each), 6)]
    shown = "".join(f"{number:{width}}" for number, width in cells)
    return f"{min(moment.elapsed, moment.seconds):3.0f} s{shown}"
