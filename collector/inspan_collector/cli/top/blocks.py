"""One destination: in a few lines, or in one. Pure."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from inspan_collector.cli.standing import short
from inspan_collector.cli.terminal import age, cut, safe
from inspan_collector.cli.top.told import Batches, Destination, Status
from inspan_collector.cli.top.watch import MINUTES, Watch
from inspan_collector.cli.top.words import counted, number
from inspan_collector.screen.bars import bar, spark
from inspan_collector.screen.cells import padded
from inspan_collector.screen.line import Piece, apart, fitting
from inspan_collector.screen.paint import BAD, BOLD, DIM, GOOD, WARN

LABEL: Final = 9  # columns
BAR: Final = 16  # columns; with it the numbers of a queue of 100,000 have room in 80
COURSE: Final = (40, 120)  # columns of the last minutes, at least and at most: 5 s a column say no more than 10
NEARLY: Final = 0.7  # of a queue: it is in yellow
GATES: Final = {"open": GOOD, "shut": WARN, "paused": BAD}
SMALL: Final = 8  # columns of the last minutes in a table, at least: as many as 80 leave beside a long name
NAME: Final = 20  # columns, in a table
CELLS: Final = (8, 6, 9, 9, 8, 9)  # columns of a table: gate, depth, in, out, oldest, lost
HEADING: Final = ("gate", "depth", "in", "out", "oldest", "lost")


def block(watch: Watch, destination: Destination, columns: int) -> list[Sequence[Piece]]:
    """Its lines: what it is and whether it lets pass; depth; the last minutes; what goes out; what is lost."""
    name = safe(destination.name)
    where = Piece(f"  {destination.kind} → {safe(destination.to)}", DIM)
    return [
        apart([Piece(name, BOLD), where], [_gate(destination)], columns),
        [_label("depth"), *fitting(list(_depth(watch, destination)), columns - LABEL, " ")],
        [_label(f"{MINUTES} min"), *_course(watch, destination, columns - LABEL)],
        [_label("out"), *fitting(list(_out(watch, destination)), columns - LABEL)],
        *_lost(watch, destination),
    ]


def _label(text: str) -> Piece:
    return Piece(f"  {text}".ljust(LABEL), DIM)


def _gate(destination: Destination) -> Piece:
    gate = destination.gate
    since = "" if gate.seconds is None or gate.state == "open" else f" for {age(gate.seconds)}"
    return Piece(f"{gate.state}{since}", GATES.get(gate.state, WARN))


def _depth(watch: Watch, destination: Destination) -> Iterator[Piece]:
    filled = destination.filled()
    code = BAD if filled >= 1 else WARN if filled >= NEARLY else ""
    yield Piece(bar(filled, BAR), code)
    yield Piece(f"{filled:>4.0%}", code)
    yield Piece(f" {watch.of(destination.name, 'queued'):,} queued")
    yield Piece(f" {watch.of(destination.name, 'in_flight'):,} in flight")
    if destination.queue.oldest_age_seconds is not None:
        yield Piece(f" oldest {short(destination.queue.oldest_age_seconds)}")
    if spooled := watch.of(destination.name, "spooled"):
        yield Piece(f" {spooled:,} on disk alone")


def _course(watch: Watch, destination: Destination, columns: int) -> Iterator[Piece]:
    """Cells in which spans were dropped are red; the line of what is lost says it in words."""
    shortest, longest = COURSE
    cells = max(shortest, min(longest, columns - 12))
    course, drops = watch.course(destination.name, cells), watch.drops(destination.name, cells)
    begin = 0
    for end in range(1, cells + 1):
        if end == cells or bool(drops[end]) != bool(drops[begin]):
            yield Piece(spark(course[begin:end]), BAD if drops[begin] else "")
            begin = end
    peak = max((share for share in course if share is not None), default=0.0)
    yield Piece(f"  peak {peak:.0%}", DIM)


def _out(watch: Watch, destination: Destination) -> Iterator[Piece]:
    name = destination.name
    sent, spans = watch.rate(_batches(name, _sent)), watch.rate(_batches(name, _spans))
    total = destination.batches
    fill = spans / sent if sent else total.spans / max(1, total.sent)
    yield Piece(f"{number(watch.rate(_account(name, 'delivered')))} spans/s", BOLD)
    yield Piece(f"{number(sent)} requests/s{f' of {fill:,.0f} spans' if fill else ''}")
    yield Piece(f"connections {destination.connections.open}{_reused(destination)}")
    took = destination.durations.delivery
    if took.p50 is not None:
        most = "" if took.p99 is None else f", 99% within {short(took.p99)}"
        yield Piece(f"half within {short(took.p50)}{most}", DIM)


def _reused(destination: Destination) -> str:
    sent, opened = destination.batches.sent, destination.connections.opened
    return f", {max(0, sent - opened) / sent:.0%} reused" if sent and opened else ""


def _lost(watch: Watch, destination: Destination) -> Iterator[Sequence[Piece]]:
    pieces = []
    if watch.lost(destination):
        reasons = dict(watch.reasons(destination.name))
        if destination.quarantine.evicted:
            reasons["evicted"] = destination.quarantine.evicted
        pieces.append(Piece(f"{watch.lost(destination):,}: {counted(reasons)}", BAD))
    if destination.quarantine.spans:
        pieces.append(Piece(f"{destination.quarantine.spans:,} in quarantine", WARN))
    if pieces:
        yield [_label("lost" if watch.lost(destination) else ""), *fitting(pieces, 1 << 16)]


def row(watch: Watch | None, destination: Destination | None, columns: int, wide: int) -> list[Piece]:
    """One line of a table; its heading where there is no destination. wide: columns of the longest name."""
    wide = min(wide, NAME)
    if watch is None or destination is None:
        cells = [Piece(f"{text:>{cell}}", DIM) for text, cell in zip(HEADING, CELLS, strict=True)]
        return [Piece("to".ljust(wide), BOLD), *cells]
    name, filled, lost = destination.name, destination.filled(), watch.lost(destination)
    oldest = destination.queue.oldest_age_seconds
    texts = (
        (destination.gate.state, GATES.get(destination.gate.state, WARN)),
        (f"{filled:.0%}", BAD if filled >= 1 else WARN if filled >= NEARLY else ""),
        (number(watch.rate(_account(name, "enqueued"))) + "/s", ""),
        (number(watch.rate(_account(name, "delivered"))) + "/s", ""),
        ("-" if oldest is None else short(oldest), ""),
        (f"{lost:,}", BAD if lost else DIM),
    )
    cells = [Piece(f"{text:>{cell}}", code) for (text, code), cell in zip(texts, CELLS, strict=True)]
    left = columns - wide - sum(CELLS) - 2
    course = spark(watch.course(name, left)) if left >= SMALL else ""
    return [Piece(padded(cut(safe(name), wide), wide), BOLD), *cells, Piece(f"  {course}")]


def _account(name: str, *accounts: str) -> Callable[[Status], float]:
    """The spans in some accounts of a destination, of any moment."""

    def count(status: Status) -> float:
        books = status.ledger.destinations.get(name, {})
        return sum(books.get(account, 0) for account in accounts)

    return count


def _batches(name: str, what: Callable[[Batches], int]) -> Callable[[Status], float]:
    """A number of what a destination sent, of any moment."""
    return lambda status: sum(what(each.batches) for each in status.destinations if each.name == name)


def _sent(batches: Batches) -> int:
    return batches.sent


def _spans(batches: Batches) -> int:
    return batches.spans
