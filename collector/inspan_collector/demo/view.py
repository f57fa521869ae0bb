"""The live view: one moment as a frame of 80 columns. Pure."""

from collections import deque
from datetime import datetime
from typing import Final

from inspan_collector.demo.observed import Destination, Event, Moment
from inspan_collector.demo.scene import DIALECTS, TAKES
from inspan_collector.screen.paint import BAD, BOLD, COLUMNS, DIM, GOOD, WARN, Paint

WIDTH: Final = COLUMNS - 1  # the last column is left free: some terminals wrap as soon as it is written
NAME: Final = 24
CELLS: Final = (10, 8, 10, 10, 9, 8)  # columns; with NAME they fill WIDTH
EVENTS: Final = 3  # lines; with them the frame has 20, and a terminal has 24
ACCOUNTS: Final = ("enqueued", "queued", "in_flight", "delivered", "merged")  # and what is lost
GATES: Final = {"open": GOOD, "shut": WARN, "paused": BAD}

Cell = int | float | str


class View:
    """Draws moments. Remembers the last events, since each moment brings only its own."""

    def __init__(self, paint: Paint) -> None:
        self.paint = paint
        self.last: deque[Event] = deque(maxlen=EVENTS)

    def frame(self, moment: Moment) -> list[str]:
        """The lines of a frame, none over WIDTH, always as many."""
        self.last.extend(moment.events)
        parts = [self._agents(moment), self._sidecar(moment), self._upstream(moment), self._events()]
        return [self._top(moment), *(line for part in parts for line in ("", *part))]

    def _top(self, moment: Moment) -> str:
        share = min(1.0, moment.elapsed / moment.seconds)
        title = f"inspan demo, seed {moment.seed}"
        time = f"  {min(moment.elapsed, moment.seconds):4.1f} of {moment.seconds:g} s  "
        room = WIDTH - len(title) - len(time)
        bar = ("█" * round(room * share)).ljust(room, "·")
        return self.paint(title, BOLD) + time + self.paint(bar, GOOD)

    def _agents(self, moment: Moment) -> list[str]:
        lines = [self._heading("agents", "spans", "running", "copies", "accepted", "posts", "lost")]
        for name in DIALECTS:
            told = moment.agents.get(name)
            if told is None:
                lines.append(self._row("starting"))
                continue
            numbers = (told.spans, told.running, told.copies, told.accepted, told.requests, told.lost)
            lines.append(self._row(told.name, *numbers))
        return lines

    def _sidecar(self, moment: Moment) -> list[str]:
        books = moment.status.ledger
        lines = [self._heading("sidecar", "enqueued", "queued", "in flight", "delivered", "merged", "lost")]
        for name, takes in TAKES.items():
            accounts = [books.of(name, account) for account in ACCOUNTS]
            lines.append(self._row(f"{name}: {takes}", *accounts, books.lost(name)))
        refused = sum(sum(book.refused.values()) for book in books.dialects.values())
        held = sum(each.upserts.held for each in moment.status.destinations if each.upserts)
        words = f"  {refused:,} refused; {moment.status.connections} connections; "
        words += f"{held:,} starts held; the books differ by "
        return [*lines, self.paint(words, DIM) + self.paint(str(books.imbalance), BAD if books.imbalance else GOOD)]

    def _upstream(self, moment: Moment) -> list[str]:
        lines = [self._heading("to the upstream", "requests", "each", "gate", "connected", "opened")]
        lines += [self._destination(destination) for destination in moment.status.destinations]
        count = moment.count
        answered = ", ".join(f"{number:,} with {status}" for status, number in sorted(count.answered.items()))
        has = f"  it took {count.spans:,} copies, shows {count.running:,} running, answered {answered or 'nothing'}"
        mood = f"  the upstream {moment.mood.words}"
        return [*lines, self.paint(mood[:WIDTH], WARN if moment.mood.bad else DIM), self.paint(has[:WIDTH], DIM)]

    def _destination(self, destination: Destination) -> str:
        batches, pool, gate = destination.batches, destination.connections, destination.gate.state
        each = batches.spans / max(1, batches.sent)
        return self._row(destination.name, batches.sent, each, gate, pool.open, pool.opened)

    def _events(self) -> list[str]:
        lines = [self.paint("last events", BOLD), *(self.paint(_event(event), DIM) for event in self.last)]
        return lines + [""] * (EVENTS - len(self.last))

    def _heading(self, title: str, *columns: str) -> str:
        cells = "".join(column.rjust(width) for column, width in zip(columns, CELLS, strict=False))
        return self.paint(title.ljust(NAME), BOLD) + self.paint(cells, DIM)

    def _row(self, name: str, *cells: Cell) -> str:
        """One line. A last cell that is not 0 is a loss; there it is in red."""
        shown = [self._cell(cell, width) for cell, width in zip(cells, CELLS, strict=False)]
        if len(cells) == len(CELLS) and cells[-1]:
            shown[-1] = self.paint(shown[-1], BAD)
        return f"  {name}"[:NAME].ljust(NAME) + "".join(shown)

    def _cell(self, cell: Cell, width: int) -> str:
        if isinstance(cell, str):
            return self.paint(cell.rjust(width), GATES.get(cell, DIM))
        return (f"{cell:,}" if isinstance(cell, int) else f"{cell:.1f}").rjust(width)


def _event(event: Event) -> str:
    when = datetime.fromtimestamp(event.at).astimezone().strftime("%H:%M:%S")
    return f"  {when} {event.destination}: {event.message}"[:WIDTH]
