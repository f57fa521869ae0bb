"""One frame: everything that has room, the most important first. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from inspan_collector.cli.terminal import age, cut, plural, safe, size
from inspan_collector.cli.top.blocks import block, row
from inspan_collector.cli.top.told import Agent, Event, Status
from inspan_collector.cli.top.watch import Watch
from inspan_collector.cli.top.words import NEARLY_FULL, clock, counted, number, verdict
from inspan_collector.screen.bars import bar
from inspan_collector.screen.cells import cells, padded
from inspan_collector.screen.line import Piece, apart, fitting, line
from inspan_collector.screen.paint import BAD, BOLD, DIM, WARN, Paint

LABEL: Final = 9  # columns of what stands before numbers
MEMORY: Final = 12  # columns of the bar
WORDS: Final = 5  # lines of what one should know first
EVENTS: Final = 3  # lines that are kept for what happened
MOST_EVENTS: Final = 20  # lines, on the largest screen: what is older is in /events
AGENTS: Final = 8  # lines of agents, where there is room for them too
NARROW, BROAD = 10, 24  # columns of the name of an agent's service, at least and at most
NUMBERS: Final = 59  # columns of an agent's line behind that name
LOSING: Final = 10  # columns of what an agent lost
MANY: Final = 10_000_000  # spans; what is more would be wider than its columns
HEADINGS: Final = 2  # lines: an empty one, and that which says what follows
LOUD: Final = frozenset(
    {"books", "dropped", "paused", "quarantined", "rejected"}
)  # kinds of events that ask for somebody

Line = Sequence[Piece]


def frame(watch: Watch, address: str, now: float, *, columns: int, rows: int, paint: Paint) -> list[str]:
    """Lines, none wider than the terminal, and no more than it has rows. now: seconds since the epoch."""
    said = verdict(watch, address, now)
    head: list[Line] = [_title(watch, columns), *([piece] for piece in said[:WORDS])]
    if len(said) > WORDS:
        head[-1] = [Piece(f"and {len(said) - WORDS + 1} more", WARN)]
    head += [[], *_coming(watch, columns)]
    left = rows - len(head)
    lines = [*head, *_destinations(watch, columns, left - HEADINGS - EVENTS)]
    lines += _agents(watch, columns, rows - len(lines) - HEADINGS - EVENTS)
    lines += _events(watch, rows - len(lines))
    return [line(each, columns, paint) for each in lines[:rows]]


def _title(watch: Watch, columns: int) -> Line:
    life = watch.status.life
    left = [Piece("inspan", BOLD), Piece(f" {safe(life.version)}  {safe(life.host)}  up {age(life.seconds)}")]
    return apart(left, [Piece(f"{clock(watch.now.at)}  q quits", DIM)], columns)


def _coming(watch: Watch, columns: int) -> list[Line]:
    """What agents send, and what is held of it."""
    status, books = watch.status, watch.status.ledger.dialects
    total = watch.rate(lambda status: sum(book.accepted for book in status.ledger.dialects.values()))
    used = [name for name, book in books.items() if book.received]
    speeds = [f"{name} {number(watch.rate(_accepted(name)))}" for name in used]
    refused: dict[str, int] = {}
    for book in books.values():
        for reason, count in book.refused.items():
            refused[reason] = refused.get(reason, 0) + count
    pieces = [Piece(f"{number(total)} spans/s", BOLD), Piece(", ".join(speeds))]
    pieces.append(Piece(f"refused {counted(refused)}", WARN) if refused else Piece("none refused", DIM))
    memory = status.memory
    share = memory.bytes / max(1, memory.limit_bytes)
    states = ", ".join(f"{count} {state}" for state, count in status.agents.states.items() if count)
    held = f"{share:.0%} of {size(memory.limit_bytes)}"
    beside = [
        Piece(f"memory {bar(share, MEMORY)} {held}"),
        *_spool(status),
        Piece(f"agents' connections {status.connections}"),
    ]
    beside.append(Piece(f"agents: {states}" if states else "no agent has registered", "" if states else DIM))
    room = columns - LABEL
    return [[_label("in"), *fitting(pieces, room)], [_label("held"), *fitting(beside, room)]]


def _spool(status: Status) -> list[Piece]:
    if status.spool is None:
        return []
    share = status.spool.bytes / max(1, status.spool.limit_bytes)
    return [Piece(f"spool {share:.0%} of {size(status.spool.limit_bytes)}", WARN if share >= NEARLY_FULL else "")]


def _accepted(name: str) -> Callable[..., float]:
    return lambda status: status.ledger.dialects[name].accepted if name in status.ledger.dialects else 0


def _label(text: str) -> Piece:
    return Piece(text.ljust(LABEL), DIM)


def _destinations(watch: Watch, columns: int, rows: int) -> list[Line]:
    """All of each where there is room, else a line of each, else those that need to be looked at."""
    found = watch.status.destinations
    blocks = [block(watch, each, columns) for each in found]
    if sum(len(each) + 1 for each in blocks) <= rows:
        return [part for each in blocks for part in ([], *each)]
    wide = max((cells(safe(each.name)) for each in found), default=0)
    order = sorted(found, key=lambda each: (-watch.lost(each), each.gate.state == "open", -each.filled()))
    room = max(1, rows - HEADINGS)
    shown = found if len(found) <= room else order[: room - 1]
    lines: list[Line] = [[], row(None, None, columns, wide), *(row(watch, each, columns, wide) for each in shown)]
    if len(shown) < len(found):
        lines.append([Piece(f"and {len(found) - len(shown)} more, of which nothing is lost or less", DIM)])
    return lines


def _agents(watch: Watch, columns: int, rows: int) -> list[Line]:
    found, known = watch.status.agents.last, sum(watch.status.agents.states.values())
    if not found or rows < HEADINGS + 1:
        return []
    shown = found[: min(AGENTS, rows - HEADINGS)]
    more = f", {known - len(shown):,} more" if known > len(shown) else ""  # a feed has those heard last, and no more
    losing = any(_lost(each) for each in shown)
    wide = max(NARROW, min(BROAD, columns - NUMBERS - (LOSING if losing else 0)))
    return [[], [Piece("agents", BOLD), Piece(f"  heard last{more}", DIM)], *(_agent(each, wide) for each in shown)]


def _lost(agent: Agent) -> int:
    return sum(agent.dropped.values()) + agent.missing


def _agent(agent: Agent, wide: int) -> Line:
    """wide: columns of the service's name."""
    lost = _lost(agent)
    who = f"  {padded(cut(safe(agent.service), wide), wide)} {padded(cut(safe(agent.id), 8), 8)} {safe(agent.state):<9}"
    numbers = f" {age(agent.silent_seconds):>4} ago {_many(agent.accepted):>9} of {_many(agent.recorded):>9} taken"
    return [Piece(who), Piece(numbers), Piece(f"  {_many(lost)} lost" if lost else "", BAD)]


def _many(count: int) -> str:
    return f"{count:,}" if count < MANY else f"{count / 1_000_000:,.0f}M"


def _events(watch: Watch, rows: int) -> list[Line]:
    room = min(MOST_EVENTS, rows - HEADINGS)
    if room < 1:
        return []
    shown = _folded(watch.events)[:room]
    if not shown:
        return [[], [Piece("events", BOLD), Piece("  none yet", DIM)]]
    return [[], [Piece("events", BOLD)], *(_event(each, times) for each, times in shown)]


def _folded(events: Iterable[Event]) -> list[tuple[Event, int]]:
    """The newest first; what happened again at the same destination is one, with how often and all of its spans."""
    found: dict[tuple[str, str, str], list[Event]] = {}
    for event in reversed(list(events)):
        found.setdefault((event.kind, event.destination, event.message), []).append(event)
    return [(replace(same[0], spans=sum(each.spans for each in same)), len(same)) for same in found.values()]


def _event(event: Event, times: int) -> Line:
    where = f"{safe(event.destination)}: " if event.destination else ""
    spans = f" ({plural(event.spans, 'span')})" if event.spans else ""
    often = f", {times:,} times" if times > 1 else ""
    code = BAD if event.kind in LOUD else ""
    return [Piece(f"  {clock(event.at)}  ", DIM), Piece(f"{where}{safe(event.message)}{often}{spans}", code)]
